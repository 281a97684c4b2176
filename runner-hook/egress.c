/*
 * The runner stands in somebody's network. A build must not reach what is only
 * reachable from there: an address is judged after the name is resolved, on the
 * very sockaddr that connect() gets. Distrusts the worker's request line (it
 * comes from a hostile build), DNS answers, and an HTTP proxy's head.
 */
#include "runner-hook/egress.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <strings.h>

#include "lib/hex.h"
#include "lib/log.h"
#include "lib/num.h"

/* One address of several: leave time for the next. */
#define CONNECT_MS 8000
/* An HTTP proxy's answer to CONNECT. */
#define PROXY_HEAD_MAX 16384

/* Where connections may go when the operator named nothing. */
static const uint16_t public_ports[] = {80, 443};

/*
 * RFC 6890 and successors, less 192.0.2.0/24, 198.51.100.0/24 and 203.0.113.0/24:
 * documentation addresses stand for no real network, and laboratories answer
 * with them.
 */
static const struct {
	uint32_t net, mask;
	const char *why;
} refused4[] = {
	{0x00000000, 0xff000000, "this network"},
	{0x0a000000, 0xff000000, "private"},
	{0x64400000, 0xffc00000, "carrier-grade NAT"},
	{0x7f000000, 0xff000000, "loopback"},
	{0xa9fe0000, 0xffff0000, "link-local (cloud metadata)"},
	{0xac100000, 0xfff00000, "private"},
	{0xc0000000, 0xffffff00, "protocol assignments"},
	{0xc0586300, 0xffffff00, "6to4 relay"},
	{0xc0a80000, 0xffff0000, "private"},
	{0xc6120000, 0xfffe0000, "benchmarking"},
	{0xe0000000, 0xf0000000, "multicast"},
	{0xf0000000, 0xf0000000, "reserved or broadcast"},
};

static const char *refused_ipv4(uint32_t a)
{
	for (size_t i = 0; i < HM_ARRAY_LEN(refused4); i++)
		if ((a & refused4[i].mask) == refused4[i].net)
			return refused4[i].why;
	/* Azure's metadata and DNS service: public by number, not by nature. */
	if (a == 0xa83f8110)
		return "cloud metadata";
	return NULL;
}

static bool has_prefix(const uint8_t *a, const char *prefix, size_t len)
{
	return memcmp(a, prefix, len) == 0;
}

static const char *refused_ipv6(const uint8_t a[16])
{
	static const char zeros[12] = {0};

	if (has_prefix(a, zeros, 12) || /* ::, ::1, ::1.2.3.4 */
	    has_prefix(a, "\0\0\0\0\0\0\0\0\xff\xff\0\0", 12)) {
		const char *why = refused_ipv4(hm_get_u32be(a + 12));

		return why && hm_get_u32be(a + 12) > 1 ? why : "loopback or unspecified";
	}
	if (has_prefix(a, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) ||
	    has_prefix(a, "\0\x64\xff\x9b\0\0\0\0\0\0\0\0", 12))
		return refused_ipv4(hm_get_u32be(a + 12));
	if (has_prefix(a, "\0\x64\xff\x9b\0\x01", 6))
		return "local NAT64";
	if (has_prefix(a, "\x20\x02", 2))
		return refused_ipv4(hm_get_u32be(a + 2));
	if (has_prefix(a, "\x20\x01\0\0", 4))
		return "Teredo";
	/* Only 2000::/3 is global unicast; the rest is local or unassigned. */
	if ((a[0] & 0xe0) != 0x20) {
		if (a[0] == 0xff)
			return "multicast";
		if (a[0] == 0xfe && (a[1] & 0xc0) == 0x80)
			return "link-local";
		if ((a[0] & 0xfe) == 0xfc)
			return "private";
		return "not global unicast";
	}
	return NULL;
}

