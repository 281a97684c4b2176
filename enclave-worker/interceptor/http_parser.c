/*
 * Distrusts both ends. llhttp checks syntax and framing; what it does not have
 * are limits, so every byte that it hands over outside a body is counted here.
 */
#include "enclave-worker/interceptor/http_parser.h"

#include <stdio.h>
#include <strings.h>

#include "third_party/llhttp/llhttp.h"

/* Offsets into head_text, which may move while it grows. */
struct span {
	size_t at, len;
};

struct hm_http_parser {
	llhttp_t llhttp;
	llhttp_settings_t settings;
	bool requests;
	bool no_body;		/* the next response answers HEAD */
	bool started;		/* between message begin and end */
	bool head_done;
	bool at_head, at_end;	/* events of this feed */
	hm_http_body_fn *body;
	void *ctx;
	struct hm_buf head_text;
	size_t noise;		/* bytes of trailers and chunk extensions */
	struct span method, target, reason;
	struct span names[HM_HTTP_HEADERS_MAX], values[HM_HTTP_HEADERS_MAX];
	size_t count;
	struct hm_http_head head;
	struct hm_err error;	/* set when a callback fails */
};

static struct hm_http_parser *self(llhttp_t *l)
{
	return l->data;
}

static int too_much(struct hm_http_parser *p, const char *what)
{
	(void)hm_fail(&p->error, HM_E_TOO_LARGE, 0, "%s", what);
	return -1;
}

static int on_begin(llhttp_t *l)
{
	struct hm_http_parser *p = self(l);

	p->head_text.len = 0;
	p->noise = 0;
	p->count = 0;
	p->method = p->target = p->reason = (struct span){0};
	p->names[0] = p->values[0] = (struct span){0};
	p->started = true;
	p->head_done = false;
	return 0;
}

static int collect(struct hm_http_parser *p, struct span *s, const char *at,
		   size_t len)
{
	if (s->len == 0)
		s->at = p->head_text.len;
	if (hm_buf_add(&p->head_text, at, len, &p->error) != HM_OK)
		return too_much(p, "the head is larger than 64 KiB");
	s->len += len;
	return 0;
}

static int on_method(llhttp_t *l, const char *at, size_t len)
{
	return collect(self(l), &self(l)->method, at, len);
}

static int on_url(llhttp_t *l, const char *at, size_t len)
{
	return collect(self(l), &self(l)->target, at, len);
}

static int on_status(llhttp_t *l, const char *at, size_t len)
{
	return collect(self(l), &self(l)->reason, at, len);
}

/* Trailers and extensions are dropped, and must not go on for ever. */
static int on_noise(llhttp_t *l, const char *at, size_t len)
{
	struct hm_http_parser *p = self(l);

	(void)at;
	/* One more per call: an empty name costs its separators too. */
	p->noise += len + 1;
	if (p->noise > HM_HTTP_HEAD_MAX)
		return too_much(p, "trailers and chunk extensions are larger "
				   "than 64 KiB");
	return 0;
}

static int on_field(llhttp_t *l, const char *at, size_t len)
{
	struct hm_http_parser *p = self(l);

	if (p->head_done)
		return on_noise(l, at, len);
	if (p->count == HM_HTTP_HEADERS_MAX)
		return too_much(p, "the head has more than 128 headers");
	return collect(p, &p->names[p->count], at, len);
}

static int on_value(llhttp_t *l, const char *at, size_t len)
{
	struct hm_http_parser *p = self(l);

	if (p->head_done)
		return on_noise(l, at, len);
	return collect(p, &p->values[p->count], at, len);
}

static int on_value_complete(llhttp_t *l)
{
	struct hm_http_parser *p = self(l);

	if (p->head_done)
		return 0;
	p->count++;
	if (p->count < HM_HTTP_HEADERS_MAX)
		p->names[p->count] = p->values[p->count] = (struct span){0};
	return 0;
}

static struct hm_slice text_of(const struct hm_http_parser *p, struct span s)
{
	if (s.len == 0)	/* there may be no buffer at all */
		return hm_slice("", 0);
	return hm_slice(p->head_text.data + s.at, s.len);
}

