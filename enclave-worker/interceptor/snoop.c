/*
 * A packet socket with a filter in the kernel that lets through only what starts
 * something that we do not serve, so that data of ordinary connections costs
 * nothing. Distrusts the packets: the sandbox made them.
 */
#include "enclave-worker/interceptor/snoop.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "enclave-worker/netns.h"
#include "lib/num.h"

/* Longest IPv4 header and the part of TCP that we look at. */
#define SNAP 96
#define BURST 64

#define LDB(k) BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (unsigned int)(k))
#define LDH_X(k) BPF_STMT(BPF_LD | BPF_H | BPF_IND, (k))
#define LDB_X(k) BPF_STMT(BPF_LD | BPF_B | BPF_IND, (k))
#define LD(k) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned int)(k))
#define LDX_HEADER BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0)
#define RET(k) BPF_STMT(BPF_RET | BPF_K, (k))
#define DROP RET(0)
#define TAKE RET(SNAP)
/* Equal: next instruction; else skip n. */
#define UNLESS(k, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)(k), 0, (n))

static const struct sock_filter filter[] = {
	LD(SKF_AD_OFF + SKF_AD_PKTTYPE),
	UNLESS(PACKET_HOST, 1), BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0), DROP,
	LDB(9), /* protocol */
	UNLESS(IPPROTO_TCP, 9),
	LDX_HEADER, LDB_X(13), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x12),
	UNLESS(0x02, 4), /* SYN without ACK */
	LDH_X(2), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 80, 2, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 443, 1, 0), TAKE, DROP,
	UNLESS(IPPROTO_UDP, 6),
	LDX_HEADER, LDH_X(2), UNLESS(53, 2),
	LD(16), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, HM_NETNS_GATEWAY, 7, 0),
	TAKE,
	UNLESS(IPPROTO_ICMP, 3),
	LDX_HEADER, LDB_X(0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 8, 1, 2),
	/* The kernel itself says which multicast groups it is in. */
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_IGMP, 1, 0),
	TAKE, DROP,
};

int hm_snoop_init(struct hm_snoop *s, struct hm_err *err)
{
	AUTO_CLOSE int fd = socket(AF_PACKET,
				   SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const struct sock_fprog prog = {
		.len = HM_ARRAY_LEN(filter),
		/* The kernel's type lacks const; it does not write. */
		.filter = (struct sock_filter *)(uintptr_t)filter,
	};
	/* Bound after the filter is set: nothing unfiltered gets in. */
	struct sockaddr_ll where = {.sll_family = AF_PACKET,
				    .sll_protocol = htons(ETH_P_IP),
				    .sll_ifindex = (int)if_nametoindex(
					    HM_NETNS_LINK)};

	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "packet socket");
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) <
	    0)
		return hm_fail(err, HM_E_SYSTEM, errno, "packet filter");
	if (where.sll_ifindex == 0 ||
	    bind(fd, (struct sockaddr *)&where, sizeof(where)) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "packet socket's bind");
	*s = (struct hm_snoop){.fd = HM_TAKE_FD(fd)};
	return HM_OK;
}

struct hm_snoop_entry *hm_snoop_packet(struct hm_snoop *s,
				       struct hm_slice packet)
{
	struct hm_snoop_entry e = {.count = 1};
	size_t header;

	if (packet.len < 20 || packet.ptr[0] >> 4 != 4)
		return NULL;
	header = 4U * (packet.ptr[0] & 0x0fU);
	e.protocol = packet.ptr[9];
	e.address = hm_get_u32be(packet.ptr + 16);
	if ((e.protocol == IPPROTO_TCP || e.protocol == IPPROTO_UDP) &&
	    packet.len >= header + 4)
		e.port = hm_get_u16be(packet.ptr + header + 2);
	for (size_t i = 0; i < s->count; i++) {
		struct hm_snoop_entry *old = &s->entries[i];

		if (old->protocol == e.protocol && old->port == e.port &&
		    old->address == e.address) {
			old->count++;
			return old;
		}
	}
	if (s->count == HM_SNOOP_MAX) {
		s->overflow++;
		return NULL;
	}
	s->entries[s->count] = e;
	return &s->entries[s->count++];
}

static const char *kind_of(const struct hm_snoop_entry *e)
{
	switch (e->protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
		return "icmp";
	default:
		return "ip";
	}
}

static const char *reason_of(const struct hm_snoop_entry *e)
{
	if (e->protocol == IPPROTO_TCP && e->port == 22)
		return "SSH can't be recorded; use https:// URLs";
	if (e->protocol == IPPROTO_TCP)
		return "only ports 80 and 443 are served";
	if (e->protocol == IPPROTO_UDP && e->port == 53)
		return "only the resolver in /etc/resolv.conf is served";
	if (e->protocol == IPPROTO_UDP && e->port == 443)
		return "QUIC can't be recorded; clients fall back to TCP";
	return "only TCP is served";
}

/* "name:port" where a name is behind the address. */
static void target_of(const struct hm_snoop_entry *e,
		      const struct hm_names *names, char *out, size_t size)
{
	const char *name = hm_names_by_address(names, e->address);
	struct in_addr in = {.s_addr = htonl(e->address)};
	char text[INET_ADDRSTRLEN] = "?";

	if (!name)
		name = inet_ntop(AF_INET, &in, text, sizeof(text));
	if (e->port != 0)
		snprintf(out, size, "%s:%u", name ? name : "?", e->port);
	else
		snprintf(out, size, "%s", name ? name : "?");
}

bool hm_snoop_read(struct hm_snoop *s, const struct hm_names *names,
		   struct hm_report *report)
{
	uint8_t packet[SNAP];
	char target[HM_DNS_NAME_MAX + 8];

	for (int burst = 0; burst < BURST; burst++) {
		ssize_t n = recv(s->fd, packet, sizeof(packet), MSG_DONTWAIT);
		struct hm_snoop_entry *e;

		if (n <= 0)
			return false;
		e = hm_snoop_packet(s, hm_slice(packet, (size_t)n));
		if (!e || e->count != 1)
			continue;
		target_of(e, names, target, sizeof(target));
		hm_report_notice(report, "refused: %s %s: %s", kind_of(e), target,
				 reason_of(e));
	}
	return true;
}

void hm_snoop_report(struct hm_snoop *s, const struct hm_names *names,
		     struct hm_report *report)
{
	char target[HM_DNS_NAME_MAX + 8];

	/* The build is over: what is in the socket's buffer is all there is. */
	while (hm_snoop_read(s, names, report))
		continue;
	for (size_t i = 0; i < s->count; i++) {
		const struct hm_snoop_entry *e = &s->entries[i];

		target_of(e, names, target, sizeof(target));
		hm_refused_report(report, kind_of(e), target, reason_of(e),
				  e->count);
	}
	if (s->overflow > 0)
		hm_refused_report(report, "ip", "other destinations",
				  "more than are listed", s->overflow);
}
