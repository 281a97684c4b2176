/*
 * The DNS messages of the sandbox: one question in, one answer out. Pure; the
 * caller decides what a name means. Nothing is ever asked of a real server from
 * here, so a name carries no data out of the enclave.
 */
#pragma once

#include "lib/buf.h"

/* RFC 1035 2.3.4: 255 octets with length bytes, so 253 characters. */
#define HM_DNS_NAME_MAX 253
/* UDP without EDNS: what every resolver accepts, and all that we ever need. */
#define HM_DNS_PACKET_MAX 512

#define HM_DNS_TYPE_A 1
#define HM_DNS_TYPE_PTR 12
#define HM_DNS_CLASS_IN 1

enum hm_dns_rcode {
	HM_DNS_OK = 0,
	HM_DNS_FORMAT = 1,
	HM_DNS_FAILED = 2,
	HM_DNS_NO_NAME = 3,
	HM_DNS_NOT_IMPLEMENTED = 4,
	HM_DNS_REFUSED = 5,
};

struct hm_dns_query {
	uint16_t id;
	uint16_t flags;
	uint16_t type;
	uint16_t class;
	size_t question_len;	/* bytes of the question after the header */
	bool standard;		/* opcode QUERY, class IN */
	char name[HM_DNS_NAME_MAX + 1];	/* lower case, no dot at the end */
};

/*
 * HM_E_FORMAT: not one well-formed question, do not answer. A name with bytes
 * other than letters, digits, '-' and '_' is well-formed DNS and no host's
 * name: it is refused the same way.
 */
int hm_dns_parse(struct hm_slice packet, struct hm_dns_query *ret_q,
		 struct hm_err *err) HM_MUST_CHECK;

/*
 * The answer to packet, which q was parsed from. address (host byte order) is
 * given when it is not 0, with rcode HM_DNS_OK. Always fits HM_DNS_PACKET_MAX.
 */
size_t hm_dns_answer(struct hm_slice packet, const struct hm_dns_query *q,
		     enum hm_dns_rcode rcode, uint32_t address,
		     uint8_t out[HM_DNS_PACKET_MAX]);

/* Letters, digits, '-', '_' and dots between labels of 1..63; any case. */
bool hm_dns_name_ok(struct hm_slice name);
