/*
 * Theory of operation
 *
 * The commit id is the only thing believed. It says which bytes the first object
 * must have; that object says which id the next must have, and so on: commit,
 * root tree, then each entry depth-first in tree order. At any moment there is
 * exactly one id, kind and place that may come next (`want`), so a peer has no
 * choice but to send these bytes or to fail. Ids are computed from what arrives,
 * never taken from the wire.
 *
 * A level is one directory that is being filled: its tree object, how far it is
 * read, its directory fd, and the hasher of the same tree with SHA-256 ids. When
 * its entries are through, its SHA-256 id goes into the level above. The stack
 * of levels replaces recursion; its depth and the bytes it holds are bounded.
 *
 * Should: hash before believing; count before allocating; name the path.
 * Mustn't: act on a declared size other than to compare it; continue after an
 * error; follow or replace anything on disk.
 *
 * Content is written while it is being hashed, so a bad file may exist on disk
 * when its id turns out wrong. Nothing reads it: the caller gets an error, and
 * hm_source_complete() never becomes true.
 */
#include "enclave-worker/source.h"

#include <inttypes.h>
#include <sys/stat.h>

#include "enclave-worker/source_walk.h"
#include "enclave-worker/source_write.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/path.h"
#include "lib/wire.h"

/* In a SHA-256 repository a blob's id is already what the digest needs. */
static bool has_id256(const struct hm_source *s)
{
	return s->want_kind == HM_OBJECT_LFS ||
	       (s->want_kind == HM_GIT_BLOB && s->spec.commit.alg == HM_GIT_SHA1);
}

int hm_source_new(const struct hm_source_spec *spec, struct hm_source **ret_s,
		  struct hm_err *err)
{
	struct hm_source *s;
	int rc = hm_source_check_empty(spec->dest_fd, err);

	if (rc < 0)
		return rc;
	s = calloc(1, sizeof(*s));
	if (!s)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "source");
	s->spec = *spec;
	s->want_kind = HM_GIT_COMMIT;
	s->want = spec->commit;
	s->out_fd = -1;
	hm_buf_init(&s->body, HM_SOURCE_MAX_COMMIT);
	hm_buf_init(&s->path, HM_PATH_MAX);
	s->levels = calloc(HM_SOURCE_MAX_DEPTH, sizeof(*s->levels));
	rc = s->levels ? HM_OK : hm_fail(err, HM_E_NOMEM, ENOMEM, "source");
	for (size_t i = 0; s->levels && i < HM_SOURCE_MAX_DEPTH; i++)
		s->levels[i].fd = -1;
	if (rc == HM_OK)
		rc = hm_git_hasher_new(spec->commit.alg, &s->id, err);
	if (rc == HM_OK)
		rc = hm_git_hasher_new(HM_GIT_SHA256, &s->id256, err);
	if (rc == HM_OK)
		rc = hm_digest_new(HM_SHA256, &s->content, err);
	if (rc < 0) {
		hm_source_free(s);
		return rc;
	}
	*ret_s = s;
	return HM_OK;
}

void hm_source_free(struct hm_source *s)
{
	if (!s)
		return;
	for (size_t i = 0; s->levels && i < HM_SOURCE_MAX_DEPTH; i++)
		hm_source_level_clear(s, &s->levels[i]);
	if (s->out_fd >= 0)
		(void)close(s->out_fd);
	for (size_t i = 0; i < s->result.submodule_count; i++)
		free(s->result.submodules[i].path);
	for (size_t i = 0; i < s->result.lfs_count; i++)
		free(s->result.lfs[i].path);
	free(s->result.submodules);
	free(s->result.lfs);
	free(s->levels);
	hm_git_hasher_free(s->id);
	hm_git_hasher_free(s->id256);
	hm_digest_free(s->content);
	hm_buf_release(&s->body);
	hm_buf_release(&s->path);
	free(s);
}

/* --- content ------------------------------------------------------------------ */

