/*
 * Names and the synthetic addresses that stand for them: the sandbox never
 * learns a real address, and a connection to 198.18.x.y tells which name the
 * client meant even when it sends none.
 */
#pragma once

#include "enclave-worker/interceptor/dns.h"

/* 198.18.0.0/15, the benchmarking range (RFC 2544): no real host is there. */
#define HM_NAMES_NET 0xc6120000U
#define HM_NAMES_MASK 0xfffe0000U
/*
 * Different names one build may ask for. The largest dependency trees use a few
 * dozen hosts; a program that makes names up (a tunnel) is cut off and counted.
 */
#define HM_NAMES_MAX 4096

struct hm_name {
	char *text;
	uint64_t asked;
	bool answered;		/* with an address */
};

struct hm_names {
	struct hm_name *items;
	size_t count;
	uint16_t *index;	/* hash table of item number + 1; 0 = empty */
	uint64_t overflow;	/* questions for names that found no room */
};

int hm_names_init(struct hm_names *n, struct hm_err *err) HM_MUST_CHECK;
void hm_names_release(struct hm_names *n);
/*
 * The name's entry, made when there is none; NULL when the table is full. name
 * is lower case and hm_dns_name_ok().
 */
struct hm_name *hm_names_ask(struct hm_names *n, const char *name);
/* Host byte order. */
uint32_t hm_names_address(const struct hm_names *n, const struct hm_name *e);
/* NULL when the address was never given out. */
const char *hm_names_by_address(const struct hm_names *n, uint32_t address);

/*
 * Answers one query packet with what the table says. Returns the length of the
 * answer, 0 for none (err says why).
 */
size_t hm_names_serve(struct hm_names *n, struct hm_slice packet,
		      uint8_t out[HM_DNS_PACKET_MAX], struct hm_err *err);
