/* HTTP heads: what is understood, what goes on, what is refused and why. */
#include "enclave-worker/interceptor/message.h"

#include <stdio.h>

#include "test/unit/tap.h"

static struct hm_buf body;

static int keep(void *ctx, struct hm_slice data, struct hm_err *err)
{
	(void)ctx;
	return hm_buf_add_slice(&body, data, err);
}

/* Feeds text; returns the event and leaves the rest's length. */
static enum hm_http_event feed(struct hm_http_parser *p, const char **text,
			       struct hm_err *err)
{
	size_t eaten = 0;
	enum hm_http_event e = hm_http_parser_feed(p, hm_slice_str(*text),
						   &eaten, err);

	*text += eaten;
	return e;
}

static bool head_is(const struct hm_http_head *h, enum hm_http_framing framing,
		    uint64_t length, bool keep_alive, size_t count)
{
	return h->framing == framing && h->length == length &&
	       h->keep_alive == keep_alive && h->count == count;
}

static void test_requests(void)
{
	const char *text = "GET /a HTTP/1.1\r\nHost: x\r\nEmpty:\r\n\r\n"
			   "POST /b HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"
			   "PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
			   "3;x=y\r\nabc\r\n0\r\nT: v\r\n\r\n"
			   "GET /d HTTP/1.0\r\n\r\n";
	struct hm_http_parser *p = NULL;
	const struct hm_http_head *h;
	struct hm_err err;

	hm_buf_init(&body, 1 << 20);
	ok_call(hm_http_parser_new(true, keep, NULL, &p, &err), &err, "parser");
	h = hm_http_parser_head(p);
	ok(feed(p, &text, &err) == HM_HTTP_HEAD &&
		   head_is(h, HM_HTTP_NO_BODY, 0, true, 2) &&
		   hm_slice_eq_str(h->method, "GET") &&
		   hm_slice_eq_str(h->target, "/a"),
	   "GET without a body");
	ok(hm_slice_eq_str(hm_http_find(h, "HOST")->value, "x") &&
		   hm_http_find(h, "empty")->value.len == 0 &&
		   !hm_http_find(h, "hos"),
	   "headers are found without case");
	ok(feed(p, &text, &err) == HM_HTTP_END, "its end");
	ok(feed(p, &text, &err) == HM_HTTP_HEAD &&
		   head_is(h, HM_HTTP_LENGTH, 5, true, 1),
	   "POST with a length");
	ok(feed(p, &text, &err) == HM_HTTP_END &&
		   hm_slice_eq_str(hm_buf_slice(&body), "hello"),
	   "its body");
	body.len = 0;
	ok(feed(p, &text, &err) == HM_HTTP_HEAD &&
		   head_is(h, HM_HTTP_CHUNKED, 0, true, 1),
	   "PUT, chunked");
	ok(feed(p, &text, &err) == HM_HTTP_END &&
		   hm_slice_eq_str(hm_buf_slice(&body), "abc"),
	   "its body, without extension and trailer");
	ok(feed(p, &text, &err) == HM_HTTP_HEAD &&
		   head_is(h, HM_HTTP_NO_BODY, 0, false, 0) && h->minor == 0,
	   "HTTP/1.0 does not keep the connection");
	ok(feed(p, &text, &err) == HM_HTTP_END, "its end");
	hm_http_parser_free(p);
	hm_buf_release(&body);
}

