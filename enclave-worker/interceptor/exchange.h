/*
 * One HTTP exchange as the record shows it (schema/network.md): facts are put in
 * while it passes, and reported once at its end, however it ends.
 */
#pragma once

#include "enclave-worker/interceptor/http_parser.h"
#include "enclave-worker/interceptor/redact.h"
#include "enclave-worker/interceptor/report.h"
#include "enclave-worker/interceptor/tls.h"

/* Of a URL; longer ones are answered 414. RFC 9110 asks for 8000 at least. */
#define HM_URL_MAX 8192

struct hm_exchange {
	bool open;
	char method[24];
	struct hm_buf url;		/* redacted */
	bool plain;
	bool credentials;		/* Authorization, Cookie or the like sent */
	struct hm_tls_peer peer;	/* when not plain and connected */
	bool has_peer;
	bool has_request_body;
	uint64_t request_size;
	struct hm_digest *request_digest;
	unsigned int status;		/* 0 = no answer came */
	bool has_body;
	uint64_t size;
	struct hm_digest *digest;
	char content_type[96];
	char content_encoding[32];
	char etag[96];
	struct hm_buf location;		/* redacted */
	int64_t started_ms;		/* monotonic */
};

/* The object is zeroed, or was used before. */
int hm_exchange_begin(struct hm_exchange *x, struct hm_err *err) HM_MUST_CHECK;
void hm_exchange_release(struct hm_exchange *x);

int hm_exchange_request_body(struct hm_exchange *x, struct hm_slice data,
			     struct hm_err *err) HM_MUST_CHECK;
int hm_exchange_body(struct hm_exchange *x, struct hm_slice data,
		     struct hm_err *err) HM_MUST_CHECK;
/* Status and the headers that the record keeps. */
int hm_exchange_answer(struct hm_exchange *x, const struct hm_http_head *head,
		       const struct hm_redact *redact,
		       struct hm_err *err) HM_MUST_CHECK;
/* error NULL = it went well. epoch_ms: the network's start. */
void hm_exchange_report(struct hm_exchange *x, struct hm_report *r,
			int64_t epoch_ms, const char *error);
