/*
 * Distrusts both heads, which llhttp found well-formed. Everything is written
 * anew from name and value, so nothing that only one reader would see survives.
 */
#include "enclave-worker/interceptor/message.h"

#include <stdarg.h>
#include <stdio.h>

#include "enclave-worker/interceptor/exchange.h"
#include "lib/num.h"

/* Of one connection (RFC 9110 7.6.1), or set by us. */
static const char *const hop_by_hop[] = {
	"connection", "keep-alive", "proxy-connection", "proxy-authenticate",
	"proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade",
	"http2-settings", "content-length", NULL,
};

/*
 * Requests: conditions and ranges would make the answer depend on what the
 * client has, and the record must hold the whole body.
 */
static const char *const request_dropped[] = {
	"host", "expect", "accept-encoding", "range", "if-range", "if-match",
	"if-none-match", "if-modified-since", "if-unmodified-since", NULL,
};

/* Responses: invitations to protocols and caches that we can't read. */
static const char *const response_dropped[] = {
	"alt-svc", "strict-transport-security", "public-key-pins",
	"accept-ranges", NULL,
};

static bool is_one_of(struct hm_slice name, const char *const *list)
{
	for (; *list; list++)
		if (hm_http_name_is(name, *list))
			return true;
	return false;
}

/* Named in the message's own Connection header. */
static bool is_connection_option(const struct hm_http_head *h,
				 struct hm_slice name)
{
	char text[64];

	if (name.len >= sizeof(text))
		return false;
	memcpy(text, name.ptr, name.len);
	text[name.len] = '\0';
	for (size_t i = 0; i < h->count; i++)
		if (hm_http_name_is(h->headers[i].name, "connection") &&
		    hm_http_has_token(h->headers[i].value, text))
			return true;
	return false;
}

static bool refuse(struct hm_refusal *r, unsigned int status, const char *fmt,
		   ...) HM_PRINTF(3, 4);
static bool refuse(struct hm_refusal *r, unsigned int status, const char *fmt,
		   ...)
{
	va_list ap;

	r->status = status;
	va_start(ap, fmt);
	vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
	return false;
}

/* "name" or "name:port"; lower-cases into o. */
static bool parse_authority(struct hm_slice text, struct hm_origin *o)
{
	const uint8_t *colon = text.len ? memchr(text.ptr, ':', text.len) : NULL;
	uint64_t port = o->port;

	if (colon) {
		size_t len = (size_t)(colon - text.ptr);

		if (!hm_parse_u64(hm_slice(colon + 1, text.len - len - 1), 65535,
				  &port))
			return false;
		text.len = len;
	}
	if (text.len > 0 && text.ptr[text.len - 1] == '.')
		text.len--;	/* the root's dot: same host */
	if (!hm_dns_name_ok(text))
		return false;
	for (size_t i = 0; i < text.len; i++)
		o->host[i] = (char)(text.ptr[i] >= 'A' && text.ptr[i] <= 'Z'
					    ? text.ptr[i] + ('a' - 'A')
					    : text.ptr[i]);
	o->host[text.len] = '\0';
	o->port = (uint16_t)port;
	return true;
}

/* "http://authority/path" → authority and path; anything else is left alone. */
static bool split_absolute(struct hm_slice target, bool tls,
			   struct hm_slice *ret_authority,
			   struct hm_slice *ret_path)
{
	const char *scheme = tls ? "https://" : "http://";
	size_t skip = strlen(scheme), n;

	if (target.len < skip ||
	    !hm_http_name_is(hm_slice(target.ptr, skip), scheme))
		return false;
	for (n = skip; n < target.len; n++)
		if (target.ptr[n] == '/' || target.ptr[n] == '?')
			break;
	*ret_authority = hm_slice(target.ptr + skip, n - skip);
	*ret_path = hm_slice(target.ptr + n, target.len - n);
	return true;
}

static bool check_method(const struct hm_http_head *h, struct hm_refusal *r)
{
	for (size_t i = 0; i < h->count; i++) {
		const struct hm_http_header *x = &h->headers[i];

		if (hm_http_name_is(x->name, "upgrade") &&
		    hm_http_has_token(x->value, "websocket"))
			return refuse(r, 501,
				      "a WebSocket can't be recorded; use plain "
				      "requests");
		if (hm_http_name_is(x->name, "expect") &&
		    !hm_http_name_is(x->value, "100-continue"))
			return refuse(r, 417, "an expectation other than "
					      "100-continue");
		if (hm_http_name_is(x->name, "transfer-encoding") &&
		    !hm_http_name_is(x->value, "chunked"))
			return refuse(r, 501, "a transfer coding other than "
					      "chunked");
	}
	if (hm_http_name_is(h->method, "connect"))
		return refuse(r, 405,
			      "CONNECT would hide what passes; connect to the "
			      "server directly, without a proxy");
	return true;
}

bool hm_message_target(const struct hm_http_head *h, const struct hm_origin *meant,
		       bool literal, struct hm_origin *ret_origin,
		       struct hm_slice *ret_path, struct hm_refusal *ret_refusal)
{
	const struct hm_http_header *host = hm_http_find(h, "host");
	struct hm_slice authority = {0};
	struct hm_slice path = h->target;

