/*
 * rtnetlink spoken directly: five kinds of message do not justify a library or
 * the `ip` program in an enclave image. Nothing here meets outside data; it runs
 * before any untrusted code does, with privileges that are dropped afterwards.
 */
#include "enclave-worker/netns.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include "lib/attr.h"
#include "lib/buf.h"

#define BUILD_LINK "vb0"
#define PROXY_LINK HM_NETNS_LINK
/* Our largest message (the veth pair) takes some 150 bytes. */
#define MESSAGE_MAX 1024
/* Sessions of one enclave are few; a burst of npm's is what fills this. */
#define BACKLOG 512

struct message {
	union {
		struct nlmsghdr head;
		uint8_t bytes[MESSAGE_MAX];
	} u;
};

static void message_begin(struct message *m, uint16_t type, uint16_t flags,
			  const void *body, size_t len)
{
	*m = (struct message){0};
	m->u.head.nlmsg_type = type;
	m->u.head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	m->u.head.nlmsg_seq = 1;
	m->u.head.nlmsg_len = (uint32_t)NLMSG_LENGTH(len);
	memcpy(NLMSG_DATA(&m->u.head), body, len);
}

/* The offset of the attribute, for message_end_nest(). */
static size_t message_add(struct message *m, unsigned int type,
			  const void *data, size_t len)
{
	size_t at = NLMSG_ALIGN(m->u.head.nlmsg_len);
	struct rtattr attr = {.rta_type = (unsigned short)type,
			      .rta_len = (unsigned short)RTA_LENGTH(len)};

	HM_BUG_ON(at + RTA_SPACE(len) > MESSAGE_MAX);
	memcpy(m->u.bytes + at, &attr, sizeof(attr));
	if (len > 0)
		memcpy(m->u.bytes + at + RTA_LENGTH(0), data, len);
	m->u.head.nlmsg_len = (uint32_t)(at + RTA_LENGTH(len));
	return at;
}

static void message_end_nest(struct message *m, size_t at)
{
	unsigned short len = (unsigned short)(m->u.head.nlmsg_len - at);

	memcpy(m->u.bytes + at + offsetof(struct rtattr, rta_len), &len,
	       sizeof(len));
}

/* Sends and reads the acknowledgement; *ret_errno is the kernel's answer. */
static int netlink_ask(int fd, const struct message *m, int *ret_errno,
		       struct hm_err *err)
{
	struct message answer;
	struct nlmsgerr ack;
	ssize_t n;

	if (send(fd, m->u.bytes, m->u.head.nlmsg_len, 0) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "netlink send");
	n = recv(fd, answer.u.bytes, sizeof(answer.u.bytes), 0);
	if (n < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "netlink receive");
	if ((size_t)n < NLMSG_LENGTH(sizeof(ack)) ||
	    answer.u.head.nlmsg_type != NLMSG_ERROR)
		return hm_fail(err, HM_E_BUG, 0, "netlink answer of %zd bytes",
			       n);
	memcpy(&ack, NLMSG_DATA(&answer.u.head), sizeof(ack));
	*ret_errno = -ack.error;
	return HM_OK;
}

static int netlink_do(int fd, const struct message *m, const char *what,
		      struct hm_err *err)
{
	int error = 0;
	int rc = netlink_ask(fd, m, &error, err);

	if (rc != HM_OK)
		return hm_err_prefix(err, "%s", what);
	if (error != 0)
		return hm_fail(err, HM_E_SYSTEM, error, "%s", what);
	return HM_OK;
}

static int netlink_open(int *ret_fd, struct hm_err *err)
{
	AUTO_CLOSE int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
				   NETLINK_ROUTE);

	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "netlink socket");
	*ret_fd = HM_TAKE_FD(fd);
	return HM_OK;
}