const char *hm_egress_refused_address(const struct sockaddr *sa)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof(in));
		return refused_ipv4(ntohl(in.sin_addr.s_addr));
	}
	if (sa->sa_family == AF_INET6) {
		memcpy(&in6, sa, sizeof(in6));
		return refused_ipv6(in6.sin6_addr.s6_addr);
	}
	return "not an internet address";
}

/* "host:port" or "[v6]:port" or "host" (port 0). False when it is neither. */
static bool split_host_port(struct hm_slice text, struct hm_slice *ret_host,
			    uint16_t *ret_port)
{
	uint64_t port = 0;
	size_t host_len = text.len;
	struct hm_slice host;

	for (size_t i = text.len; i-- > 0;) {
		if (text.ptr[i] == ']')
			break;
		if (text.ptr[i] != ':')
			continue;
		host_len = i;
		if (!hm_parse_u64(hm_slice(text.ptr + i + 1, text.len - i - 1),
				  65535, &port) ||
		    port == 0)
			return false;
		break;
	}
	host = hm_slice(text.ptr, host_len);
	if (host.len >= 2 && host.ptr[0] == '[' &&
	    host.ptr[host.len - 1] == ']')
		host = hm_slice(host.ptr + 1, host.len - 2);
	else if (host.len > 0 && memchr(host.ptr, ':', host.len))
		return false;
	if (host.len == 0 || host.len > HM_EGRESS_NAME_MAX)
		return false;
	*ret_host = host;
	*ret_port = (uint16_t)port;
	return true;
}

static bool same_name(struct hm_slice a, const char *b)
{
	return a.len == strlen(b) && strncasecmp((const char *)a.ptr, b, a.len) == 0;
}

/* name ends in ".suffix" (suffix without the dot). */
static bool below(const char *name, struct hm_slice suffix)
{
	size_t len = strlen(name);

	return len > suffix.len + 1 && name[len - suffix.len - 1] == '.' &&
	       same_name(suffix, name + len - suffix.len);
}

static bool named_private(const struct hm_egress_policy *p, const char *host,
			  uint16_t port)
{
	for (size_t i = 0; i < p->allow_private_count; i++) {
		struct hm_slice name;
		uint16_t want;

		if (split_host_port(hm_slice_str(p->allow_private[i]), &name,
				    &want) &&
		    want == port && same_name(name, host))
			return true;
	}
	return false;
}

static bool on_allow_list(const struct hm_egress_policy *p, const char *host,
			  uint16_t port)
{
	if (p->allow_count == 0)
		return true;
	for (size_t i = 0; i < p->allow_count; i++) {
		struct hm_slice name;
		uint16_t want;

		if (!split_host_port(hm_slice_str(p->allow[i]), &name, &want) ||
		    (want != 0 && want != port))
			continue;
		if (same_name(name, host))
			return true;
		if (name.len > 2 && name.ptr[0] == '*' && name.ptr[1] == '.' &&
		    below(host, hm_slice(name.ptr + 2, name.len - 2)))
			return true;
	}
	return false;
}

struct proxy {
	char host[HM_EGRESS_NAME_MAX + 1];
	uint16_t port;
	struct hm_slice userinfo;	/* empty = none */
};

static int parse_proxy(const char *url, struct proxy *ret, struct hm_err *err)
{
	struct hm_slice rest = hm_slice_str(url), host;
	struct proxy p = {0};
	const uint8_t *at;

	if (strncasecmp(url, "http://", 7) != 0)
		return hm_fail(err, HM_E_USAGE, 0,
			       "https_proxy: only http:// proxies are spoken to; "
			       "give http://HOST:PORT");
	rest = hm_slice(rest.ptr + 7, rest.len - 7);
	at = rest.len ? memchr(rest.ptr, '/', rest.len) : NULL;
	if (at)
		rest.len = (size_t)(at - rest.ptr);
	at = rest.len ? memrchr(rest.ptr, '@', rest.len) : NULL;
	if (at) {
		p.userinfo = hm_slice(rest.ptr, (size_t)(at - rest.ptr));
		rest = hm_slice(at + 1, rest.len - p.userinfo.len - 1);
	}
	if (!split_host_port(rest, &host, &p.port))
		return hm_fail(err, HM_E_USAGE, 0,
			       "https_proxy: not http://HOST:PORT");
	memcpy(p.host, host.ptr, host.len);
	if (p.port == 0)
		p.port = 80;
	*ret = p;
	return HM_OK;
}

