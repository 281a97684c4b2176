/*
 * Short reads and writes, end of file and lost connections, decided once. What
 * a peer does to its end is never an error of ours: it sets eof or failed.
 */
#include "enclave-worker/interceptor/stream.h"

#include <stdio.h>
#include <sys/socket.h>

int hm_stream_open(struct hm_stream *s, struct hm_loop *loop, int fd,
		   hm_watch_fn *ready, void *ctx, struct hm_err *err)
{
	*s = (struct hm_stream){
		.watch = {.fd = fd, .ready = ready, .ctx = ctx}};
	hm_buf_init(&s->in, HM_STREAM_BUF);
	hm_buf_init(&s->out, HM_STREAM_OUT_MAX);
	if (hm_io_set_nonblock(fd, true, err) != HM_OK ||
	    hm_loop_add(loop, &s->watch, err) != HM_OK) {
		hm_stream_close(s);
		return err->code;
	}
	return HM_OK;
}

void hm_stream_close(struct hm_stream *s)
{
	if (!hm_stream_is_open(s))
		return;
	hm_tls_end(HM_TAKE_PTR(s->ssl));
	hm_loop_remove(&s->watch);
	hm_cleanup_fd(&s->watch.fd);
	hm_buf_release(&s->in);
	hm_buf_release(&s->out);
}

static void stream_fail(struct hm_stream *s, const char *what)
{
	s->failed = true;
	s->eof = true;
	snprintf(s->why, sizeof(s->why), "%.255s", what);
}

enum hm_tls_io hm_stream_handshake(struct hm_stream *s)
{
	struct hm_err err;
	enum hm_tls_io r = hm_tls_handshake(s->ssl, &err);

	if (r == HM_TLS_EOF) {
		stream_fail(s, "closed during the TLS handshake");
		return HM_TLS_LOST;
	}
	if (r == HM_TLS_LOST)
		stream_fail(s, err.msg);
	return r;
}

static enum hm_tls_io plain_read(struct hm_stream *s, uint8_t *room, size_t len,
				 size_t *ret_n, struct hm_err *err)
{
	ssize_t n;

	do {
		n = recv(s->watch.fd, room, len, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return HM_TLS_WAIT;
	if (n < 0) {
		(void)hm_fail(err, HM_E_SYSTEM, errno, "connection lost");
		return HM_TLS_LOST;
	}
	*ret_n = (size_t)n;
	return n == 0 ? HM_TLS_EOF : HM_TLS_DONE;
}

static enum hm_tls_io plain_write(struct hm_stream *s, const uint8_t *p,
				  size_t len, size_t *ret_n, struct hm_err *err)
{
	ssize_t n;

	do {
		n = send(s->watch.fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return HM_TLS_WAIT;
	if (n < 0) {
		(void)hm_fail(err, HM_E_SYSTEM, errno, "connection lost");
		return HM_TLS_LOST;
	}
	*ret_n = (size_t)n;
	return HM_TLS_DONE;
}

/* One read into `in`; WAIT when there was nothing or no room. */
static enum hm_tls_io fill_once(struct hm_stream *s)
{
	struct hm_err err;
	size_t n = 0, want = HM_STREAM_BUF - s->in.len;
	enum hm_tls_io r;
	uint8_t *room;

	if (want == 0)
		return HM_TLS_WAIT;
	if (want > HM_STREAM_READ)
		want = HM_STREAM_READ;
	if (hm_buf_reserve(&s->in, want, &room, &err) != HM_OK) {
		stream_fail(s, err.msg);
		return HM_TLS_LOST;
	}
	r = s->ssl ? hm_tls_read(s->ssl, room, want, &n, &err)
		   : plain_read(s, room, want, &n, &err);
	if (r == HM_TLS_DONE) {
		hm_buf_grown(&s->in, n);
		s->bytes_in += n;
	} else if (r == HM_TLS_EOF) {
		s->eof = true;
	} else if (r == HM_TLS_LOST) {
		s->cut = s->ssl != NULL;
		stream_fail(s, err.msg);
	}
	return r;
}

bool hm_stream_fill(struct hm_stream *s)
{
	enum hm_tls_io r = HM_TLS_DONE;
	bool moved = false;
	size_t limit = s->in.len + HM_STREAM_READ;

	while (!s->eof && r == HM_TLS_DONE && s->in.len < limit) {
		r = fill_once(s);
		moved |= r != HM_TLS_WAIT;
	}
	return moved;
}

bool hm_stream_flush(struct hm_stream *s)
{
	enum hm_tls_io r = HM_TLS_DONE;
	struct hm_err err;
	size_t at = 0;

	/* An offset, and one move at the end: TLS takes 16 KiB at a time. */
	while (!s->failed && r == HM_TLS_DONE && at < s->out.len) {
		size_t n = 0;

		r = s->ssl ? hm_tls_write(s->ssl, s->out.data + at,
					  s->out.len - at, &n, &err)
			   : plain_write(s, s->out.data + at, s->out.len - at,
					 &n, &err);
		at += n;
	}
	if (r == HM_TLS_LOST || r == HM_TLS_EOF)
		stream_fail(s, r == HM_TLS_LOST ? err.msg : "connection closed");
	if (at > 0)
		hm_buf_consume(&s->out, at);
	s->bytes_out += at;
	return at > 0 || s->failed;
}

void hm_stream_shut(struct hm_stream *s)
{
	if (s->ssl)
		hm_tls_say_end(s->ssl);
	(void)shutdown(s->watch.fd, SHUT_WR);
}