/* Counts content before a byte of it is written. */
static int claim(struct hm_source *s, uint64_t size, struct hm_err *err)
{
	if (size > s->spec.max_bytes - s->result.bytes)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "the source is larger than the %" PRIu64
			       " MiB allowed here", s->spec.max_bytes >> 20);
	s->result.bytes += size;
	s->result.files++;
	return HM_OK;
}

static int open_file(struct hm_source *s, uint64_t size, struct hm_err *err)
{
	struct hm_source_level *l = hm_source_top(s);
	int rc = claim(s, size, err);

	if (rc < 0)
		return rc;
	return hm_source_create(l->fd, (const char *)l->cur.name.ptr,
				&s->out_fd, err);
}

static int close_file(struct hm_source *s, struct hm_err *err)
{
	mode_t mode = hm_source_top(s)->cur.mode == HM_GIT_MODE_EXEC ? 0755 : 0644;
	int rc = hm_source_seal(s->out_fd, mode, s->result.committer_s, err);

	if (rc < 0)
		return rc;
	(void)close(HM_TAKE_FD(s->out_fd));
	return HM_OK;
}

static int make_link(struct hm_source *s, struct hm_err *err)
{
	struct hm_source_level *l = hm_source_top(s);
	const char *target;
	int rc = claim(s, s->body.len, err);

	if (rc < 0)
		return rc;
	if (s->body.len == 0 || memchr(s->body.data, 0, s->body.len))
		return hm_fail(err, HM_E_POLICY, 0,
			       "a link whose target no system can express");
	rc = hm_buf_cstr(&s->body, &target, err);
	if (rc < 0)
		return rc;
	return hm_source_symlink(l->fd, (const char *)l->cur.name.ptr, target,
				 s->result.committer_s, err);
}

static int blob_arrived(struct hm_source *s, const struct hm_git_id *id256,
			struct hm_err *err)
{
	struct hm_source_level *l = hm_source_top(s);
	int rc;

	if (l->cur.mode == HM_GIT_MODE_LINK) {
		rc = make_link(s, err);
	} else {
		if (hm_lfs_scan_end(&s->scan))
			l->lfs = true;
		if (s->out_fd < 0) {	/* held back: is it a pointer? */
			if (hm_lfs_pointer_parse(hm_buf_slice(&s->body),
						 &s->want_lfs)) {
				s->want_kind = HM_OBJECT_LFS;
				return HM_OK;
			}
			rc = open_file(s, s->body.len, err);
			if (rc == HM_OK)
				rc = hm_io_write_all(s->out_fd, s->body.data,
						     s->body.len,
						     HM_NO_DEADLINE, err);
			if (rc < 0)
				return rc;
		}
		rc = close_file(s, err);
	}
	if (rc == HM_OK)
		rc = hm_source_entry_done(s, id256, err);
	return rc < 0 ? rc : hm_source_advance(s, err);
}

static int lfs_arrived(struct hm_source *s, const struct hm_git_id *id256,
		       struct hm_err *err)
{
	uint8_t sha256[HM_SHA256_LEN];
	int rc = hm_digest_final(s->content, sha256, err);

	if (rc < 0)
		return rc;
	if (memcmp(sha256, s->want_lfs.sha256, sizeof(sha256)) != 0)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "LFS content is not what its pointer says");
	rc = close_file(s, err);
	if (rc == HM_OK)
		rc = hm_source_add_lfs(s, err);
	if (rc == HM_OK)
		rc = hm_source_entry_done(s, id256, err);
	return rc < 0 ? rc : hm_source_advance(s, err);
}

/* --- objects as they come ------------------------------------------------------- */

static const char *kind_name(unsigned int kind)
{
	return kind == HM_OBJECT_LFS ? "LFS content" :
				       hm_git_type_name((enum hm_git_type)kind);
}

static int begin_tree(struct hm_source *s, uint64_t size, struct hm_err *err)
{
	struct hm_source_level *l = &s->levels[s->depth];
	uint8_t *at;

	if (s->depth == HM_SOURCE_MAX_DEPTH)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "more than %u directories deep",
			       HM_SOURCE_MAX_DEPTH);
	if (size > HM_SOURCE_MAX_TREE ||
	    size > HM_SOURCE_MAX_TREES - s->tree_bytes)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "a directory listing of %" PRIu64 " bytes", size);
	*l = (struct hm_source_level){.fd = -1};
	hm_buf_init(&l->tree, HM_SOURCE_MAX_TREE);
	/* room only: pages that no byte reaches are never there */
	return hm_buf_reserve(&l->tree, (size_t)size, &at, err);
}

