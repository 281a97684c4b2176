/*
 * HTTP as hostile servers and builds send it. Properties: how the bytes are cut
 * does not matter; and a head that we write anew is read again as the same
 * message, with the same framing (no smuggling through us).
 */
#include "enclave-worker/interceptor/message.h"

#include "lib/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What one reading of the input gave, in a form to compare. */
struct reading {
	struct hm_buf trace;
	struct hm_buf body;
};

static int keep_body(void *ctx, struct hm_slice data, struct hm_err *err)
{
	struct reading *r = ctx;

	return hm_buf_add_slice(&r->body, data, err);
}

static void note_head(struct reading *r, const struct hm_http_head *h)
{
	struct hm_err err;

	HM_BUG_ON(hm_buf_addf(&r->trace, &err, "H%u,%u,%d,%llu,%zu;", h->status,
			      h->minor, (int)h->framing,
			      (unsigned long long)h->length, h->count) != HM_OK);
	for (size_t i = 0; i < h->count; i++)
		HM_BUG_ON(hm_buf_add_slice(&r->trace, h->headers[i].name, &err) !=
				  HM_OK ||
			  hm_buf_add_str(&r->trace, "=", &err) != HM_OK ||
			  hm_buf_add_slice(&r->trace, h->headers[i].value,
					   &err) != HM_OK);
}

/* Reads a head that we wrote; it must be one, and mean the same. */
static void read_again(bool requests, struct hm_slice text,
		       enum hm_http_framing framing, uint64_t length, bool no_body)
{
	struct hm_http_parser *p = NULL;
	const struct hm_http_head *h;
	struct reading r;
	struct hm_err err;
	size_t eaten = 0;
	enum hm_http_event e;

	hm_buf_init(&r.body, 1);
	HM_BUG_ON(hm_http_parser_new(requests, keep_body, &r, &p, &err) != HM_OK);
	if (no_body)
		hm_http_parser_expect_no_body(p);
	e = hm_http_parser_feed(p, text, &eaten, &err);
	/* Ours may be a header or two over the limits of what came in. */
	if (e == HM_HTTP_BAD && err.code == HM_E_TOO_LARGE)
		goto out;
	HM_BUG_ON(e != HM_HTTP_HEAD || eaten != text.len);
	h = hm_http_parser_head(p);
	HM_BUG_ON(h->framing != framing || h->length != length);
out:
	hm_http_parser_free(p);
}

static void rewrite(bool requests, const struct hm_http_head *h)
{
	struct hm_origin meant = {.host = "a.example", .port = 443, .tls = true};
	struct hm_origin origin;
	struct hm_refusal refusal = {0};
	struct hm_slice path;
	struct hm_buf out HM_CLEANUP(hm_buf_release);
	struct hm_err err;

	hm_buf_init(&out, HM_HTTP_HEAD_MAX + 8192);
	if (requests) {
		if (!hm_message_target(h, &meant, true, &origin, &path,
				       &refusal)) {
			HM_BUG_ON(refusal.status < 400 || refusal.why[0] == 0);
			return;
		}
		if (hm_message_request(h, &origin, path, &out, &err) != HM_OK)
			return;
		read_again(true, hm_buf_slice(&out), h->framing, h->length,
			   false);
		return;
	}
	if (h->status / 100 == 1 || h->framing == HM_HTTP_TO_EOF ||
	    hm_message_response(h, h->framing, false, &out, &err) != HM_OK)
		return;
	read_again(false, hm_buf_slice(&out), h->framing, h->length,
		   h->framing == HM_HTTP_NO_BODY);
}

static void read_all(bool requests, struct hm_slice in, size_t piece,
		     struct reading *r)
{
	struct hm_http_parser *p = NULL;
	struct hm_err err;
	size_t at = 0;

	HM_BUG_ON(hm_http_parser_new(requests, keep_body, r, &p, &err) != HM_OK);
	/* Twice as many steps as bytes: each eats, or is an event. */
	for (size_t i = 0; i < 2 * in.len + 16; i++) {
		size_t n = in.len - at < piece ? in.len - at : piece, eaten = 0;
		enum hm_http_event e = hm_http_parser_feed(
			p, hm_slice(in.ptr + at, n), &eaten, &err);

		HM_BUG_ON(eaten > n);
		at += eaten;
		if (e == HM_HTTP_BAD) {
			HM_BUG_ON(err.msg[0] == '\0');
			hm_http_parser_free(p);
			return;
		}
		if (e == HM_HTTP_HEAD) {
			const struct hm_http_head *h = hm_http_parser_head(p);

			note_head(r, h);
			rewrite(requests, h);
			/* The caller refuses these when it sees them. */
			if (h->status == 101 ||
			    hm_http_name_is(h->method, "connect"))
				break;
		} else if (e == HM_HTTP_END) {
			HM_BUG_ON(hm_buf_addf(&r->trace, &err, "E%zu;",
					      r->body.len) != HM_OK);
		} else if (at == in.len) {
			break;
		}
	}
	if (at == in.len && hm_http_parser_eof(p, &err) == HM_HTTP_END)
		HM_BUG_ON(hm_buf_add_str(&r->trace, "E", &err) != HM_OK);
	hm_http_parser_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t pieces[] = {65536, 1, 7};
	struct reading r[HM_ARRAY_LEN(pieces)];

	if (size == 0)
		return 0;
	for (size_t i = 0; i < HM_ARRAY_LEN(pieces); i++) {
		hm_buf_init(&r[i].trace, 16 << 20);
		hm_buf_init(&r[i].body, 16 << 20);
		read_all((data[0] & 1) != 0, hm_slice(data + 1, size - 1),
			 pieces[i], &r[i]);
	}
	for (size_t i = 1; i < HM_ARRAY_LEN(pieces); i++)
		HM_BUG_ON(!hm_slice_eq(hm_buf_slice(&r[0].trace),
				       hm_buf_slice(&r[i].trace)) ||
			  !hm_slice_eq(hm_buf_slice(&r[0].body),
				       hm_buf_slice(&r[i].body)));
	for (size_t i = 0; i < HM_ARRAY_LEN(pieces); i++) {
		hm_buf_release(&r[i].trace);
		hm_buf_release(&r[i].body);
	}
	return 0;
}
