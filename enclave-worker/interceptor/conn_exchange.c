/*
 * One request and its answer between two streams. Bodies go through the parser
 * and out again in our own framing, hashed on the way; a direction that has no
 * room stops reading, so nothing piles up.
 */
#include <stdio.h>

#include "enclave-worker/interceptor/conn_private.h"

/*
 * What one feed takes. A body of one-byte chunks becomes chunks of our own, six
 * bytes each: still within HM_STREAM_OUT_MAX.
 */
#define FEED_MAX (32U << 10)

/* A chunk's size line, data and end, or just the data. */
static int add_body(struct hm_buf *out, enum hm_http_framing framing,
		    struct hm_slice data, struct hm_err *err)
{
	if (data.len == 0)
		return HM_OK;
	if (framing == HM_HTTP_CHUNKED &&
	    hm_buf_addf(out, err, "%zx\r\n", data.len) != HM_OK)
		return err->code;
	if (hm_buf_add_slice(out, data, err) != HM_OK)
		return err->code;
	return framing == HM_HTTP_CHUNKED ? hm_buf_add_str(out, "\r\n", err)
					  : HM_OK;
}

static int on_request_body(void *ctx, struct hm_slice data, struct hm_err *err)
{
	struct hm_conn *c = ctx;

	if (hm_exchange_request_body(&c->x, data, err) != HM_OK)
		return err->code;
	return add_body(&c->server.out, c->request_framing, data, err);
}

static int on_answer_body(void *ctx, struct hm_slice data, struct hm_err *err)
{
	struct hm_conn *c = ctx;

	if (data.len > c->env->limits.body_max - c->x.size)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "the answer's body is larger than %llu bytes",
			       (unsigned long long)c->env->limits.body_max);
	if (hm_exchange_body(&c->x, data, err) != HM_OK)
		return err->code;
	return add_body(&c->client.out, c->answer_framing, data, err);
}

int hm_conn_parsers(struct hm_conn *c, struct hm_err *err)
{
	if (hm_http_parser_new(true, on_request_body, c, &c->requests, err) !=
	    HM_OK)
		return err->code;
	return hm_http_parser_new(false, on_answer_body, c, &c->answers, err);
}

static enum hm_http_event feed(struct hm_http_parser *p, struct hm_buf *in,
			       struct hm_err *err)
{
	size_t eaten = 0;
	enum hm_http_event e = hm_http_parser_feed(
		p, hm_slice(in->data, in->len < FEED_MAX ? in->len : FEED_MAX),
		&eaten, err);

	hm_buf_consume(in, eaten);
	return e;
}

/* A connection that idles must be silent: what comes unasked is an attack. */
static bool server_is_usable(struct hm_conn *c)
{
	if (!hm_stream_is_open(&c->server) ||
	    strcmp(c->connected.host, c->origin.host) != 0 ||
	    c->connected.port != c->origin.port)
		return false;
	(void)hm_stream_fill(&c->server);
	if (c->server.in.len > 0)
		hm_refused_report(c->env->report, "http", c->connected.host,
				  "the server sent bytes that nobody asked for",
				  1);
	return !c->server.eof && c->server.in.len == 0;
}

static enum conn_step reach_server(struct hm_conn *c)
{
	c->reused = server_is_usable(c);
	if (c->reused)
		return hm_conn_send_request(c);
	hm_stream_close(&c->server);
	hm_dial_start(&c->dial, c->env->lanes, c->origin.host, c->origin.port,
		      &c->client.watch);
	hm_conn_set_state(c, CONN_DIAL, HM_CONN_DIAL_MS);
	return CONN_MOVED;
}