int hm_egress_policy_check(const struct hm_egress_policy *p, struct hm_err *err)
{
	struct hm_slice host;
	struct proxy proxy;
	uint16_t port;

	for (size_t i = 0; i < p->allow_private_count; i++)
		if (!split_host_port(hm_slice_str(p->allow_private[i]), &host,
				     &port) ||
		    port == 0)
			return hm_fail(err, HM_E_USAGE, 0,
				       "--allow-private-egress '%s': give "
				       "HOST:PORT",
				       p->allow_private[i]);
	for (size_t i = 0; i < p->allow_count; i++)
		if (!split_host_port(hm_slice_str(p->allow[i]), &host, &port))
			return hm_fail(err, HM_E_USAGE, 0,
				       "--allow-egress '%s': give HOST, "
				       "HOST:PORT or *.DOMAIN",
				       p->allow[i]);
	return p->proxy ? parse_proxy(p->proxy, &proxy, err) : HM_OK;
}

int hm_egress_parse_request(struct hm_slice line, char *ret_host,
			    size_t host_size, uint16_t *ret_port,
			    struct hm_err *err)
{
	static const char verb[] = "CONNECT ";
	struct hm_slice rest = line, host;
	const uint8_t *space;
	uint64_t port;

	if (line.len < sizeof(verb) - 1 ||
	    memcmp(line.ptr, verb, sizeof(verb) - 1) != 0)
		return hm_fail(err, HM_E_PROTOCOL, 0, "lane request is no CONNECT");
	rest = hm_slice(line.ptr + sizeof(verb) - 1, line.len - sizeof(verb) + 1);
	space = rest.len ? memchr(rest.ptr, ' ', rest.len) : NULL;
	if (!space)
		return hm_fail(err, HM_E_PROTOCOL, 0, "lane request has no port");
	host = hm_slice(rest.ptr, (size_t)(space - rest.ptr));
	if (!hm_parse_u64(hm_slice(space + 1, rest.len - host.len - 1), 65535,
			  &port) ||
	    port == 0)
		return hm_fail(err, HM_E_PROTOCOL, 0, "lane request: bad port");
	if (host.len == 0 || host.len > HM_EGRESS_NAME_MAX ||
	    host.len >= host_size)
		return hm_fail(err, HM_E_PROTOCOL, 0,
			       "lane request: name of %zu bytes", host.len);
	for (size_t i = 0; i < host.len; i++)
		if (!memchr("abcdefghijklmnopqrstuvwxyz0123456789-_.:",
			    host.ptr[i] | (host.ptr[i] >= 'A' &&
							   host.ptr[i] <= 'Z'
						   ? 0x20
						   : 0),
			    40))
			return hm_fail(err, HM_E_PROTOCOL, 0,
				       "lane request: byte 0x%02x in the name",
				       host.ptr[i]);
	memcpy(ret_host, host.ptr, host.len);
	ret_host[host.len] = '\0';
	*ret_port = (uint16_t)port;
	return HM_OK;
}

static hm_deadline_t sooner(hm_deadline_t a, hm_deadline_t b)
{
	return a < b ? a : b;
}

