/*
 * Untrusted bytes in, harmless lines out. Memory is one line per stream and one
 * batch; after the cap, and past a line's end, bytes are dropped without being
 * looked at, so a flood costs the build its own time only.
 */
#include "build_log.h"

#include "lib/io.h"
#include "lib/log.h"

/* Lines that are ready wait here to share one frame. */
#define BATCH_MAX 65536U
#define CUT_LINE "[hallmark: the rest of this line is cut]"
#define CUT_LOG "[hallmark: the build log is cut here: 32 MiB is the limit]\n"

struct line {
	struct hm_buf raw;
	bool cut;	/* over the maximum: dropping up to the newline */
};

struct hm_build_log {
	int fd;
	hm_build_log_sink_fn sink;
	void *ctx;
	struct hm_digest *digest;
	uint64_t size;
	bool full;
	struct line lines[HM_STREAM_COUNT];
	struct hm_buf batch;
};

int hm_build_log_new(int file_fd, hm_build_log_sink_fn sink, void *ctx,
		     struct hm_build_log **ret_l, struct hm_err *err)
{
	struct hm_build_log *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		return hm_fail(err, HM_E_NOMEM, 0, "out of memory");
	l->fd = file_fd;
	l->sink = sink;
	l->ctx = ctx;
	for (size_t i = 0; i < HM_STREAM_COUNT; i++)
		hm_buf_init(&l->lines[i].raw, HM_BUILD_LOG_LINE_MAX);
	/* Escaping turns one byte into four at most. */
	hm_buf_init(&l->batch, BATCH_MAX + 5 * HM_BUILD_LOG_LINE_MAX);
	rc = hm_digest_new(HM_SHA256, &l->digest, err);
	if (rc < 0) {
		hm_build_log_free(l);
		return rc;
	}
	*ret_l = l;
	return HM_OK;
}

void hm_build_log_free(struct hm_build_log *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < HM_STREAM_COUNT; i++)
		hm_buf_release(&l->lines[i].raw);
	hm_buf_release(&l->batch);
	hm_digest_free(l->digest);
	free(l);
}

static int emit(struct hm_build_log *l, enum hm_stream stream,
		struct hm_slice text, struct hm_err *err)
{
	int rc = hm_io_write_all(l->fd, text.ptr, text.len, HM_NO_DEADLINE, err);

	if (rc == HM_OK)
		rc = hm_digest_update(l->digest, text.ptr, text.len, err);
	if (rc == HM_OK)
		rc = l->sink(l->ctx, stream, text, err);
	l->size += text.len;
	return rc < 0 ? hm_err_prefix(err, "build log") : HM_OK;
}

static int batch_flush(struct hm_build_log *l, enum hm_stream stream,
		       struct hm_err *err)
{
	int rc = HM_OK;

	if (l->batch.len == 0)
		return HM_OK;
	if (!l->full && l->size + l->batch.len > HM_BUILD_LOG_MAX) {
		l->full = true;
		rc = emit(l, stream, hm_slice_str(CUT_LOG), err);
	} else if (!l->full) {
		rc = emit(l, stream, hm_buf_slice(&l->batch), err);
	}
	l->batch.len = 0;
	return rc;
}

/* The line is whole: made harmless, into the batch. */
static int line_end(struct hm_build_log *l, enum hm_stream stream,
		    struct hm_err *err)
{
	struct line *line = &l->lines[stream];
	int rc = hm_escape_line_add(&l->batch, hm_buf_slice(&line->raw), err);

	if (rc == HM_OK && line->cut)
		rc = hm_buf_add_str(&l->batch, CUT_LINE, err);
	if (rc == HM_OK)
		rc = hm_buf_add(&l->batch, "\n", 1, err);
	line->raw.len = 0;
	line->cut = false;
	if (rc == HM_OK && l->batch.len >= BATCH_MAX)
		rc = batch_flush(l, stream, err);
	return rc;
}

static int line_add(struct hm_build_log *l, enum hm_stream stream,
		    struct hm_slice part, struct hm_err *err)
{
	struct line *line = &l->lines[stream];
	size_t room = line->raw.max - line->raw.len;

	if (part.len > room) {
		part.len = room;
		line->cut = true;
	}
	return hm_buf_add_slice(&line->raw, part, err);
}

/* Next line end in s: '\n', or the '\r' that progress bars rewrite lines with. */
static const uint8_t *find_end(struct hm_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '\n' || s.ptr[i] == '\r')
			return s.ptr + i;
	}
	return NULL;
}

int hm_build_log_add(struct hm_build_log *l, enum hm_stream stream,
		     struct hm_slice bytes, struct hm_err *err)
{
	while (bytes.len > 0 && !l->full) {
		const uint8_t *end = find_end(bytes);
		size_t n = end ? (size_t)(end - bytes.ptr) : bytes.len;
		int rc = line_add(l, stream, hm_slice(bytes.ptr, n), err);

		/* "\r\n" and a bare "\r" at a line's start end nothing. */
		if (rc == HM_OK && end &&
		    (*end == '\n' || l->lines[stream].raw.len > 0) &&
		    !(*end == '\r' && n + 1 < bytes.len && end[1] == '\n'))
			rc = line_end(l, stream, err);
		if (rc < 0)
			return rc;
		n += end ? 1 : 0;
		bytes.ptr += n;
		bytes.len -= n;
	}
	return batch_flush(l, stream, err);
}

int hm_build_log_note(struct hm_build_log *l, const char *text,
		      struct hm_err *err)
{
	int rc = hm_build_log_add(l, HM_STREAM_STDOUT, hm_slice_str(text), err);

	if (rc == HM_OK)
		rc = hm_build_log_add(l, HM_STREAM_STDOUT, hm_slice_str("\n"),
				      err);
	return rc;
}

int hm_build_log_end(struct hm_build_log *l, struct hm_err *err)
{
	for (size_t i = 0; i < HM_STREAM_COUNT; i++) {
		int rc = HM_OK;

		if (l->lines[i].raw.len > 0 && !l->full)
			rc = line_end(l, (enum hm_stream)i, err);
		if (rc == HM_OK)
			rc = batch_flush(l, (enum hm_stream)i, err);
		if (rc < 0)
			return rc;
	}
	return HM_OK;
}

int hm_build_log_digest(struct hm_build_log *l, uint8_t out[HM_SHA256_LEN],
			uint64_t *ret_size, struct hm_err *err)
{
	*ret_size = l->size;
	return hm_digest_final(l->digest, out, err);
}