/* Where the content of a blob will go: the file, or memory while we decide. */
static int begin_blob(struct hm_source *s, uint64_t size, struct hm_err *err)
{
	struct hm_source_level *l = hm_source_top(s);

	s->scan = (struct hm_lfs_scan){.matched = 0};
	if (l->cur.mode == HM_GIT_MODE_LINK) {
		if (size > HM_PATH_MAX)
			return hm_fail(err, HM_E_POLICY, 0,
				       "a link whose target is longer than "
				       "any path");
		return HM_OK;
	}
	if (l->lfs && size <= HM_LFS_POINTER_MAX)
		return HM_OK;
	return open_file(s, size, err);
}

static int begin_object(struct hm_source *s, unsigned int kind, uint64_t size,
			struct hm_err *err)
{
	int rc;

	if (s->complete || s->open)
		return hm_fail(err, HM_E_PROTOCOL, 0,
			       "an object where none may come");
	if (kind != s->want_kind)
		return hm_fail(err, HM_E_PROTOCOL, 0, "expected its %s, got %s",
			       kind_name(s->want_kind), kind_name(kind));
	s->body.len = 0;
	s->open = true;
	s->left = size;
	if (kind == HM_GIT_COMMIT)
		rc = size <= HM_SOURCE_MAX_COMMIT ? HM_OK :
		     hm_fail(err, HM_E_TOO_LARGE, 0, "a commit of %" PRIu64
			     " bytes", size);
	else if (kind == HM_GIT_TREE)
		rc = begin_tree(s, size, err);
	else if (kind == HM_GIT_BLOB)
		rc = begin_blob(s, size, err);
	else if (size != s->want_lfs.size)
		rc = hm_fail(err, HM_E_CRYPTO, 0, "LFS content of %" PRIu64
			     " bytes; its pointer says %" PRIu64, size,
			     s->want_lfs.size);
	else
		rc = open_file(s, size, err);
	if (rc == HM_OK && kind != HM_OBJECT_LFS)
		rc = hm_git_hasher_begin(s->id, (enum hm_git_type)kind, size, err);
	if (rc == HM_OK && has_id256(s))
		rc = hm_git_hasher_begin(s->id256, HM_GIT_BLOB, size, err);
	return rc;
}

static bool is_attributes(struct hm_source *s)
{
	return s->want_kind == HM_GIT_BLOB &&
	       hm_source_top(s)->cur.mode != HM_GIT_MODE_LINK &&
	       hm_slice_eq_str(hm_source_top(s)->cur.name, ".gitattributes");
}

static int more_data(struct hm_source *s, struct hm_slice chunk,
		     struct hm_err *err)
{
	int rc = HM_OK;

	if (!s->open || chunk.len > s->left)
		return hm_fail(err, HM_E_PROTOCOL, 0,
			       "more bytes than the object declared");
	s->left -= chunk.len;
	if (s->want_kind != HM_OBJECT_LFS)
		rc = hm_git_hasher_update(s->id, chunk.ptr, chunk.len, err);
	else
		rc = hm_digest_update(s->content, chunk.ptr, chunk.len, err);
	if (rc == HM_OK && has_id256(s))
		rc = hm_git_hasher_update(s->id256, chunk.ptr, chunk.len, err);
	if (rc < 0)
		return rc;
	if (s->want_kind == HM_GIT_TREE) {
		s->tree_bytes += chunk.len;	/* hm_source_level_clear() takes it back */
		return hm_buf_add_slice(&s->levels[s->depth].tree, chunk, err);
	}
	if (is_attributes(s))
		hm_lfs_scan_add(&s->scan, chunk);
	if (s->out_fd < 0)
		return hm_buf_add_slice(&s->body, chunk, err);
	return hm_io_write_all(s->out_fd, chunk.ptr, chunk.len, HM_NO_DEADLINE,
			       err);
}