	*ret_origin = *meant;
	if (!check_method(h, ret_refusal))
		return false;
	if (path.len > HM_URL_MAX)
		return refuse(ret_refusal, 414, "a URL of more than %u bytes",
			      HM_URL_MAX);
	if (!split_absolute(h->target, meant->tls, &authority, &path) &&
	    host)
		authority = host->value;
	if (path.len == 0)
		path = hm_slice_str("/");
	if (path.ptr[0] != '/' && path.ptr[0] != '?' &&
	    !(path.len == 1 && path.ptr[0] == '*'))
		return refuse(ret_refusal, 400,
			      "a request target that is no path");
	if (authority.len > 0 && !parse_authority(authority, ret_origin))
		return refuse(ret_refusal, 400, "a Host that is no name");
	if (!literal && strcmp(ret_origin->host, meant->host) != 0)
		return refuse(ret_refusal, 421,
			      "the request is for %.100s and the connection for "
			      "%.100s",
			      ret_origin->host, meant->host);
	if (ret_origin->port != meant->port)
		return refuse(ret_refusal, 421,
			      "the request is for port %u and the connection for "
			      "port %u",
			      ret_origin->port, meant->port);
	*ret_path = path;
	return true;
}

static int add_header(struct hm_buf *out, const struct hm_http_header *x,
		      struct hm_err *err)
{
	if (hm_buf_add_slice(out, x->name, err) != HM_OK ||
	    hm_buf_add_str(out, ": ", err) != HM_OK ||
	    hm_buf_add_slice(out, x->value, err) != HM_OK)
		return err->code;
	return hm_buf_add_str(out, "\r\n", err);
}

static int add_headers(const struct hm_http_head *h, const char *const *dropped,
		       struct hm_buf *out, struct hm_err *err)
{
	for (size_t i = 0; i < h->count; i++) {
		struct hm_slice name = h->headers[i].name;

		if (is_one_of(name, hop_by_hop) || is_one_of(name, dropped) ||
		    is_connection_option(h, name))
			continue;
		if (add_header(out, &h->headers[i], err) != HM_OK)
			return err->code;
	}
	return HM_OK;
}

static int add_framing(enum hm_http_framing framing, uint64_t length,
		       struct hm_buf *out, struct hm_err *err)
{
	if (framing == HM_HTTP_LENGTH)
		return hm_buf_addf(out, err, "Content-Length: %llu\r\n",
				   (unsigned long long)length);
	if (framing == HM_HTTP_CHUNKED)
		return hm_buf_add_str(out, "Transfer-Encoding: chunked\r\n", err);
	return HM_OK;
}

int hm_message_request(const struct hm_http_head *h,
		       const struct hm_origin *origin, struct hm_slice path,
		       struct hm_buf *out, struct hm_err *err)
{
	uint16_t usual = origin->tls ? 443 : 80;
	char port[8] = "";

	if (origin->port != usual)
		snprintf(port, sizeof(port), ":%u", origin->port);
	if (hm_buf_add_slice(out, h->method, err) != HM_OK ||
	    hm_buf_add_str(out, path.ptr[0] == '?' ? " /" : " ", err) != HM_OK ||
	    hm_buf_add_slice(out, path, err) != HM_OK ||
	    hm_buf_addf(out, err, " HTTP/1.1\r\nHost: %s%s\r\n", origin->host,
			port) != HM_OK ||
	    add_headers(h, request_dropped, out, err) != HM_OK ||
	    hm_buf_add_str(out, "Accept-Encoding: identity\r\n", err) != HM_OK ||
	    add_framing(h->framing, h->length, out, err) != HM_OK)
		return err->code;
	return hm_buf_add_str(out, "\r\n", err);
}

bool hm_message_expects_continue(const struct hm_http_head *h)
{
	return h->minor >= 1 && hm_http_find(h, "expect") != NULL;
}

bool hm_message_has_credentials(const struct hm_http_head *h)
{
	static const char *const names[] = {
		"authorization", "cookie", "x-api-key", "private-token",
		"job-token", "x-auth-token", "npm-otp", "x-goog-api-key", NULL};

	for (size_t i = 0; i < h->count; i++)
		if (is_one_of(h->headers[i].name, names))
			return true;
	return false;
}

int hm_message_response(const struct hm_http_head *h,
			enum hm_http_framing framing, bool close,
			struct hm_buf *out, struct hm_err *err)
{
	const struct hm_http_header *length = hm_http_find(h, "content-length");

	if (hm_buf_addf(out, err, "HTTP/1.1 %u ", h->status) != HM_OK ||
	    (hm_slice_is_text(h->reason) &&
	     hm_buf_add_slice(out, h->reason, err) != HM_OK) ||
	    hm_buf_add_str(out, "\r\n", err) != HM_OK ||
	    add_headers(h, response_dropped, out, err) != HM_OK ||
	    add_framing(framing, h->length, out, err) != HM_OK)
		return err->code;
	/* A bodiless answer (to HEAD) may still say how long the body is. */
	if (framing == HM_HTTP_NO_BODY && length && h->status / 100 == 2 &&
	    h->status != 204 && add_header(out, length, err) != HM_OK)
		return err->code;
	return hm_buf_add_str(
		out, close ? "Connection: close\r\n\r\n" : "\r\n", err);
}
