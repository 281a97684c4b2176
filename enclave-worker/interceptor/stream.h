/*
 * A non-blocking byte stream, plain or TLS, with capped buffers on both sides.
 * Callers fill, work on `in`, add to `out` and flush until nothing moves any
 * more; waiting is the loop's.
 */
#pragma once

#include "enclave-worker/interceptor/loop.h"
#include "enclave-worker/interceptor/tls.h"

/*
 * Per direction. A stream stops reading when `in` is full, and its owner stops
 * filling `out` when that has as much; `out` has room for what one step adds.
 */
#define HM_STREAM_BUF (64U << 10)
#define HM_STREAM_OUT_MAX (8 * HM_STREAM_BUF)
/* What one fill reads at most: four TLS records. */
#define HM_STREAM_READ (64U << 10)

struct hm_stream {
	struct hm_watch watch;	/* fd owned by the stream; -1 = closed */
	struct ssl_st *ssl;	/* NULL = plain */
	struct hm_buf in, out;
	bool eof;		/* the peer will send no more */
	bool cut;		/* eof without TLS's close_notify */
	bool failed;		/* the connection is lost: why says how */
	uint64_t bytes_in, bytes_out;
	char why[256];
};

/* Takes fd, also on failure. ready is called with watch.ctx = ctx. */
int hm_stream_open(struct hm_stream *s, struct hm_loop *loop, int fd,
		   hm_watch_fn *ready, void *ctx, struct hm_err *err) HM_MUST_CHECK;
/* Idempotent; the stream must have been opened or zeroed with fd -1. */
void hm_stream_close(struct hm_stream *s);
static inline bool hm_stream_is_open(const struct hm_stream *s)
{
	return s->watch.fd >= 0;
}
/* DONE, WAIT, or LOST with s->why set. */
enum hm_tls_io hm_stream_handshake(struct hm_stream *s);
/* Reads until `in` is full or nothing is there; true when anything changed. */
bool hm_stream_fill(struct hm_stream *s);
/* Writes what it can; true when out got smaller, or failed was set. */
bool hm_stream_flush(struct hm_stream *s);
/* Room for one more step of output? */
static inline bool hm_stream_has_room(const struct hm_stream *s)
{
	return s->out.len < HM_STREAM_BUF;
}
/* No more output after what is in out (call when out is empty). */
void hm_stream_shut(struct hm_stream *s);
