/*
 * One HTTP/1.x message after another out of a byte stream: an adapter that
 * keeps llhttp's types to itself, collects the head under a cap, and stops at
 * the places where a proxy has to think. llhttp runs in its strict mode: what
 * two programs could read in two ways is an error.
 */
#pragma once

#include "lib/buf.h"

/* A head, or all trailers and chunk extensions of one message. Servers of
 * package registries stay below 8 KiB; browsers and proxies allow 16 to 256. */
#define HM_HTTP_HEAD_MAX (64U << 10)
/* nginx and Apache stop at 100. */
#define HM_HTTP_HEADERS_MAX 128

struct hm_http_header {
	struct hm_slice name;	/* as sent */
	struct hm_slice value;	/* without surrounding blanks; may be empty */
};

enum hm_http_framing {
	HM_HTTP_NO_BODY,
	HM_HTTP_LENGTH,
	HM_HTTP_CHUNKED,
	HM_HTTP_TO_EOF,
};

struct hm_http_head {	/* slices live until the next message begins */
	struct hm_slice method;		/* requests */
	struct hm_slice target;		/* requests: as sent */
	unsigned int status;		/* responses */
	struct hm_slice reason;
	unsigned int minor;		/* HTTP/1.minor */
	bool keep_alive;
	enum hm_http_framing framing;
	uint64_t length;		/* HM_HTTP_LENGTH */
	struct hm_http_header headers[HM_HTTP_HEADERS_MAX];
	size_t count;
};

enum hm_http_event {
	HM_HTTP_MORE,	/* everything was eaten; feed more */
	HM_HTTP_HEAD,	/* the head is complete; feed on for the body */
	HM_HTTP_END,	/* the message is complete; feed on for the next */
	HM_HTTP_BAD,	/* err says what is wrong; never feed again */
};

typedef int hm_http_body_fn(void *ctx, struct hm_slice data, struct hm_err *err);

struct hm_http_parser;
int hm_http_parser_new(bool requests, hm_http_body_fn *body, void *ctx,
		       struct hm_http_parser **ret_p,
		       struct hm_err *err) HM_MUST_CHECK;
void hm_http_parser_free(struct hm_http_parser *p);
/* Forgets everything: a new connection. */
void hm_http_parser_reset(struct hm_http_parser *p);
/* The next response answers HEAD, so it has no body whatever it says. */
void hm_http_parser_expect_no_body(struct hm_http_parser *p);

/*
 * Eats from data until an event; *ret_eaten tells how much. Body bytes go to
 * the body function meanwhile; its error becomes HM_HTTP_BAD.
 */
enum hm_http_event hm_http_parser_feed(struct hm_http_parser *p,
				       struct hm_slice data, size_t *ret_eaten,
				       struct hm_err *err);
/*
 * The stream ended. HM_HTTP_END when that ends a message, HM_HTTP_MORE when
 * no message had begun, HM_HTTP_BAD when one was cut.
 */
enum hm_http_event hm_http_parser_eof(struct hm_http_parser *p,
				      struct hm_err *err);
/* After HM_HTTP_HEAD, until the next message. */
const struct hm_http_head *hm_http_parser_head(const struct hm_http_parser *p);

/* First header of that name (any case), or NULL. */
const struct hm_http_header *hm_http_find(const struct hm_http_head *h,
					  const char *name);
/* True when the comma-separated value has the token (any case). */
bool hm_http_has_token(struct hm_slice value, const char *token);
bool hm_http_name_is(struct hm_slice name, const char *want);
