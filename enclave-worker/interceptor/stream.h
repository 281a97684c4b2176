/*
 * A non-blocking byte stream with capped buffers on both sides. Callers fill,
 * work on `in`, add to `out` and flush until nothing moves any more; waiting is
 * the loop's.
 */
#pragma once

#include "enclave-worker/interceptor/loop.h"

/* Per direction: enough to keep a fast link busy, 1 MiB for four streams. */
#define HM_STREAM_BUF (256U << 10)
/* What one fill reads at most. */
#define HM_STREAM_READ (64U << 10)

struct hm_stream {
	struct hm_watch watch;	/* fd owned by the stream; -1 = closed */
	struct hm_buf in, out;
	bool eof;		/* the peer will send no more */
	bool failed;		/* the connection is lost: why says how */
	bool shut;		/* we said that we send no more */
	uint64_t bytes_in, bytes_out;
	char why[128];
};

/* Takes fd, also on failure. ready is called with watch.ctx = ctx. */
int hm_stream_open(struct hm_stream *s, struct hm_loop *loop, int fd,
		   hm_watch_fn *ready, void *ctx, struct hm_err *err) HM_MUST_CHECK;
void hm_stream_close(struct hm_stream *s);
static inline bool hm_stream_is_open(const struct hm_stream *s)
{
	return s->watch.fd >= 0;
}
/* Reads once if there is room; true when bytes came or eof/failed was set. */
bool hm_stream_fill(struct hm_stream *s);
/* True when out got smaller, or failed was set. */
bool hm_stream_flush(struct hm_stream *s);
/* No more output after what is in out (call when out is empty). */
void hm_stream_shut(struct hm_stream *s);