/* vp0 here, vb0 in the namespace of build_fd. */
static int add_veth(int nl, int build_fd, struct hm_err *err)
{
	struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
	uint32_t target = (uint32_t)build_fd;
	struct message m;
	size_t info, data, peer;

	message_begin(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link,
		      sizeof(link));
	message_add(&m, IFLA_IFNAME, PROXY_LINK, sizeof(PROXY_LINK));
	info = message_add(&m, IFLA_LINKINFO, NULL, 0);
	message_add(&m, IFLA_INFO_KIND, "veth", 4);
	data = message_add(&m, IFLA_INFO_DATA, NULL, 0);
	/* The peer's attributes follow a struct ifinfomsg of its own. */
	peer = message_add(&m, VETH_INFO_PEER, &link, sizeof(link));
	message_add(&m, IFLA_IFNAME, BUILD_LINK, sizeof(BUILD_LINK));
	message_add(&m, IFLA_NET_NS_FD, &target, sizeof(target));
	message_end_nest(&m, peer);
	message_end_nest(&m, data);
	message_end_nest(&m, info);
	return netlink_do(nl, &m, "veth pair (is VETH in the kernel?)", err);
}

/*
 * IPv6 is closed by never having an address: without this the kernel gives each
 * interface a link-local one when it comes up. A kernel without IPv6 says so.
 */
static int no_ipv6_address(int nl, int index, struct hm_err *err)
{
	struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = index};
	uint8_t mode = IN6_ADDR_GEN_MODE_NONE;
	struct message m;
	size_t spec, inet6;
	int error = 0;
	int rc;

	message_begin(&m, RTM_NEWLINK, 0, &link, sizeof(link));
	spec = message_add(&m, IFLA_AF_SPEC, NULL, 0);
	inet6 = message_add(&m, AF_INET6, NULL, 0);
	message_add(&m, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof(mode));
	message_end_nest(&m, inet6);
	message_end_nest(&m, spec);
	rc = netlink_ask(nl, &m, &error, err);
	if (rc != HM_OK)
		return rc;
	if (error != 0 && error != EAFNOSUPPORT && error != EOPNOTSUPP)
		return hm_fail(err, HM_E_SYSTEM, error, "no IPv6 address");
	return HM_OK;
}

static int link_up(int nl, int index, const char *what, struct hm_err *err)
{
	struct ifinfomsg link = {.ifi_family = AF_UNSPEC,
				 .ifi_index = index,
				 .ifi_flags = IFF_UP,
				 .ifi_change = IFF_UP};
	struct message m;

	message_begin(&m, RTM_NEWLINK, 0, &link, sizeof(link));
	return netlink_do(nl, &m, what, err);
}

static int add_address(int nl, int index, uint32_t address, struct hm_err *err)
{
	struct ifaddrmsg msg = {.ifa_family = AF_INET,
				.ifa_prefixlen = HM_NETNS_PREFIX,
				.ifa_scope = RT_SCOPE_UNIVERSE,
				.ifa_index = (uint32_t)index};
	uint32_t be = htonl(address);
	struct message m;

	message_begin(&m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &msg,
		      sizeof(msg));
	message_add(&m, IFA_LOCAL, &be, sizeof(be));
	message_add(&m, IFA_ADDRESS, &be, sizeof(be));
	return netlink_do(nl, &m, "address", err);
}

static int default_route(int nl, int index, struct hm_err *err)
{
	struct rtmsg msg = {.rtm_family = AF_INET,
			    .rtm_table = RT_TABLE_MAIN,
			    .rtm_protocol = RTPROT_STATIC,
			    .rtm_scope = RT_SCOPE_UNIVERSE,
			    .rtm_type = RTN_UNICAST};
	uint32_t be = htonl(HM_NETNS_GATEWAY);
	struct message m;

	message_begin(&m, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &msg,
		      sizeof(msg));
	message_add(&m, RTA_GATEWAY, &be, sizeof(be));
	message_add(&m, RTA_OIF, &index, sizeof(index));
	return netlink_do(nl, &m, "default route", err);
}

/*
 * Table main, not local: the local table is asked first, and our replies to the
 * client's /30 must still find the veth.
 */
static int any_ip_route(int nl, int lo, struct hm_err *err)
{
	struct rtmsg msg = {.rtm_family = AF_INET,
			    .rtm_table = RT_TABLE_MAIN,
			    .rtm_protocol = RTPROT_STATIC,
			    .rtm_scope = RT_SCOPE_HOST,
			    .rtm_type = RTN_LOCAL};
	struct message m;

	message_begin(&m, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &msg,
		      sizeof(msg));
	message_add(&m, RTA_OIF, &lo, sizeof(lo));
	return netlink_do(nl, &m, "AnyIP route", err);
}