static int end_object(struct hm_source *s, struct hm_err *err)
{
	struct hm_git_id id = {.alg = HM_GIT_SHA1}, id256;
	int rc;

	if (!s->open || s->left != 0)
		return hm_fail(err, HM_E_PROTOCOL, 0,
			       "fewer bytes than the object declared");
	s->open = false;
	if (s->want_kind != HM_OBJECT_LFS) {
		rc = hm_git_hasher_end(s->id, &id, err);
		if (rc < 0)
			return rc;
		if (!hm_git_id_equal(&id, &s->want)) {
			char got[HM_GIT_HEX_MAX], want[HM_GIT_HEX_MAX];

			hm_git_id_hex(&id, got);
			hm_git_id_hex(&s->want, want);
			return hm_fail(err, HM_E_CRYPTO, 0, "%s %s expected, "
				       "what came is %s", kind_name(s->want_kind),
				       want, got);
		}
	}
	id256 = id;
	if (has_id256(s)) {
		rc = hm_git_hasher_end(s->id256, &id256, err);
		if (rc < 0)
			return rc;
	}
	switch (s->want_kind) {
	case HM_GIT_COMMIT:
		return hm_source_commit_arrived(s, err);
	case HM_GIT_TREE:
		return hm_source_tree_arrived(s, err);
	case HM_GIT_BLOB:
		return blob_arrived(s, &id256, err);
	default:
		return lfs_arrived(s, &id256, err);
	}
}

/* --- the interface: the first error is final ------------------------------------- */

static int enter(struct hm_source *s, struct hm_err *err)
{
	if (s->failed)
		return hm_fail(err, HM_E_PROTOCOL, 0,
			       "refused before, nothing more is taken");
	return HM_OK;
}

static int leave(struct hm_source *s, int rc, struct hm_err *err)
{
	if (rc == HM_OK)
		return rc;
	s->failed = true;
	s->complete = false;
	if (s->path.len > 0)	/* what it is about */
		(void)hm_err_prefix(err, "'%s'", HM_ESC(hm_buf_slice(&s->path)));
	return rc;
}

int hm_source_begin(struct hm_source *s, unsigned int kind, uint64_t size,
		    struct hm_err *err)
{
	int rc = enter(s, err);

	return rc < 0 ? rc : leave(s, begin_object(s, kind, size, err), err);
}

int hm_source_data(struct hm_source *s, struct hm_slice chunk,
		   struct hm_err *err)
{
	int rc = enter(s, err);

	return rc < 0 ? rc : leave(s, more_data(s, chunk, err), err);
}

int hm_source_end(struct hm_source *s, struct hm_err *err)
{
	int rc = enter(s, err);

	return rc < 0 ? rc : leave(s, end_object(s, err), err);
}

int hm_source_frame(struct hm_source *s, uint16_t flags, struct hm_slice body,
		    struct hm_err *err)
{
	int rc = enter(s, err);

	if (rc < 0)
		return rc;
	if ((flags & HM_FF_FIRST) != 0) {
		if (body.len < HM_OBJECT_HEAD)
			return leave(s, hm_fail(err, HM_E_PROTOCOL, 0,
				     "an object without its head"), err);
		rc = hm_source_begin(s, body.ptr[0], hm_get_u64be(body.ptr + 1),
				     err);
		body = hm_slice(body.ptr + HM_OBJECT_HEAD,
				body.len - HM_OBJECT_HEAD);
	} else if (!s->open) {
		rc = leave(s, hm_fail(err, HM_E_PROTOCOL, 0,
				      "part of an object that never began"), err);
	}
	if (rc == HM_OK && body.len > 0)
		rc = hm_source_data(s, body, err);
	if (rc == HM_OK && (flags & HM_FF_LAST) != 0)
		rc = hm_source_end(s, err);
	return rc;
}

bool hm_source_complete(const struct hm_source *s)
{
	return s->complete && !s->failed;
}

const struct hm_source_result *hm_source_result(const struct hm_source *s)
{
	return hm_source_complete(s) ? &s->result : NULL;
}
