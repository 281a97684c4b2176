/*
 * The walk through the tree: which object must come next, and the SHA-256 form
 * of every directory on the way back. See the theory of operation in source.c.
 * Distrusted: the content of trees and commits. Their ids are right, so nobody
 * on the way changed them, but their author may be hostile.
 */
#include "enclave-worker/source_walk.h"

#include <inttypes.h>
#include <sys/stat.h>

#include "enclave-worker/source_write.h"
#include "lib/log.h"
#include "lib/path.h"

void hm_source_level_clear(struct hm_source *s, struct hm_source_level *l)
{
	if (l->fd >= 0 && l->fd != s->spec.dest_fd)
		(void)close(l->fd);
	s->tree_bytes -= l->tree.len;
	hm_buf_release(&l->tree);
	hm_git_hasher_free(l->sha256);
	*l = (struct hm_source_level){.fd = -1};
}

/* --- facts for the statement ------------------------------------------------ */

/* A copy of the current path, which a JSON statement must be able to name. */
static int path_for_statement(struct hm_source *s, char **ret_path,
			      struct hm_err *err)
{
	struct hm_slice path = hm_buf_slice(&s->path);
	char *copy;

	if (!hm_slice_is_text(path))
		return hm_fail(err, HM_E_POLICY, 0,
			       "the path of a submodule or LFS file must be "
			       "UTF-8: the statement names it");
	copy = hm_slice_dup(path);
	if (!copy)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "path");
	*ret_path = copy;
	return HM_OK;
}

static int add_submodule(struct hm_source *s, struct hm_err *err)
{
	struct hm_source_result *r = &s->result;
	struct hm_submodule *m;
	int rc;

	if (r->submodule_count == HM_SOURCE_MAX_SUBMODULES)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "more than %u submodules", HM_SOURCE_MAX_SUBMODULES);
	m = reallocarray(r->submodules, r->submodule_count + 1, sizeof(*m));
	if (!m)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "submodules");
	r->submodules = m;
	m += r->submodule_count;
	*m = (struct hm_submodule){.commit = s->want};
	rc = path_for_statement(s, &m->path, err);
	if (rc < 0)
		return rc;
	s->want_submodule = ++r->submodule_count;
	return HM_OK;
}

int hm_source_add_lfs(struct hm_source *s, struct hm_err *err)
{
	struct hm_source_result *r = &s->result;
	struct hm_lfs_object *o;
	int rc;

	if (r->lfs_count == HM_SOURCE_MAX_LFS)
		return hm_fail(err, HM_E_TOO_LARGE, 0, "more than %u LFS files",
			       HM_SOURCE_MAX_LFS);
	o = reallocarray(r->lfs, r->lfs_count + 1, sizeof(*o));
	if (!o)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "LFS files");
	r->lfs = o;
	o += r->lfs_count;
	*o = (struct hm_lfs_object){.size = s->want_lfs.size};
	memcpy(o->sha256, s->want_lfs.sha256, sizeof(o->sha256));
	rc = path_for_statement(s, &o->path, err);
	if (rc < 0)
		return rc;
	r->lfs_count++;
	return HM_OK;
}

/* --- the walk ----------------------------------------------------------------- */

/* "<mode> <name>\0<SHA-256 id>" into the SHA-256 form of the top level. */
int hm_source_entry_done(struct hm_source *s, const struct hm_git_id *id256,
		      struct hm_err *err)
{
	struct hm_source_level *l = hm_source_top(s);
	char mode[16];
	int n = snprintf(mode, sizeof(mode), "%" PRIo32 " ", l->cur.mode);
	int rc;

	HM_BUG_ON(n < 0 || (size_t)n >= sizeof(mode));
	rc = hm_git_hasher_update(l->sha256, mode, (size_t)n, err);
	if (rc == HM_OK)
		rc = hm_git_hasher_update(l->sha256, l->cur.name.ptr,
					  l->cur.name.len + 1, err);
	if (rc == HM_OK)
		rc = hm_git_hasher_update(l->sha256, id256->bytes,
					  HM_SHA256_LEN, err);
	return rc;
}

/* The top directory is full: seal it, and its SHA-256 id goes one level up. */
static int leave_level(struct hm_source *s, struct hm_err *err)
{
	struct hm_source_level *l = hm_source_top(s);
	struct hm_git_id id256;
	int rc = hm_git_hasher_end(l->sha256, &id256, err);

	if (rc < 0)
		return rc;
	rc = hm_source_seal(l->fd, 0755, s->result.committer_s, err);
	if (rc < 0)
		return rc;
	if (l->submodule > 0)
		memcpy(s->result.submodules[l->submodule - 1].tree_sha256,
		       id256.bytes, HM_SHA256_LEN);
	hm_source_level_clear(s, l);
	s->depth--;
	if (s->depth > 0)
		return hm_source_entry_done(s, &id256, err);
	memcpy(s->result.tree_sha256, id256.bytes, HM_SHA256_LEN);
	s->complete = true;
	return HM_OK;
}