/* The URL of the record, whatever the target looked like. */
static int set_url(struct hm_conn *c, struct hm_slice path, struct hm_err *err)
{
	char origin[HM_DNS_NAME_MAX + 32];

	snprintf(origin, sizeof(origin), "%s://%s",
		 c->origin.tls ? "https" : "http", c->origin.host);
	if (hm_buf_add_str(&c->x.url, origin, err) != HM_OK ||
	    (c->origin.port != (c->origin.tls ? 443 : 80) &&
	     hm_buf_addf(&c->x.url, err, ":%u", c->origin.port) != HM_OK) ||
	    (path.ptr[0] != '/' &&
	     hm_buf_add_str(&c->x.url, "/", err) != HM_OK))
		return err->code;
	return hm_redact_url(&c->env->redact, path, &c->x.url, err);
}

static enum conn_step begin_exchange(struct hm_conn *c)
{
	const struct hm_http_head *h = hm_http_parser_head(c->requests);
	struct hm_refusal refusal = {0};
	struct hm_slice path;
	struct hm_err err;

	c->request_framing = h->framing;
	c->client_keeps = h->keep_alive;
	c->has_body = h->framing != HM_HTTP_NO_BODY;
	c->expects_continue = c->has_body && hm_message_expects_continue(h);
	c->request_done = c->answer_begun = c->answer_done = false;
	c->informational = c->retried = false;
	if (!hm_message_target(h, &c->meant, c->literal, &c->origin, &path,
			       &refusal))
		return hm_conn_refuse(c, refusal.status, refusal.why);
	c->head.len = 0;
	if (hm_exchange_begin(&c->x, &err) != HM_OK ||
	    set_url(c, path, &err) != HM_OK ||
	    hm_message_request(h, &c->origin, path, &c->head, &err) != HM_OK)
		return hm_conn_refuse(c, 400, err.msg);
	snprintf(c->x.method, sizeof(c->x.method), "%.*s", (int)h->method.len,
		 (const char *)h->method.ptr);
	c->x.plain = !c->origin.tls;
	c->x.credentials = hm_message_has_credentials(h);
	c->x.has_request_body = c->has_body;
	return reach_server(c);
}

enum conn_step hm_conn_read_request(struct hm_conn *c)
{
	bool moved = hm_stream_fill(&c->client);
	struct hm_err err;

	moved |= hm_stream_flush(&c->client);
	if (c->client.in.len > 0)
		switch (feed(c->requests, &c->client.in, &err)) {
		case HM_HTTP_HEAD:
			return begin_exchange(c);
		case HM_HTTP_BAD:
			return hm_conn_refuse(c, 400, err.msg);
		case HM_HTTP_MORE:
		case HM_HTTP_END:
		default:
			return CONN_MOVED;
		}
	if (c->client.eof && c->client.out.len == 0)
		return hm_conn_end(c, NULL);
	return moved ? CONN_MOVED : CONN_WAIT;
}

enum conn_step hm_conn_send_request(struct hm_conn *c)
{
	const struct hm_http_head *h = hm_http_parser_head(c->requests);
	struct hm_err err;

	if (!c->reused)
		hm_http_parser_reset(c->answers);
	if (hm_http_name_is(h->method, "head"))
		hm_http_parser_expect_no_body(c->answers);
	c->x.has_peer = c->origin.tls;
	c->x.peer = c->peer;
	if (hm_buf_add_slice(&c->server.out, hm_buf_slice(&c->head), &err) !=
		    HM_OK ||
	    (c->expects_continue &&
	     hm_buf_add_str(&c->client.out, "HTTP/1.1 100 Continue\r\n\r\n",
			    &err) != HM_OK))
		return hm_conn_fail(c, err.msg);
	c->expects_continue = false;
	c->window_bytes = 0;
	c->window_sent = c->server.bytes_out;
	c->answer_from = c->server.bytes_in;
	hm_conn_set_state(c, CONN_EXCHANGE, c->env->limits.head_ms);
	return CONN_MOVED;
}