static int connect_to(const struct addrinfo *ai, hm_deadline_t deadline,
		      int *ret_fd, struct hm_err *err)
{
	AUTO_CLOSE int fd = socket(ai->ai_family,
				   SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error = 0, on = 1;
	socklen_t len = sizeof(error);

	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "socket");
	/* What comes over a lane is whole messages: holding it back costs 40 ms. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, ai->ai_addr, ai->ai_addrlen) < 0) {
		if (errno != EINPROGRESS)
			return hm_fail(err, HM_E_SYSTEM, errno, "connect");
		if (hm_io_wait(fd, POLLOUT,
			       sooner(deadline, hm_deadline_in(CONNECT_MS)),
			       "connect", err) != HM_OK)
			return err->code;
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
			return hm_fail(err, HM_E_SYSTEM, errno, "connect");
		if (error != 0)
			return hm_fail(err, HM_E_SYSTEM, error, "connect");
	}
	*ret_fd = HM_TAKE_FD(fd);
	return HM_OK;
}

/* Any address of host; with judge, only those that may be dialled. */
static int resolve_and_connect(const char *host, uint16_t port, bool judge,
			       hm_deadline_t deadline, int *ret_fd,
			       struct hm_err *err)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
				 .ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	const char *refused = NULL;
	bool tried = false;
	char service[8];
	int rc;

	snprintf(service, sizeof(service), "%u", port);
	rc = getaddrinfo(host, service, &hints, &list);
	if (rc != 0)
		return hm_fail(err, HM_E_CLOSED, 0, "%s: %s", host,
			       gai_strerror(rc));
	rc = HM_E_CLOSED;
	for (struct addrinfo *ai = list; ai && rc != HM_OK; ai = ai->ai_next) {
		const char *why = judge ? hm_egress_refused_address(ai->ai_addr)
					: NULL;

		if (why) {
			refused = why;
			continue;
		}
		tried = true;
		rc = connect_to(ai, deadline, ret_fd, err);
	}
	freeaddrinfo(list);
	if (rc == HM_OK)
		return HM_OK;
	if (!tried && refused)
		return hm_fail(err, HM_E_POLICY, 0,
			       "%s has a %s address, which a build may not "
			       "reach; the runner's operator can allow it with "
			       "--allow-private-egress %s:%u",
			       host, refused, host, port);
	return hm_err_prefix(err, "%s port %u", host, port);
}

/* no_proxy: "*", "name", ".suffix" or "suffix", separated by commas. */
static bool bypasses_proxy(const struct hm_egress_policy *p, const char *host)
{
	const char *s = p->no_proxy;

	while (s && *s) {
		size_t len = strcspn(s, ", ");
		struct hm_slice item = hm_slice(s, len);

		if (len == 1 && *s == '*')
			return true;
		if (len > 1 && *s == '.')
			item = hm_slice(s + 1, len - 1);
		if (len > 0 && (same_name(item, host) || below(host, item)))
			return true;
		s += len;
		s += strspn(s, ", ");
	}
	return false;
}

/* Reads up to the blank line, not a byte further: the stream follows. */
static int read_proxy_head(int fd, hm_deadline_t deadline, char *status,
			   size_t size, struct hm_err *err)
{
	static const char end[] = "\r\n\r\n";
	size_t matched = 0, n = 0, total = 0;

	while (matched < 4) {
		char c;

		if (hm_io_read_full(fd, &c, 1, deadline, err) != HM_OK)
			return hm_err_prefix(err, "proxy's answer");
		if (++total > PROXY_HEAD_MAX)
			return hm_fail(err, HM_E_FORMAT, 0,
				       "proxy's answer is too long");
		if (n + 1 < size && memchr("\r\n", c, 2) == NULL && n + 1 == total)
			status[n++] = c;
		matched = c == end[matched] ? matched + 1 : (size_t)(c == '\r');
	}
	status[n] = '\0';
	return HM_OK;
}

