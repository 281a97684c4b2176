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
	hm_buf_init(&s->out, 2 * HM_STREAM_BUF);
	if (hm_io_set_nonblock(fd, true, err) != HM_OK ||
	    hm_loop_add(loop, &s->watch, err) != HM_OK) {
		hm_stream_close(s);
		return err->code;
	}
	return HM_OK;
}

void hm_stream_close(struct hm_stream *s)
{
	hm_loop_remove(&s->watch);
	hm_cleanup_fd(&s->watch.fd);
	hm_buf_release(&s->in);
	hm_buf_release(&s->out);
}

static void stream_fail(struct hm_stream *s, const char *what)
{
	s->failed = true;
	s->eof = true;
	snprintf(s->why, sizeof(s->why), "%.127s", what);
}

bool hm_stream_fill(struct hm_stream *s)
{
	struct hm_err err;
	uint8_t *room;
	ssize_t n;

	if (s->eof || s->in.len + HM_STREAM_READ > HM_STREAM_BUF)
		return false;
	if (hm_buf_reserve(&s->in, HM_STREAM_READ, &room, &err) != HM_OK) {
		stream_fail(s, err.msg);
		return true;
	}
	do {
		n = recv(s->watch.fd, room, HM_STREAM_READ, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n < 0)
		stream_fail(s, strerror(errno));
	else if (n == 0)
		s->eof = true;
	else {
		hm_buf_grown(&s->in, (size_t)n);
		s->bytes_in += (size_t)n;
	}
	return true;
}

bool hm_stream_flush(struct hm_stream *s)
{
	ssize_t n;

	if (s->out.len == 0 || s->failed)
		return false;
	do {
		n = send(s->watch.fd, s->out.data, s->out.len,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n < 0) {
		stream_fail(s, strerror(errno));
		return true;
	}
	hm_buf_consume(&s->out, (size_t)n);
	s->bytes_out += (size_t)n;
	return true;
}

void hm_stream_shut(struct hm_stream *s)
{
	if (s->shut)
		return;
	s->shut = true;
	(void)shutdown(s->watch.fd, SHUT_WR);
}
