/*
 * What the kernel refused on our behalf: connections to ports that nobody
 * serves, UDP, pings. They got nowhere; the record says that they were tried.
 */
#pragma once

#include "enclave-worker/interceptor/names.h"
#include "enclave-worker/interceptor/report.h"

/* Different destinations kept; a port scan is counted, not listed. */
#define HM_SNOOP_MAX 256

struct hm_snoop_entry {
	uint8_t protocol;
	uint16_t port;
	uint32_t address;
	uint64_t count;
};

struct hm_snoop {
	int fd;
	struct hm_snoop_entry entries[HM_SNOOP_MAX];
	size_t count;
	uint64_t overflow;
};

/* In the proxy namespace, with CAP_NET_RAW. fd is non-blocking. */
int hm_snoop_init(struct hm_snoop *s, struct hm_err *err) HM_MUST_CHECK;
/* Reads some of what is there; true = more. New destinations get a notice. */
bool hm_snoop_read(struct hm_snoop *s, const struct hm_names *names,
		   struct hm_report *report);
/* One IPv4 packet, as the filter lets it through. For tests too. */
struct hm_snoop_entry *hm_snoop_packet(struct hm_snoop *s,
				       struct hm_slice packet);
/* Everything as `refused` entries. */
void hm_snoop_report(struct hm_snoop *s, const struct hm_names *names,
		     struct hm_report *report);