static int set_path(struct hm_source *s, const struct hm_source_level *l,
		    struct hm_slice name, struct hm_err *err)
{
	size_t slash = l->path_len > 0 ? 1 : 0;
	int rc = HM_OK;

	s->path.len = l->path_len;
	if (l->path_len + slash + name.len > HM_PATH_MAX)
		return hm_fail(err, HM_E_POLICY, 0,
			       "path of '%s' is over %d bytes", HM_ESC(name),
			       HM_PATH_MAX);
	if (slash > 0)
		rc = hm_buf_add(&s->path, "/", 1, err);
	return rc < 0 ? rc : hm_buf_add_slice(&s->path, name, err);
}

/* Decides what must come next, leaving every directory that is full. */
int hm_source_advance(struct hm_source *s, struct hm_err *err)
{
	struct hm_source_level *l;
	int rc;

	while (hm_source_top(s)->rest.len == 0) {
		rc = leave_level(s, err);
		if (rc < 0 || s->complete)
			return rc;
	}
	l = hm_source_top(s);
	rc = hm_git_tree_next(&l->rest, s->spec.commit.alg, &l->cur, err);
	if (rc < 0)
		return rc;
	rc = set_path(s, l, l->cur.name, err);
	if (rc < 0)
		return rc;
	s->want = l->cur.id;
	s->want_submodule = 0;
	s->want_kind = HM_GIT_BLOB;
	if (l->cur.mode == HM_GIT_MODE_DIR)
		s->want_kind = HM_GIT_TREE;
	if (l->cur.mode != HM_GIT_MODE_SUBMODULE)
		return HM_OK;
	s->want_kind = HM_GIT_COMMIT;
	return add_submodule(s, err);
}

/*
 * Reads a whole tree once: form, names, order; and the size its SHA-256 form
 * will have, which is hashed before the first entry.
 */
static int check_tree(struct hm_source *s, struct hm_slice tree,
		      uint64_t *ret_size256, struct hm_err *err)
{
	enum hm_git_alg alg = s->spec.commit.alg;
	struct hm_git_entry prev = {.mode = 0}, e;
	uint64_t count = 0;

	for (struct hm_slice rest = tree; rest.len > 0; count++) {
		int rc = hm_git_tree_next(&rest, alg, &e, err);

		if (rc < 0)
			return rc;
		if (count > 0 && hm_git_entry_cmp(&prev, &e) >= 0)
			return hm_fail(err, HM_E_FORMAT, 0,
				       "tree is not in git's order at '%s'",
				       HM_ESC(e.name));
		prev = e;
	}
	s->entries += count;
	if (s->entries > HM_SOURCE_MAX_ENTRIES)
		return hm_fail(err, HM_E_TOO_LARGE, 0, "more than %u entries",
			       HM_SOURCE_MAX_ENTRIES);
	*ret_size256 = tree.len + count * (HM_SHA256_LEN - hm_git_id_len(alg));
	return HM_OK;
}

int hm_source_tree_arrived(struct hm_source *s, struct hm_err *err)
{
	struct hm_source_level *l = &s->levels[s->depth];	/* begun by begin_object() */
	struct hm_source_level *parent = s->depth > 0 ? hm_source_top(s) : NULL;
	uint64_t size256;
	int rc = check_tree(s, hm_buf_slice(&l->tree), &size256, err);

	if (rc < 0)
		return rc;
	if (parent)
		rc = hm_source_mkdir(parent->fd,
				     (const char *)parent->cur.name.ptr, &l->fd, err);
	else
		l->fd = s->spec.dest_fd;
	if (rc == HM_OK)
		rc = hm_git_hasher_new(HM_GIT_SHA256, &l->sha256, err);
	if (rc == HM_OK)
		rc = hm_git_hasher_begin(l->sha256, HM_GIT_TREE, size256, err);
	if (rc < 0)
		return rc;
	l->rest = hm_buf_slice(&l->tree);
	l->path_len = s->path.len;
	l->submodule = s->want_submodule;
	l->lfs = parent && s->want_submodule == 0 && parent->lfs;
	if (!parent)
		s->result.tree = s->want;
	s->depth++;
	return hm_source_advance(s, err);
}

int hm_source_commit_arrived(struct hm_source *s, struct hm_err *err)
{
	struct hm_git_commit c;
	int rc = hm_git_commit_parse(hm_buf_slice(&s->body), s->spec.commit.alg,
				     &c, err);

	if (rc < 0)
		return rc;
	if (s->depth == 0)
		s->result.committer_s = c.committer_s;
	s->want = c.tree;
	s->want_kind = HM_GIT_TREE;
	return HM_OK;
}
