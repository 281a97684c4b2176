/*
 * The bundles of a release tar, out of it and back into it. The tar is what our
 * worker made or what an operator has pointed at: it is read by the one strict
 * reader, and written by the one writer, so that what comes out differs in the
 * two bundles and in nothing else.
 */
#include "runner-hook/publish_item.h"

#include <errno.h>
#include <fcntl.h>

#include "lib/hex.h"
#include "lib/log.h"
#include "lib/statement.h"
#include "lib/tar_read.h"
#include "runner-hook/package.h"

const char *const hm_publish_members[HM_PUBLISH_BUNDLES] = {
	HM_TAR_PROVENANCE, HM_TAR_EVIDENCE,
};

static struct hm_buf *find_member(struct hm_buf *bundles, struct hm_slice name)
{
	for (size_t i = 0; i < HM_PUBLISH_BUNDLES; i++) {
		if (hm_slice_eq_str(name, hm_publish_members[i]))
			return &bundles[i];
	}
	return NULL;
}

static int open_tar(const char *tar, int *ret_fd, struct hm_err *err)
{
	int fd = open(tar, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "open '%s'",
			       HM_ESC(hm_slice_str(tar)));
	*ret_fd = fd;
	return HM_OK;
}

/* --- out of it --------------------------------------------------------------- */

struct extract {
	struct hm_buf *bundles;
	struct hm_buf *current;
};

static int extract_entry(void *ctx, const struct hm_tar_entry *e,
			 struct hm_err *err)
{
	struct extract *x = ctx;

	(void)err;
	x->current = find_member(x->bundles, e->name);
	if (x->current)
		x->current->len = 0;
	return HM_OK;
}

static int extract_data(void *ctx, const void *p, size_t len,
			struct hm_err *err)
{
	struct extract *x = ctx;

	return x->current ? hm_buf_add(x->current, p, len, err) : HM_OK;
}

static int no_end(void *ctx, struct hm_err *err)
{
	(void)ctx;
	(void)err;
	return HM_OK;
}

int hm_release_bundles(const char *tar, struct hm_buf *bundles,
		       struct hm_err *err)
{
	static const struct hm_tar_events events = {
		extract_entry, extract_data, no_end,
	};
	struct extract x = {.bundles = bundles};
	AUTO_CLOSE int fd = -1;
	int rc = open_tar(tar, &fd, err);

	if (rc == HM_OK)
		rc = hm_tar_read(fd, &events, &x, err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "'%s'", HM_ESC(hm_slice_str(tar)));
	for (size_t i = 0; i < HM_PUBLISH_BUNDLES; i++) {
		if (bundles[i].len == 0)
			return hm_fail(err, HM_E_FORMAT, 0,
				       "'%s' holds no %s: not a release",
				       HM_ESC(hm_slice_str(tar)),
				       hm_publish_members[i]);
	}
	return HM_OK;
}

/* --- back into it ------------------------------------------------------------ */

struct rewrite {
	struct hm_buf bundles[HM_PUBLISH_BUNDLES];	/* borrowed contents */
	struct hm_tar_writer *writer;
	struct hm_package *package;
	struct hm_digest *digest;
	uint64_t size;
	bool skip;	/* the entry's data has been replaced */
};

static int rewrite_sink(void *ctx, const void *p, size_t len,
			struct hm_err *err)
{
	struct rewrite *w = ctx;
	int rc = hm_digest_update(w->digest, p, len, err);

	w->size += len;
	return rc == HM_OK ? hm_package_add(w->package, hm_slice(p, len), err) :
			     rc;
}

static int rewrite_entry(void *ctx, const struct hm_tar_entry *e,
			 struct hm_err *err)
{
	struct rewrite *w = ctx;
	const struct hm_buf *b = find_member(w->bundles, e->name);
	int rc = HM_OK;

	if (!w->writer)	/* every entry has the same time */
		rc = hm_tar_writer_new(rewrite_sink, w, e->mtime_s, &w->writer,
				       err);
	if (rc == HM_OK)
		rc = hm_tar_writer_file(w->writer, e->name, e->mode,
					b ? b->len : e->size, err);
	if (rc == HM_OK && b)
		rc = hm_tar_writer_data(w->writer, b->data, b->len, err);
	w->skip = b != NULL;
	return rc;
}

static int rewrite_data(void *ctx, const void *p, size_t len,
			struct hm_err *err)
{
	struct rewrite *w = ctx;

	return w->skip ? HM_OK : hm_tar_writer_data(w->writer, p, len, err);
}

static int rewrite_all(struct rewrite *w, const char *tar,
		       char ret_sha256[2 * HM_SHA256_LEN + 1],
		       struct hm_err *err)
{
	static const struct hm_tar_events events = {
		rewrite_entry, rewrite_data, no_end,
	};
	uint8_t digest[HM_SHA256_LEN];
	AUTO_CLOSE int fd = -1;
	int rc = open_tar(tar, &fd, err);

	if (rc == HM_OK)
		rc = hm_package_new(tar, &w->package, err);
	if (rc == HM_OK)
		rc = hm_digest_new(HM_SHA256, &w->digest, err);
	if (rc == HM_OK)
		rc = hm_tar_read(fd, &events, w, err);
	if (rc == HM_OK && !w->writer)
		rc = hm_fail(err, HM_E_FORMAT, 0, "an empty release");
	if (rc == HM_OK)
		rc = hm_tar_writer_finish(w->writer, err);
	if (rc == HM_OK)
		rc = hm_digest_final(w->digest, digest, err);
	if (rc == HM_OK)
		rc = hm_package_finish(w->package, w->size,
				       hm_slice(digest, sizeof(digest)),
				       ret_sha256, err);
	return rc;
}

int hm_release_replace(const char *tar, const struct hm_buf *bundles,
		       uint64_t *ret_size,
		       char ret_sha256[2 * HM_SHA256_LEN + 1],
		       struct hm_err *err)
{
	struct rewrite w = {.size = 0};
	int rc;

	for (size_t i = 0; i < HM_PUBLISH_BUNDLES; i++)
		w.bundles[i] = bundles[i];
	rc = rewrite_all(&w, tar, ret_sha256, err);
	if (rc == HM_OK)
		*ret_size = w.size;
	hm_tar_writer_free(w.writer);
	hm_package_free(w.package);
	hm_digest_free(w.digest);
	return rc;
}
