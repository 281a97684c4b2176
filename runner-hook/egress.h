/*
 * Where the build may connect to, as far as the runner's own network is
 * concerned. Names are resolved here, and every address is judged after
 * resolution, so a name that points inside (DNS rebinding) helps nobody: the
 * address that was judged is the address that is dialled.
 */
#pragma once

#include <sys/socket.h>

#include "lib/io.h"

/* RFC 1035: 255 octets on the wire, 253 as text. */
#define HM_EGRESS_NAME_MAX 253
/* Answer lines of schema/lanes.md, newline included. */
#define HM_LANE_LINE_MAX 512

struct hm_egress_policy {
	/*
	 * Private destinations that the operator named, "host:port" each
	 * (IPv6 as "[::1]:443"): --allow-private-egress.
	 */
	const char *const *allow_private;
	size_t allow_private_count;
	/*
	 * When not empty, nothing else is dialled: "host", "host:port",
	 * "*.domain" or "*.domain:port".
	 */
	const char *const *allow;
	size_t allow_count;
	const char *proxy;	/* "http://[user:password@]host:port"; NULL = none */
	const char *no_proxy;	/* comma-separated names and suffixes; NULL = none */
};

/* HM_E_USAGE naming the entry that is not of the form above. */
int hm_egress_policy_check(const struct hm_egress_policy *p,
			   struct hm_err *err) HM_MUST_CHECK;

/*
 * NULL when the address is one of the public internet, else the reason in two
 * or three words ("loopback", "link-local (cloud metadata)", ...). IPv4 inside
 * IPv6 (mapped, compatible, 6to4, NAT64, Teredo) is judged as the IPv4 it is.
 */
const char *hm_egress_refused_address(const struct sockaddr *sa);

/* "name port" of a lane request, checked: letters, digits, '-', '_', '.', ':'. */
int hm_egress_parse_request(struct hm_slice line, char *ret_host,
			    size_t host_size, uint16_t *ret_port,
			    struct hm_err *err) HM_MUST_CHECK;

/*
 * Resolves, judges and dials; may block as long as DNS does, so call it in a
 * child. HM_E_POLICY: refused; any other code: could not be done. The message
 * is one sentence for the user.
 */
int hm_egress_dial(const struct hm_egress_policy *p, const char *host,
		   uint16_t port, hm_deadline_t deadline, int *ret_fd,
		   struct hm_err *err) HM_MUST_CHECK;