/* HM_OK or the error that ends the exchange. */
static int move_request(struct hm_conn *c, bool *moved, struct hm_err *err)
{
	while (!c->request_done && hm_stream_has_room(&c->server)) {
		enum hm_http_event e;

		/* Also without input: a body of no bytes ends at once. */
		if (c->client.in.len == 0)
			*moved |= hm_stream_fill(&c->client);
		e = feed(c->requests, &c->client.in, err);
		if (e == HM_HTTP_BAD)
			return err->code;
		if (e == HM_HTTP_END) {
			c->request_done = true;
			*moved = true;
			if (c->request_framing == HM_HTTP_CHUNKED)
				return hm_buf_add_str(&c->server.out,
						      "0\r\n\r\n", err);
			return HM_OK;
		}
		if (c->client.in.len > 0) {
			*moved = true;
			continue;
		}
		if (c->client.eof)
			return hm_fail(err, HM_E_CLOSED, 0,
				       "the client went away");
		return HM_OK;
	}
	return HM_OK;
}

static int begin_answer(struct hm_conn *c, struct hm_err *err)
{
	const struct hm_http_head *h = hm_http_parser_head(c->answers);
	const struct hm_http_head *request = hm_http_parser_head(c->requests);
	const struct hm_http_header *coding = hm_http_find(h,
							   "transfer-encoding");

	c->informational = h->status / 100 == 1;
	if (h->status == 101)
		return hm_fail(err, HM_E_POLICY, 0,
			       "the server switches to another protocol");
	if (c->informational)
		return HM_OK;
	if (coding && !hm_http_name_is(coding->value, "chunked"))
		return hm_fail(err, HM_E_POLICY, 0,
			       "the server uses a transfer coding other than "
			       "chunked");
	if (h->framing == HM_HTTP_LENGTH && h->length > c->env->limits.body_max)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "the answer's body is larger than %llu bytes",
			       (unsigned long long)c->env->limits.body_max);
	c->peer_ends_body = h->framing == HM_HTTP_TO_EOF;
	c->server_keeps = h->keep_alive && !c->peer_ends_body;
	c->answer_framing = h->framing;
	if (h->framing == HM_HTTP_TO_EOF || h->framing == HM_HTTP_CHUNKED) {
		/* HTTP/1.0 knows no chunks: the end is the connection's. */
		c->answer_framing = request->minor >= 1 ? HM_HTTP_CHUNKED
							: HM_HTTP_TO_EOF;
		c->client_keeps &= request->minor >= 1;
	}
	if (hm_exchange_answer(&c->x, h, &c->env->redact, err) != HM_OK ||
	    hm_message_response(h, c->answer_framing, !c->client_keeps,
				&c->client.out, err) != HM_OK)
		return err->code;
	c->answer_begun = true;
	hm_conn_set_state(c, CONN_EXCHANGE, c->env->limits.window_ms);
	return HM_OK;
}

static int end_answer(struct hm_conn *c, struct hm_err *err)
{
	if (c->informational) {
		c->informational = false;
		return HM_OK;
	}
	c->answer_done = true;
	return c->answer_framing == HM_HTTP_CHUNKED
		       ? hm_buf_add_str(&c->client.out, "0\r\n\r\n", err)
		       : HM_OK;
}

/* The server ended; does that end the answer? */
static int answer_eof(struct hm_conn *c, struct hm_err *err)
{
	/* Without close_notify anybody on the way may have cut it. */
	if (c->server.cut || c->server.failed)
		return hm_fail(err, HM_E_CLOSED, 0,
			       "the server's connection broke: %s",
			       c->server.why);
	switch (hm_http_parser_eof(c->answers, err)) {
	case HM_HTTP_END:
		return end_answer(c, err);
	case HM_HTTP_BAD:
		return err->code;
	case HM_HTTP_MORE:
	case HM_HTTP_HEAD:
	default:
		return hm_fail(err, HM_E_CLOSED, 0,
			       "the server closed the connection without an "
			       "answer");
	}
}