static int ask_proxy(int fd, const struct proxy *proxy, const char *host,
		     uint16_t port, hm_deadline_t deadline, struct hm_err *err)
{
	const char *open = strchr(host, ':') ? "[" : "";
	const char *shut = *open ? "]" : "";
	struct hm_buf ask HM_CLEANUP(hm_buf_release);
	char status[128];

	hm_buf_init_secret(&ask, 4096);
	if (hm_buf_addf(&ask, err,
			"CONNECT %s%s%s:%u HTTP/1.1\r\nHost: %s%s%s:%u\r\n",
			open, host, shut, port, open, host, shut, port) != HM_OK)
		return err->code;
	if (proxy->userinfo.len > 0 &&
	    (hm_buf_add_str(&ask, "Proxy-Authorization: Basic ", err) != HM_OK ||
	     hm_base64_add(&ask, proxy->userinfo, err) != HM_OK ||
	     hm_buf_add_str(&ask, "\r\n", err) != HM_OK))
		return err->code;
	if (hm_buf_add_str(&ask, "\r\n", err) != HM_OK ||
	    hm_io_write_all(fd, ask.data, ask.len, deadline, err) != HM_OK ||
	    read_proxy_head(fd, deadline, status, sizeof(status), err) != HM_OK)
		return err->code;
	if (strncmp(status, "HTTP/1.", 7) != 0 || strlen(status) < 12 ||
	    status[9] != '2')
		return hm_fail(err, HM_E_CLOSED, 0, "the proxy answers '%s'",
			       HM_ESC(hm_slice_str(status)));
	return HM_OK;
}

static int dial_by_proxy(const struct hm_egress_policy *p, const char *host,
			 uint16_t port, hm_deadline_t deadline, int *ret_fd,
			 struct hm_err *err)
{
	AUTO_CLOSE int fd = -1;
	struct proxy proxy;

	if (parse_proxy(p->proxy, &proxy, err) != HM_OK)
		return err->code;
	if (resolve_and_connect(proxy.host, proxy.port, false, deadline, &fd,
				err) != HM_OK ||
	    ask_proxy(fd, &proxy, host, port, deadline, err) != HM_OK)
		return hm_err_prefix(err, "proxy %s", proxy.host);
	*ret_fd = HM_TAKE_FD(fd);
	return HM_OK;
}

/* Literal addresses in any spelling that a resolver would take for one. */
static const char *refused_literal(const char *host)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST};
	struct addrinfo *ai = NULL;
	const char *why = NULL;

	if (getaddrinfo(host, NULL, &hints, &ai) == 0) {
		why = hm_egress_refused_address(ai->ai_addr);
		freeaddrinfo(ai);
	} else if (strcasecmp(host, "localhost") == 0 ||
		   below(host, hm_slice_str("localhost"))) {
		why = "loopback";
	}
	return why;
}

int hm_egress_dial(const struct hm_egress_policy *p, const char *host,
		   uint16_t port, hm_deadline_t deadline, int *ret_fd,
		   struct hm_err *err)
{
	bool named = named_private(p, host, port);
	bool port_ok = named;
	const char *why;

	for (size_t i = 0; i < HM_ARRAY_LEN(public_ports); i++)
		port_ok |= port == public_ports[i];
	if (!port_ok)
		return hm_fail(err, HM_E_POLICY, 0,
			       "%s port %u: only ports 80 and 443 are reached",
			       host, port);
	if (!named && !on_allow_list(p, host, port))
		return hm_fail(err, HM_E_POLICY, 0,
			       "%s port %u is not on this runner's list of "
			       "allowed destinations",
			       host, port);
	if (named || !p->proxy || bypasses_proxy(p, host))
		return resolve_and_connect(host, port, !named, deadline, ret_fd,
					   err);
	/* The proxy resolves; what can be seen without that is judged here. */
	why = refused_literal(host);
	if (why)
		return hm_fail(err, HM_E_POLICY, 0,
			       "%s is a %s address, which a build may not reach",
			       host, why);
	return dial_by_proxy(p, host, port, deadline, ret_fd, err);
}
