/*
 * Bodies are hashed as they pass; none is kept here. Header values come from
 * servers: they are escaped, cut, and redacted where they are URLs.
 */
#include "enclave-worker/interceptor/exchange.h"

#include <stdio.h>

#include "lib/hex.h"
#include "lib/log.h"

int hm_exchange_begin(struct hm_exchange *x, struct hm_err *err)
{
	hm_exchange_release(x);
	hm_buf_init(&x->url, 4 * HM_URL_MAX);
	hm_buf_init(&x->location, 4 * HM_URL_MAX);
	x->open = true;
	x->started_ms = hm_now_ms();
	if (hm_digest_new(HM_SHA256, &x->request_digest, err) != HM_OK ||
	    hm_digest_new(HM_SHA256, &x->digest, err) != HM_OK)
		return err->code;
	return HM_OK;
}

void hm_exchange_release(struct hm_exchange *x)
{
	if (x->open) {
		hm_buf_release(&x->url);
		hm_buf_release(&x->location);
		hm_digest_free(x->request_digest);
		hm_digest_free(x->digest);
	}
	*x = (struct hm_exchange){0};
}

int hm_exchange_request_body(struct hm_exchange *x, struct hm_slice data,
			     struct hm_err *err)
{
	x->request_size += data.len;
	return hm_digest_update(x->request_digest, data.ptr, data.len, err);
}

int hm_exchange_body(struct hm_exchange *x, struct hm_slice data,
		     struct hm_err *err)
{
	x->size += data.len;
	return hm_digest_update(x->digest, data.ptr, data.len, err);
}

static void keep_header(const struct hm_http_head *head, const char *name,
			char *out, size_t size)
{
	const struct hm_http_header *h = hm_http_find(head, name);

	out[0] = '\0';
	if (h)
		(void)hm_escape(h->value, out, size);
}

int hm_exchange_answer(struct hm_exchange *x, const struct hm_http_head *head,
		       const struct hm_redact *redact, struct hm_err *err)
{
	const struct hm_http_header *location = hm_http_find(head, "location");

	x->status = head->status;
	x->has_body = head->framing != HM_HTTP_NO_BODY;
	keep_header(head, "content-type", x->content_type,
		    sizeof(x->content_type));
	keep_header(head, "content-encoding", x->content_encoding,
		    sizeof(x->content_encoding));
	keep_header(head, "etag", x->etag, sizeof(x->etag));
	if (!location || location->value.len > HM_URL_MAX)
		return HM_OK;
	return hm_redact_url(redact, location->value, &x->location, err);
}

static void set_str(struct hm_json *v, const char *key, const char *text)
{
	if (text[0] != '\0')
		hm_json_set(v, key, hm_json_new_str(text));
}

static void set_digest(struct hm_json *v, const char *key, struct hm_digest *d)
{
	uint8_t digest[HM_SHA256_LEN];
	char hex[2 * HM_SHA256_LEN + 1];
	struct hm_err err;

	if (hm_digest_final(d, digest, &err) != HM_OK) {
		hm_json_set(v, key, NULL);	/* makes the whole object fail */
		return;
	}
	hm_hex(digest, sizeof(digest), hex);
	hm_json_set(v, key, hm_json_new_str(hex));
}

static struct hm_json *peer_json(const struct hm_tls_peer *p)
{
	struct hm_json *v = hm_json_new_object();
	char hex[2 * HM_SHA256_LEN + 1];

	hm_hex(p->sha256, sizeof(p->sha256), hex);
	hm_json_set(v, "version", hm_json_new_str(p->version));
	hm_json_set(v, "subject", hm_json_new_str(p->subject));
	hm_json_set(v, "issuer", hm_json_new_str(p->issuer));
	hm_json_set(v, "certSha256", hm_json_new_str(hex));
	return v;
}

static void set_int(struct hm_json *v, const char *key, uint64_t n)
{
	hm_json_set(v, key, hm_json_new_integer((int64_t)n));
}

void hm_exchange_report(struct hm_exchange *x, struct hm_report *r,
			int64_t epoch_ms, const char *error)
{
	struct hm_json *v = hm_json_new_object();
	int64_t now = hm_now_ms();

	hm_json_set(v, "method", hm_json_new_str(x->method));
	hm_json_set(v, "url", hm_json_new_string(hm_buf_slice(&x->url)));
	if (x->status != 0)
		set_int(v, "status", x->status);
	if (x->has_request_body) {
		set_int(v, "requestSize", x->request_size);
		set_digest(v, "requestSha256", x->request_digest);
	}
	if (x->has_body) {
		set_int(v, "size", x->size);
		set_digest(v, "sha256", x->digest);
	}
	set_str(v, "contentType", x->content_type);
	set_str(v, "contentEncoding", x->content_encoding);
	set_str(v, "etag", x->etag);
	if (x->location.len > 0)
		hm_json_set(v, "location",
			    hm_json_new_string(hm_buf_slice(&x->location)));
	if (x->credentials)
		hm_json_set(v, "credentials", hm_json_new_bool(true));
	if (x->plain)
		hm_json_set(v, "plain", hm_json_new_bool(true));
	if (x->has_peer)
		hm_json_set(v, "tls", peer_json(&x->peer));
	set_int(v, "atMs", (uint64_t)(x->started_ms - epoch_ms));
	set_int(v, "tookMs", (uint64_t)(now - x->started_ms));
	if (error)
		hm_json_set(v, "error", hm_json_new_str(error));
	hm_report_json(r, HM_REPORT_EXCHANGE, v);
	hm_exchange_release(x);
}