static void test_answers(void)
{
	const char *text = "HTTP/1.1 103 Hints\r\nA: b\r\n\r\n"
			   "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
			   "HTTP/1.1 204 No\r\n\r\n"
			   "HTTP/1.1 304 Not\r\nContent-Length: 7\r\n\r\n"
			   "HTTP/1.1 200 OK\r\n\r\nrest";
	struct hm_http_parser *p = NULL;
	const struct hm_http_head *h;
	struct hm_err err;

	hm_buf_init(&body, 1 << 20);
	ok_call(hm_http_parser_new(false, keep, NULL, &p, &err), &err, "parser");
	h = hm_http_parser_head(p);
	hm_http_parser_expect_no_body(p);
	ok(feed(p, &text, &err) == HM_HTTP_HEAD && h->status == 103 &&
		   feed(p, &text, &err) == HM_HTTP_END,
	   "an informational answer passes by");
	ok(feed(p, &text, &err) == HM_HTTP_HEAD && h->status == 200 &&
		   h->framing == HM_HTTP_NO_BODY &&
		   feed(p, &text, &err) == HM_HTTP_END,
	   "the answer to HEAD has no body, whatever its length says");
	ok(feed(p, &text, &err) == HM_HTTP_HEAD && h->status == 204 &&
		   feed(p, &text, &err) == HM_HTTP_END,
	   "204 has no body");
	ok(feed(p, &text, &err) == HM_HTTP_HEAD && h->status == 304 &&
		   h->framing == HM_HTTP_NO_BODY &&
		   feed(p, &text, &err) == HM_HTTP_END,
	   "304 has no body, whatever its length says");
	ok(feed(p, &text, &err) == HM_HTTP_HEAD &&
		   head_is(h, HM_HTTP_TO_EOF, 0, false, 0) &&
		   feed(p, &text, &err) == HM_HTTP_MORE,
	   "a body to the end of the connection");
	ok(hm_http_parser_eof(p, &err) == HM_HTTP_END &&
		   hm_slice_eq_str(hm_buf_slice(&body), "rest"),
	   "which ends it");
	hm_http_parser_reset(p);
	ok(hm_http_parser_eof(p, &err) == HM_HTTP_MORE, "nothing had begun");
	text = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";
	ok(feed(p, &text, &err) == HM_HTTP_HEAD &&
		   feed(p, &text, &err) == HM_HTTP_MORE &&
		   hm_http_parser_eof(p, &err) == HM_HTTP_BAD &&
		   strstr(err.msg, "middle of a message"),
	   "a body that is cut is no body");
	hm_http_parser_free(p);
	hm_buf_release(&body);
}

static void bad(bool requests, const char *text, const char *want,
		const char *what)
{
	struct hm_http_parser *p = NULL;
	enum hm_http_event e = HM_HTTP_HEAD;
	struct hm_err err = {0};

	hm_buf_init(&body, 1 << 20);
	if (hm_http_parser_new(requests, keep, NULL, &p, &err) == HM_OK)
		while ((e == HM_HTTP_HEAD || e == HM_HTTP_END) && *text)
			e = feed(p, &text, &err);
	ok(e == HM_HTTP_BAD && strstr(err.msg, want), "%s (%s)", what, err.msg);
	hm_http_parser_free(p);
	hm_buf_release(&body);
}

static void test_bad(void)
{
	static char long_text[200000];
	size_t n;

#define OK "HTTP/1.1 200 OK\r\n"
	bad(false, OK "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
	    "not proper HTTP/1.1", "length and chunks");
	bad(false, OK "Content-Length: 3\r\nContent-Length: 4\r\n\r\n",
	    "not proper HTTP/1.1", "two lengths");
	bad(false, OK "Content-Length: +3\r\n\r\n", "not proper", "a sign");
	bad(false, OK "Content-Length: 18446744073709551616\r\n\r\n",
	    "not proper", "a length of more than 64 bits");
	bad(false, OK "A: b\r\n c\r\n\r\n", "not proper", "a folded header");
	bad(false, OK "A b: c\r\n\r\n", "not proper", "a blank in a name");
	bad(false, OK "A: b\x01\r\n\r\n", "not proper", "a control character");
	bad(false, "HTTP/1.1 200 OK\n\n", "not proper", "bare line feeds");
	bad(false, "HTTP/1.1 008 OK\r\n\r\n", "status 8", "status 008");
	bad(false, "HTTP/1.1 600 OK\r\n\r\n", "status 600", "status 600");
	bad(false, "HTTP/2.0 200 OK\r\n\r\n", "version", "HTTP/2.0");
	bad(false, OK "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
	    "not proper", "a chunk of more than 64 bits");
	bad(false, OK "Transfer-Encoding: chunked\r\n\r\n1 \r\n", "not proper",
	    "a blank behind a chunk's size");
	bad(true, "GET / HTTP/1.1\r\nHost : x\r\n\r\n", "not proper",
	    "a blank before the colon");
	bad(true, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	    "HTTP/2 without negotiation", "HTTP/2 prior knowledge");
	bad(true, "GET /\r\n\r\n", "version 0.9", "HTTP/0.9");

	n = (size_t)snprintf(long_text, sizeof(long_text), "GET / HTTP/1.1\r\n");
	for (int i = 0; i < 129; i++)
		n += (size_t)snprintf(long_text + n, sizeof(long_text) - n,
				      "H%d: v\r\n", i);
	snprintf(long_text + n, sizeof(long_text) - n, "\r\n");
	bad(true, long_text, "more than 128 headers", "129 headers");
	n = (size_t)snprintf(long_text, sizeof(long_text),
			     "GET / HTTP/1.1\r\nA: ");
	memset(long_text + n, 'x', HM_HTTP_HEAD_MAX);
	long_text[n + HM_HTTP_HEAD_MAX] = '\0';
	bad(true, long_text, "larger than 64 KiB", "a header of 64 KiB");
	n = (size_t)snprintf(long_text, sizeof(long_text),
			     OK "Transfer-Encoding: chunked\r\n\r\n1;");
	memset(long_text + n, 'x', HM_HTTP_HEAD_MAX + 8);
	long_text[n + HM_HTTP_HEAD_MAX + 8] = '\0';
	bad(false, long_text, "chunk extensions are larger",
	    "a chunk extension of 64 KiB");
#undef OK
}

