/*
 * Heads as they go on: a request to the server, a response to the client. What
 * belongs to one connection only is dropped, what would let the two ends agree
 * on something that we can't read or repeat is neutralised.
 */
#pragma once

#include "enclave-worker/interceptor/dns.h"
#include "enclave-worker/interceptor/http_parser.h"

struct hm_origin {
	char host[HM_DNS_NAME_MAX + 1];	/* lower case */
	uint16_t port;
	bool tls;
};

/* A refusal that the client gets as an HTTP status, and a sentence. */
struct hm_refusal {
	unsigned int status;	/* 0 = not refused */
	char why[256];
};

/*
 * Where a request goes and which part of its target is the path. `meant` is what
 * the connection was made for: the TLS name, or the name behind the address;
 * with literal, any Host is believed, since only an address is known.
 * False: refused.
 */
bool hm_message_target(const struct hm_http_head *h, const struct hm_origin *meant,
		       bool literal, struct hm_origin *ret_origin,
		       struct hm_slice *ret_path, struct hm_refusal *ret_refusal);

int hm_message_request(const struct hm_http_head *h,
		       const struct hm_origin *origin, struct hm_slice path,
		       struct hm_buf *out, struct hm_err *err) HM_MUST_CHECK;
/* True when the client waits for "100 Continue" before its body. */
bool hm_message_expects_continue(const struct hm_http_head *h);
bool hm_message_has_credentials(const struct hm_http_head *h);

/*
 * framing is what goes to the client (which may differ from what came); close
 * announces that the connection ends.
 */
int hm_message_response(const struct hm_http_head *h,
			enum hm_http_framing framing, bool close,
			struct hm_buf *out, struct hm_err *err) HM_MUST_CHECK;