static struct hm_slice trim(struct hm_slice s)
{
	while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 &&
	       (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
		s.len--;
	return s;
}

static enum hm_http_framing framing_of(struct hm_http_parser *p)
{
	const llhttp_t *l = &p->llhttp;

	if (!p->requests &&
	    (p->no_body || l->status_code / 100 == 1 || l->status_code == 204 ||
	     l->status_code == 304))
		return HM_HTTP_NO_BODY;
	if ((l->flags & F_CHUNKED) != 0)
		return HM_HTTP_CHUNKED;
	if ((l->flags & F_CONTENT_LENGTH) != 0)
		return HM_HTTP_LENGTH;
	return p->requests ? HM_HTTP_NO_BODY : HM_HTTP_TO_EOF;
}

static int on_head(llhttp_t *l)
{
	struct hm_http_parser *p = self(l);
	struct hm_http_head *h = &p->head;

	if (!p->requests && (l->status_code < 100 || l->status_code > 599)) {
		(void)hm_fail(&p->error, HM_E_FORMAT, 0,
			      "not proper HTTP/1.1: status %u", l->status_code);
		return -1;
	}
	if (l->http_major != 1 || l->http_minor > 1) {
		(void)hm_fail(&p->error, HM_E_FORMAT, 0,
			      "not proper HTTP/1.1: version %u.%u",
			      l->http_major, l->http_minor);
		return -1;
	}
	h->method = text_of(p, p->method);
	h->target = text_of(p, p->target);
	h->reason = text_of(p, p->reason);
	h->status = p->requests ? 0 : l->status_code;
	h->minor = l->http_minor;
	h->keep_alive = llhttp_should_keep_alive(l) != 0;
	h->framing = framing_of(p);
	h->length = h->framing == HM_HTTP_LENGTH ? l->content_length : 0;
	h->count = p->count;
	for (size_t i = 0; i < p->count; i++)
		h->headers[i] = (struct hm_http_header){
			text_of(p, p->names[i]),
			trim(text_of(p, p->values[i]))};
	p->head_done = true;
	p->at_head = true;
	/* 1: no body follows. The end comes at once, so no pause is needed. */
	return p->no_body && !p->requests && l->status_code / 100 != 1
		       ? 1
		       : HPE_PAUSED;
}

static int on_body(llhttp_t *l, const char *at, size_t len)
{
	struct hm_http_parser *p = self(l);

	return p->body(p->ctx, hm_slice(at, len), &p->error) == HM_OK ? 0 : -1;
}

static int on_end(llhttp_t *l)
{
	struct hm_http_parser *p = self(l);

	p->at_end = true;
	p->started = false;
	/* An informational response is not the answer yet. */
	if (p->requests || l->status_code / 100 != 1)
		p->no_body = false;
	return HPE_PAUSED;
}

int hm_http_parser_new(bool requests, hm_http_body_fn *body, void *ctx,
		       struct hm_http_parser **ret_p, struct hm_err *err)
{
	struct hm_http_parser *p = calloc(1, sizeof(*p));

	if (!p)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "HTTP parser");
	llhttp_settings_init(&p->settings);
	p->settings.on_message_begin = on_begin;
	p->settings.on_method = on_method;
	p->settings.on_url = on_url;
	p->settings.on_status = on_status;
	p->settings.on_header_field = on_field;
	p->settings.on_header_value = on_value;
	p->settings.on_header_value_complete = on_value_complete;
	p->settings.on_headers_complete = on_head;
	p->settings.on_body = on_body;
	p->settings.on_message_complete = on_end;
	p->settings.on_chunk_extension_name = on_noise;
	p->settings.on_chunk_extension_value = on_noise;
	p->requests = requests;
	p->body = body;
	p->ctx = ctx;
	hm_buf_init(&p->head_text, HM_HTTP_HEAD_MAX);
	hm_http_parser_reset(p);
	*ret_p = p;
	return HM_OK;
}

void hm_http_parser_free(struct hm_http_parser *p)
{
	if (!p)
		return;
	hm_buf_release(&p->head_text);
	free(p);
}

