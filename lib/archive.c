/*
 * The tar writer: header bytes from lib/tar_header.c, data as it comes, zeros
 * up to the block, two zero blocks. Small pieces are gathered so that a tree of
 * tiny files does not become one frame per header. Names, sizes and the amount
 * of data are checked, because they come from what an untrusted build left.
 */
#include "lib/archive.h"

#include "lib/log.h"
#include "lib/num.h"
#include "lib/tar_header.h"

/* One frame's worth of data on the wire. */
#define GATHER (256U << 10)

struct hm_tar_writer {
	hm_tar_sink_fn sink;
	void *ctx;
	int64_t mtime_s;
	struct hm_tar_names names;
	unsigned int entries;
	uint64_t written;	/* including what is gathered */
	uint64_t left;		/* data of the current file still to come */
	unsigned int padding;	/* zeros after it */
	bool finished;
	size_t gathered;
	uint8_t gather[GATHER];
};

int64_t hm_tar_mtime(int64_t committer_s)
{
	if (committer_s < 0)
		return 0;
	if ((uint64_t)committer_s > HM_TAR_OCTAL_MAX)
		return (int64_t)HM_TAR_OCTAL_MAX;
	return committer_s;
}

int hm_tar_writer_new(hm_tar_sink_fn sink, void *ctx, int64_t mtime_s,
		      struct hm_tar_writer **ret_w, struct hm_err *err)
{
	struct hm_tar_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return hm_fail(err, HM_E_NOMEM, 0, "tar: out of memory");
	w->sink = sink;
	w->ctx = ctx;
	w->mtime_s = mtime_s;
	*ret_w = w;
	return HM_OK;
}

void hm_tar_writer_free(struct hm_tar_writer *w)
{
	free(w);
}

void hm_tar_writer_cleanup(struct hm_tar_writer **w)
{
	hm_tar_writer_free(*w);
	*w = NULL;
}

static int flush(struct hm_tar_writer *w, struct hm_err *err)
{
	size_t n = w->gathered;

	w->gathered = 0;
	return n > 0 ? w->sink(w->ctx, w->gather, n, err) : HM_OK;
}

static int emit(struct hm_tar_writer *w, const void *p, size_t len,
		struct hm_err *err)
{
	int rc;

	w->written += len;
	if (len > GATHER - w->gathered) {
		rc = flush(w, err);
		if (rc < 0)
			return rc;
	}
	if (len > GATHER)
		return w->sink(w->ctx, p, len, err);
	memcpy(w->gather + w->gathered, p, len);
	w->gathered += len;
	return HM_OK;
}

int hm_tar_writer_file(struct hm_tar_writer *w, struct hm_slice name,
		       unsigned int mode, uint64_t size, struct hm_err *err)
{
	struct hm_tar_head head;
	int rc;

	if (w->left > 0 || w->finished)
		return hm_fail(err, HM_E_BUG, 0,
			       "tar: '%s' begins where it cannot",
			       HM_ESC(name));
	if (w->entries == HM_TAR_MAX_ENTRIES)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "tar: more than %u files", HM_TAR_MAX_ENTRIES);
	rc = hm_tar_head_make(name, mode, size, w->mtime_s, &head, err);
	if (rc < 0)
		return rc;
	/* The end marker and this file's padding count too. */
	if (size > HM_TAR_MAX_BYTES ||
	    w->written + head.len + 3 * HM_TAR_BLOCK > HM_TAR_MAX_BYTES - size)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "tar: '%s' does not fit into %llu bytes",
			       HM_ESC(name),
			       (unsigned long long)HM_TAR_MAX_BYTES);
	rc = hm_tar_names_next(&w->names, name, err);
	if (rc < 0)
		return rc;
	w->entries++;
	w->left = size;
	w->padding = (unsigned int)(-size % HM_TAR_BLOCK);
	return emit(w, head.bytes, head.len, err);
}

int hm_tar_writer_data(struct hm_tar_writer *w, const void *p, size_t len,
		       struct hm_err *err)
{
	static const uint8_t zeros[HM_TAR_BLOCK];
	int rc;

	if (len > w->left)
		return hm_fail(err, HM_E_BUG, 0,
			       "tar: more data than was announced");
	if (len == 0)
		return HM_OK;
	w->left -= len;
	rc = emit(w, p, len, err);
	if (rc < 0 || w->left > 0)
		return rc;
	return emit(w, zeros, w->padding, err);
}

int hm_tar_writer_finish(struct hm_tar_writer *w, struct hm_err *err)
{
	static const uint8_t end[2 * HM_TAR_BLOCK];
	int rc;

	if (w->left > 0 || w->finished)
		return hm_fail(err, HM_E_BUG, 0,
			       "tar: the end comes where it cannot");
	w->finished = true;
	rc = emit(w, end, sizeof(end), err);
	if (rc < 0)
		return rc;
	return flush(w, err);
}