static int move_answer(struct hm_conn *c, bool *moved, struct hm_err *err)
{
	bool ask = false;	/* feed even without input: a head may end it */

	while (!c->answer_done && hm_stream_has_room(&c->client)) {
		int rc = HM_OK;

		if (c->server.in.len == 0 && !ask) {
			*moved |= hm_stream_fill(&c->server);
			if (c->server.in.len == 0)
				return c->server.eof ? answer_eof(c, err)
						     : HM_OK;
		}
		ask = false;
		switch (feed(c->answers, &c->server.in, err)) {
		case HM_HTTP_BAD:
			return err->code;
		case HM_HTTP_HEAD:
			ask = true;
			rc = begin_answer(c, err);
			break;
		case HM_HTTP_END:
			rc = end_answer(c, err);
			break;
		case HM_HTTP_MORE:
		default:
			break;
		}
		if (rc != HM_OK)
			return rc;
		*moved = true;
	}
	return HM_OK;
}

/*
 * A kept connection that the server closed just now: nothing was answered and
 * nothing was consumed, so asking again on a fresh one is safe.
 */
static bool may_retry(const struct hm_conn *c)
{
	return c->reused && !c->retried && !c->answer_begun && !c->has_body &&
	       c->server.eof && c->server.bytes_in == c->answer_from;
}

static enum conn_step retry(struct hm_conn *c)
{
	hm_stream_close(&c->server);
	c->retried = true;
	return reach_server(c);
}

static enum conn_step finish(struct hm_conn *c)
{
	bool keep = c->client_keeps && c->request_done;

	if (c->server.in.len > 0) {
		hm_refused_report(c->env->report, "http", c->connected.host,
				  "the server sent bytes behind its answer", 1);
		c->server_keeps = false;
	}
	hm_exchange_report(&c->x, c->env->report, c->env->epoch_ms, NULL);
	if (!c->server_keeps || !c->request_done)
		hm_stream_close(&c->server);
	if (keep)
		hm_conn_set_state(c, CONN_REQUEST, HM_CONN_IDLE_MS);
	else
		hm_conn_set_state(c, CONN_CLOSING, HM_CONN_CLOSING_MS);
	return CONN_MOVED;
}

enum conn_step hm_conn_exchange(struct hm_conn *c)
{
	bool moved = false;
	struct hm_err err;

	if (move_request(c, &moved, &err) != HM_OK)
		return hm_conn_fail(c, err.msg);
	moved |= hm_stream_flush(&c->server);
	if (move_answer(c, &moved, &err) != HM_OK)
		return may_retry(c) ? retry(c) : hm_conn_fail(c, err.msg);
	moved |= hm_stream_flush(&c->client);
	if (c->client.failed)
		return hm_conn_fail(c, "the client went away");
	if (c->client.out.len > 0)
		c->window_blocked = true;
	if (c->answer_done)
		return finish(c);
	return moved ? CONN_MOVED : CONN_WAIT;
}

/* The window is over: did the server do enough in it? */
enum conn_step hm_conn_exchange_late(struct hm_conn *c)
{
	uint64_t got = c->x.size - c->window_bytes;
	bool sending = c->server.bytes_out > c->window_sent;
	char why[128];

	if (!c->answer_begun && !sending) {
		snprintf(why, sizeof(why),
			 "the server did not begin its answer in %u seconds",
			 c->env->limits.head_ms / 1000);
		return hm_conn_fail(c, why);
	}
	if (c->answer_begun && got < c->env->limits.window_min &&
	    !c->window_blocked && !sending) {
		snprintf(why, sizeof(why),
			 "the server sends less than %u bytes in %u seconds",
			 c->env->limits.window_min,
			 c->env->limits.window_ms / 1000);
		return hm_conn_fail(c, why);
	}
	c->window_bytes = c->x.size;
	c->window_sent = c->server.bytes_out;
	c->window_blocked = false;
	hm_conn_set_state(c, CONN_EXCHANGE,
			  c->answer_begun ? c->env->limits.window_ms
					  : c->env->limits.head_ms);
	return CONN_MOVED;
}