/* Parses a request head and rewrites it; "" when refused. */
static const char *rewrite(const char *text, const char *host, bool literal,
			   struct hm_refusal *ret_refusal)
{
	static char out[4096];
	struct hm_origin meant = {.port = 443, .tls = true}, origin;
	struct hm_http_parser *p = NULL;
	struct hm_slice path;
	struct hm_buf b;
	struct hm_err err;

	hm_buf_init(&b, sizeof(out) - 1);
	hm_buf_init(&body, 64);
	out[0] = '\0';
	*ret_refusal = (struct hm_refusal){0};
	snprintf(meant.host, sizeof(meant.host), "%s", host);
	if (hm_http_parser_new(true, keep, NULL, &p, &err) == HM_OK &&
	    feed(p, &text, &err) == HM_HTTP_HEAD &&
	    hm_message_target(hm_http_parser_head(p), &meant, literal, &origin,
			      &path, ret_refusal) &&
	    hm_message_request(hm_http_parser_head(p), &origin, path, &b, &err) ==
		    HM_OK) {
		memcpy(out, b.data, b.len);
		out[b.len] = '\0';
	}
	hm_http_parser_free(p);
	hm_buf_release(&b);
	hm_buf_release(&body);
	return out;
}

static void test_rewrite(void)
{
	struct hm_refusal r;

	ok(strcmp(rewrite("GET /a?b HTTP/1.1\r\nHost: A.example:443\r\nRange: x\r\n"
			  "Connection: close, Mine\r\nMine: 1\r\nIf-Match: y\r\n"
			  "Accept-Encoding: gzip\r\nX: y\r\n\r\n",
			  "a.example", false, &r),
		  "GET /a?b HTTP/1.1\r\nHost: a.example\r\nX: y\r\n"
		  "Accept-Encoding: identity\r\n\r\n") == 0,
	   "a request as it goes on");
	ok(strcmp(rewrite("POST https://a.example?q HTTP/1.1\r\n"
			  "Content-Length: 0\r\nExpect: 100-continue\r\n\r\n",
			  "a.example", false, &r),
		  "POST /?q HTTP/1.1\r\nHost: a.example\r\n"
		  "Accept-Encoding: identity\r\nContent-Length: 0\r\n\r\n") == 0,
	   "an absolute target without a path");
	ok(strncmp(rewrite("GET / HTTP/1.0\r\n\r\n", "a.example", false, &r),
		   "GET / HTTP/1.1\r\nHost: a.example\r\n", 33) == 0,
	   "without a Host the connection's name is meant");
	ok(strncmp(rewrite("GET / HTTP/1.1\r\nHost: b.example.\r\n\r\n", "9.9.9.9",
			   true, &r),
		   "GET / HTTP/1.1\r\nHost: b.example\r\n", 33) == 0,
	   "behind an address any Host is meant");
#define REFUSED(text, want_status, want, what)                                 \
	ok(rewrite(text, "a.example", false, &r)[0] == '\0' &&                 \
		   r.status == (want_status) && strstr(r.why, want),           \
	   what " (%s)", r.why)
	REFUSED("GET / HTTP/1.1\r\nHost: b.example\r\n\r\n", 421,
		"the request is for b.example", "another host");
	REFUSED("GET / HTTP/1.1\r\nHost: a.example:80\r\n\r\n", 421, "port 80",
		"another port");
	REFUSED("GET / HTTP/1.1\r\nHost: a.example@b\r\n\r\n", 400,
		"a Host that is no name", "a Host with user information");
	REFUSED("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "no name",
		"a Host with a slash");
	REFUSED("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n", 405,
		"CONNECT would hide", "CONNECT");
	REFUSED("GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: WebSocket\r\n"
		"Connection: upgrade\r\n\r\n",
		501, "WebSocket", "a WebSocket");
	REFUSED("GET / HTTP/1.1\r\nHost: a.example\r\nExpect: more\r\n\r\n", 417,
		"expectation", "another expectation");
	REFUSED("GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", 400,
		"no path", "an absolute target of another scheme");
#undef REFUSED
}

int main(void)
{
	test_requests();
	test_answers();
	test_bad();
	test_rewrite();
	return tap_done();
}