static int index_of(const char *name, int *ret_index, struct hm_err *err)
{
	unsigned int index = if_nametoindex(name);

	if (index == 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "interface %s", name);
	*ret_index = (int)index;
	return HM_OK;
}

static int wire_proxy(int build_fd, struct hm_err *err)
{
	AUTO_CLOSE int nl = -1;
	int lo = 0, link = 0;

	if (netlink_open(&nl, err) != HM_OK || index_of("lo", &lo, err) != HM_OK ||
	    link_up(nl, lo, "lo up", err) != HM_OK ||
	    add_veth(nl, build_fd, err) != HM_OK ||
	    index_of(PROXY_LINK, &link, err) != HM_OK ||
	    no_ipv6_address(nl, link, err) != HM_OK ||
	    add_address(nl, link, HM_NETNS_GATEWAY, err) != HM_OK ||
	    link_up(nl, link, PROXY_LINK " up", err) != HM_OK ||
	    any_ip_route(nl, lo, err) != HM_OK)
		return err->code;
	return HM_OK;
}

static int wire_build(struct hm_err *err)
{
	AUTO_CLOSE int nl = -1;
	int lo = 0, link = 0;

	if (netlink_open(&nl, err) != HM_OK || index_of("lo", &lo, err) != HM_OK ||
	    link_up(nl, lo, "lo up", err) != HM_OK ||
	    index_of(BUILD_LINK, &link, err) != HM_OK ||
	    no_ipv6_address(nl, link, err) != HM_OK ||
	    add_address(nl, link, HM_NETNS_CLIENT, err) != HM_OK ||
	    link_up(nl, link, BUILD_LINK " up", err) != HM_OK ||
	    default_route(nl, link, err) != HM_OK)
		return err->code;
	return HM_OK;
}

static int new_namespace(int *ret_fd, struct hm_err *err)
{
	AUTO_CLOSE int fd = -1;

	if (unshare(CLONE_NEWNET) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "network namespace");
	fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno,
			       "/proc/thread-self/ns/net");
	*ret_fd = HM_TAKE_FD(fd);
	return HM_OK;
}

int hm_netns_wire(int *ret_build_fd, struct hm_err *err)
{
	AUTO_CLOSE int build = -1;
	AUTO_CLOSE int proxy = -1;

	if (new_namespace(&build, err) != HM_OK ||
	    new_namespace(&proxy, err) != HM_OK)
		return err->code;
	if (wire_proxy(build, err) != HM_OK)
		return hm_err_prefix(err, "proxy namespace");
	if (setns(build, CLONE_NEWNET) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "setns to build");
	if (wire_build(err) != HM_OK)
		return hm_err_prefix(err, "build namespace");
	if (setns(proxy, CLONE_NEWNET) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "setns to proxy");
	*ret_build_fd = HM_TAKE_FD(build);
	return HM_OK;
}

static int bind_any(int type, uint32_t address, uint16_t port, int *ret_fd,
		    struct hm_err *err)
{
	AUTO_CLOSE int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK,
				   0);
	struct sockaddr_in sin = {.sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(address)};

	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "socket");
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "bind port %u", port);
	*ret_fd = HM_TAKE_FD(fd);
	return HM_OK;
}

int hm_netns_listen_tcp(uint16_t port, int *ret_fd, struct hm_err *err)
{
	AUTO_CLOSE int fd = -1;

	if (bind_any(SOCK_STREAM, INADDR_ANY, port, &fd, err) != HM_OK)
		return err->code;
	if (listen(fd, BACKLOG) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "listen on port %u",
			       port);
	*ret_fd = HM_TAKE_FD(fd);
	return HM_OK;
}

int hm_netns_listen_udp(uint16_t port, int *ret_fd, struct hm_err *err)
{
	return bind_any(SOCK_DGRAM, HM_NETNS_GATEWAY, port, ret_fd, err);
}
