/*
 * The wiring of the build's network: two network namespaces joined by a veth
 * pair. "build" is what the sandbox sees: one interface, a default route, no
 * IPv6. "proxy" is where every packet of it ends: there all of IPv4 is a local
 * address (AnyIP), so a listener on 0.0.0.0:443 gets each connection to port
 * 443 whatever its destination, getsockname() says which one that was, and what
 * nobody listens for is refused by the kernel at once. No netfilter, no TUN, no
 * TCP stack of our own, and no way on from "proxy": it has no other interface.
 */
#pragma once

#include <stdint.h>

#include "lib/err.h"

/* A /30 out of 10/8, host byte order. Inside the two namespaces only. */
#define HM_NETNS_GATEWAY 0x0a420001U	/* 10.66.0.1, ours: DNS */
#define HM_NETNS_CLIENT 0x0a420002U	/* 10.66.0.2, the sandbox's */
#define HM_NETNS_PREFIX 30
#define HM_NETNS_LINK "vp0"	/* the proxy's end */
#define HM_NETNS_GATEWAY_TEXT "10.66.0.1"

/*
 * Makes both, wires them, and leaves the calling process (which must be
 * single-threaded and have CAP_SYS_ADMIN and CAP_NET_ADMIN in its user
 * namespace) in "proxy". *ret_build_fd refers to "build".
 */
int hm_netns_wire(int *ret_build_fd, struct hm_err *err) HM_MUST_CHECK;

/* TCP on every address of the namespace we are in. Non-blocking. */
int hm_netns_listen_tcp(uint16_t port, int *ret_fd,
			struct hm_err *err) HM_MUST_CHECK;
/* UDP on the gateway's address only: what goes elsewhere is refused. */
int hm_netns_listen_udp(uint16_t port, int *ret_fd,
			struct hm_err *err) HM_MUST_CHECK;