void hm_http_parser_reset(struct hm_http_parser *p)
{
	llhttp_init(&p->llhttp, p->requests ? HTTP_REQUEST : HTTP_RESPONSE,
		    &p->settings);
	p->llhttp.data = p;
	p->no_body = false;
	p->started = false;
	p->head_done = false;
}

void hm_http_parser_expect_no_body(struct hm_http_parser *p)
{
	p->no_body = true;
}

static enum hm_http_event bad(struct hm_http_parser *p, struct hm_err *err)
{
	const char *why = llhttp_get_error_reason(&p->llhttp);

	if (llhttp_get_errno(&p->llhttp) == HPE_PAUSED_H2_UPGRADE)
		why = "HTTP/2 without negotiation";
	if (p->error.code != HM_OK)
		*err = p->error;
	else
		(void)hm_fail(err, HM_E_FORMAT, 0, "not proper HTTP/1.1: %s",
			      why && *why ? why
					  : llhttp_errno_name(llhttp_get_errno(
						    &p->llhttp)));
	return HM_HTTP_BAD;
}

static enum hm_http_event event_of(struct hm_http_parser *p)
{
	if (p->at_head) {
		p->at_head = false;
		return HM_HTTP_HEAD;
	}
	if (p->at_end) {
		p->at_end = false;
		return HM_HTTP_END;
	}
	return HM_HTTP_MORE;
}

enum hm_http_event hm_http_parser_feed(struct hm_http_parser *p,
				       struct hm_slice data, size_t *ret_eaten,
				       struct hm_err *err)
{
	enum llhttp_errno rc;

	*ret_eaten = 0;
	/* A response to HEAD gives both events in one go. */
	if (p->at_end && !p->at_head)
		return event_of(p);
	p->error.code = HM_OK;
	rc = llhttp_execute(&p->llhttp, (const char *)data.ptr, data.len);
	if (rc == HPE_OK) {
		*ret_eaten = data.len;
		return event_of(p);
	}
	if (rc == HPE_PAUSED_UPGRADE && (p->at_head || p->at_end)) {
		/* The caller refuses every upgrade when it sees the head. */
		*ret_eaten = data.len;
		return event_of(p);
	}
	if (rc != HPE_PAUSED)
		return bad(p, err);
	*ret_eaten = (size_t)((const uint8_t *)llhttp_get_error_pos(&p->llhttp) -
			      data.ptr);
	llhttp_resume(&p->llhttp);
	return event_of(p);
}

enum hm_http_event hm_http_parser_eof(struct hm_http_parser *p,
				      struct hm_err *err)
{
	enum llhttp_errno rc;

	if (!p->started && !p->at_end)
		return HM_HTTP_MORE;
	p->error.code = HM_OK;
	rc = llhttp_finish(&p->llhttp);
	if (p->at_end)
		return event_of(p);
	if (rc == HPE_OK || p->error.code == HM_OK)
		(void)hm_fail(&p->error, HM_E_FORMAT, 0,
			      "the connection ended in the middle of a message");
	return bad(p, err);
}

const struct hm_http_head *hm_http_parser_head(const struct hm_http_parser *p)
{
	return &p->head;
}

bool hm_http_name_is(struct hm_slice name, const char *want)
{
	return name.len == strlen(want) &&
	       strncasecmp((const char *)name.ptr, want, name.len) == 0;
}

const struct hm_http_header *hm_http_find(const struct hm_http_head *h,
					  const char *name)
{
	for (size_t i = 0; i < h->count; i++)
		if (hm_http_name_is(h->headers[i].name, name))
			return &h->headers[i];
	return NULL;
}

bool hm_http_has_token(struct hm_slice value, const char *token)
{
	while (value.len > 0) {
		const uint8_t *comma = memchr(value.ptr, ',', value.len);
		size_t len = comma ? (size_t)(comma - value.ptr) : value.len;

		if (hm_http_name_is(trim(hm_slice(value.ptr, len)), token))
			return true;
		len += comma != NULL;
		value = hm_slice(value.ptr + len, value.len - len);
	}
	return false;
}
