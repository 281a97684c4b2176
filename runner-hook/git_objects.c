/*
 * The walk that the worker repeats with different eyes: it checks, this one only
 * has to guess right. Speed comes from asking git ahead of time: within the
 * directory being sent, and then in the directories above it, everything up to
 * the next tree or submodule is known and can be asked for; what a tree holds is
 * not known before it has come.
 */
#include "runner-hook/git_objects.h"

#include <sys/stat.h>

#include "lib/gitobject.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/path.h"
#include "lib/wire.h"
#include "runner-hook/git_cat.h"

/* The worker's limits are its own; these only keep this side finite. */
#define DEPTH_MAX 1024U
#define TREE_MAX (256U << 20)

struct level {
	struct hm_buf tree;
	struct hm_slice rest;	/* not yet sent */
	struct hm_slice ahead;	/* not yet asked for */
	size_t path_len;
	bool lfs;
	struct repo_level *repo;
};

/* The repository itself, or a submodule while its tree is being sent. */
struct repo_level {
	struct repo_level *outer;
	struct hm_repo repo;	/* owned by submodules only */
	struct hm_git_cat cat;
	struct hm_git_id commit;
	size_t path_len;	/* of the submodule */
	size_t base;		/* depth of its root tree */
};

struct walk {
	const struct hm_object_sink *sink;
	struct repo_level *repo;
	struct level *levels;
	size_t depth, cap;
	size_t ahead;		/* level that is being asked ahead */
	bool blocked;		/* by a tree or submodule that is not here yet */
	struct hm_buf path;
	struct hm_buf pointer;	/* a blob that may be an LFS pointer */
	bool lacking;		/* git did not give an object */
};

static struct level *top(struct walk *w)
{
	return &w->levels[w->depth - 1];
}

/* --- asking ahead -------------------------------------------------------------- */

static int ask_entry(struct walk *w, struct level *l, struct hm_err *err)
{
	struct hm_git_entry e;
	int rc = hm_git_tree_next(&l->ahead, w->repo->commit.alg, &e, err);

	if (rc < 0)
		return rc;
	w->blocked = e.mode == HM_GIT_MODE_DIR || e.mode == HM_GIT_MODE_SUBMODULE;
	if (e.mode == HM_GIT_MODE_SUBMODULE)
		return HM_OK;
	return hm_git_cat_ask(&w->repo->cat, &e.id, err);
}

static int ask_ahead(struct walk *w, struct hm_err *err)
{
	struct hm_git_cat *cat = &w->repo->cat;

	if (cat->outstanding > cat->room / 2)
		return HM_OK;
	while (!w->blocked && hm_git_cat_has_room(cat)) {
		struct level *l = &w->levels[w->ahead - 1];
		int rc;

		if (l->ahead.len == 0) {
			if (w->ahead == w->repo->base)
				break;
			w->ahead--;
			continue;
		}
		rc = ask_entry(w, l, err);
		if (rc < 0)
			return rc;
	}
	return hm_git_cat_flush(cat, err);
}

/* --- sending -------------------------------------------------------------------- */

/* One object from git into the sink, and into copy when that is not NULL. */
static int send_object(struct walk *w, const struct hm_git_id *id,
		       enum hm_git_type type, struct hm_buf *copy,
		       struct hm_lfs_scan *scan, struct hm_err *err)
{
	struct hm_git_cat *cat = &w->repo->cat;
	struct hm_slice chunk;
	uint64_t size;
	int rc = hm_git_cat_head(cat, id, type, &size, err);

	w->lacking = rc < 0;
	if (rc < 0)
		return rc;
	if (copy && size > copy->max)	/* too large to be what we look for */
		copy = NULL;
	rc = w->sink->begin(w->sink->ctx, type, size, err);
	while (rc == HM_OK && size > 0) {
		rc = hm_git_cat_data(cat, size, &chunk, err);
		w->lacking = rc < 0;
		if (rc < 0)
			return rc;
		size -= chunk.len;
		if (copy)
			rc = hm_buf_add_slice(copy, chunk, err);
		if (scan)
			hm_lfs_scan_add(scan, chunk);
		if (rc == HM_OK)
			rc = w->sink->data(w->sink->ctx, chunk.ptr, chunk.len, err);
	}
	if (rc == HM_OK)
		rc = hm_git_cat_end(cat, err);
	return rc < 0 ? rc : w->sink->end(w->sink->ctx, err);
}

static int send_lfs(struct walk *w, const struct hm_lfs_pointer *p,
		    struct hm_err *err)
{
	AUTO_CLOSE int fd = -1;
	AUTO_FREE uint8_t *chunk = malloc(HM_WIRE_CHUNK);
	uint64_t left = p->size;
	size_t n;
	int rc;

	if (!chunk)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "LFS content");
	rc = hm_repo_lfs_open(&w->repo->repo, p->sha256, &fd, err);
	if (rc == HM_OK)
		rc = w->sink->begin(w->sink->ctx, HM_OBJECT_LFS, p->size, err);
	while (rc == HM_OK && left > 0) {
		n = left < HM_WIRE_CHUNK ? (size_t)left : HM_WIRE_CHUNK;
		rc = hm_io_read_some(fd, chunk, n, HM_NO_DEADLINE, &n, err);
		if (rc == HM_OK && n == 0)
			rc = hm_fail(err, HM_E_POLICY, 0,
				     "its LFS content is damaged: run `git lfs "
				     "fsck`, then `git lfs fetch`");
		if (rc == HM_OK)
			rc = w->sink->data(w->sink->ctx, chunk, n, err);
		left -= rc == HM_OK ? n : 0;
	}
	return rc < 0 ? rc : w->sink->end(w->sink->ctx, err);
}

static int send_blob(struct walk *w, const struct hm_git_entry *e,
		     struct hm_err *err)
{
	bool is_file = e->mode != HM_GIT_MODE_LINK;
	bool attributes = is_file && hm_slice_eq_str(e->name, ".gitattributes");
	bool hold = is_file && top(w)->lfs;
	struct hm_lfs_scan scan = {.matched = 0};
	struct hm_lfs_pointer p;
	int rc;

	w->pointer.len = 0;
	rc = send_object(w, &e->id, HM_GIT_BLOB, hold ? &w->pointer : NULL,
			 attributes ? &scan : NULL, err);
	if (rc < 0)
		return rc;
	if (attributes && hm_lfs_scan_end(&scan))
		top(w)->lfs = true;
	if (hold && hm_lfs_pointer_parse(hm_buf_slice(&w->pointer), &p))
		return send_lfs(w, &p, err);
	return HM_OK;
}

static int push_level(struct walk *w, const struct hm_git_id *id, bool lfs,
		      struct hm_err *err)
{
	struct level *l;
	int rc;

	if (w->depth == DEPTH_MAX)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "more than %u directories deep", DEPTH_MAX);
	if (w->depth == w->cap) {
		size_t cap = w->cap > 0 ? 2 * w->cap : 32;

		l = reallocarray(w->levels, cap, sizeof(*l));
		if (!l)
			return hm_fail(err, HM_E_NOMEM, ENOMEM, "directories");
		w->levels = l;
		w->cap = cap;
	}
	l = &w->levels[w->depth];
	*l = (struct level){.path_len = w->path.len, .lfs = lfs, .repo = w->repo};
	hm_buf_init(&l->tree, TREE_MAX);
	w->depth++;	/* walk_free() releases it from here on */
	rc = send_object(w, id, HM_GIT_TREE, &l->tree, NULL, err);
	if (rc < 0)
		return rc;
	l->rest = l->ahead = hm_buf_slice(&l->tree);
	w->ahead = w->depth;
	w->blocked = false;
	return HM_OK;
}

/* A commit and its root tree: the beginning of a repository's part. */
static int send_commit(struct walk *w, struct hm_err *err)
{
	AUTO_BUF struct hm_buf content;
	struct hm_git_commit c;
	int rc;

	hm_buf_init(&content, TREE_MAX);
	w->repo->base = w->depth + 1;
	rc = hm_git_cat_start(&w->repo->cat, &w->repo->repo, err);
	if (rc == HM_OK)
		rc = hm_git_cat_ask(&w->repo->cat, &w->repo->commit, err);
	if (rc == HM_OK)
		rc = hm_git_cat_flush(&w->repo->cat, err);
	if (rc == HM_OK)
		rc = send_object(w, &w->repo->commit, HM_GIT_COMMIT, &content,
				 NULL, err);
	if (rc == HM_OK)
		rc = hm_git_commit_parse(hm_buf_slice(&content),
					 w->repo->commit.alg, &c, err);
	if (rc == HM_OK)
		rc = hm_git_cat_ask(&w->repo->cat, &c.tree, err);
	if (rc == HM_OK)
		rc = hm_git_cat_flush(&w->repo->cat, err);
	return rc < 0 ? rc : push_level(w, &c.tree, false, err);
}

static int enter_submodule(struct walk *w, const struct hm_git_id *commit,
			   struct hm_err *err)
{
	struct repo_level *outer = w->repo, *r = calloc(1, sizeof(*r));
	size_t skip = outer->path_len > 0 ? outer->path_len + 1 : 0;
	int rc;

	if (!r)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "submodule");
	rc = hm_repo_submodule(&outer->repo, &outer->commit,
			       hm_slice(w->path.data + skip, w->path.len - skip),
			       &r->repo, err);
	if (rc < 0) {
		free(r);
		return rc;
	}
	r->outer = outer;
	r->commit = *commit;
	r->path_len = w->path.len;
	hm_git_cat_init(&r->cat);
	w->repo = r;
	return send_commit(w, err);
}

static void leave_repo(struct walk *w)
{
	struct repo_level *r = w->repo;

	hm_git_cat_stop(&r->cat);
	w->repo = r->outer;
	hm_repo_release(&r->repo);
	free(r);
}

/* The top directory is sent. */
static void pop_level(struct walk *w)
{
	hm_buf_release(&top(w)->tree);
	if (w->depth == w->repo->base && w->repo->outer) {
		leave_repo(w);
		w->blocked = false;
	}
	w->depth--;
	if (w->ahead > w->depth)
		w->ahead = w->depth;
}

static int set_path(struct walk *w, const struct level *l, struct hm_slice name,
		    struct hm_err *err)
{
	int rc = HM_OK;

	w->path.len = l->path_len;
	if (l->path_len > 0)
		rc = hm_buf_add(&w->path, "/", 1, err);
	return rc < 0 ? rc : hm_buf_add_slice(&w->path, name, err);
}

static int send_next(struct walk *w, struct hm_err *err)
{
	struct level *l = top(w);
	struct hm_git_entry e;
	int rc;

	if (l->rest.len == 0) {
		pop_level(w);
		return HM_OK;
	}
	rc = ask_ahead(w, err);
	if (rc == HM_OK)
		rc = hm_git_tree_next(&l->rest, w->repo->commit.alg, &e, err);
	if (rc == HM_OK)
		rc = set_path(w, l, e.name, err);
	if (rc < 0)
		return rc;
	if (e.mode == HM_GIT_MODE_DIR)
		return push_level(w, &e.id, l->lfs, err);
	if (e.mode == HM_GIT_MODE_SUBMODULE)
		return enter_submodule(w, &e.id, err);
	return send_blob(w, &e, err);
}

/* --- errors that a user can act on --------------------------------------------- */

/* An object is missing or git gave up: say what kind of clone does that. */
static int explain(struct walk *w, struct hm_err *err)
{
	const struct repo_level *r = w->repo;
	const char *fix = NULL;
	struct hm_err why = *err;

	if (hm_repo_is_partial(&r->repo))
		fix = "this is a partial clone that lacks objects of the commit: "
		      "run `git fetch --refetch --no-filter` (with "
		      "actions/checkout: no `filter`)";
	else if (r->outer && w->depth + 1 == r->base)
		fix = "the submodule's checkout is older than the commit: run "
		      "`git submodule update --init --recursive`";
	if (!fix)
		return err->code;
	return hm_fail(err, HM_E_POLICY, 0, "%s (%s)", fix, why.msg);
}

static void walk_free(struct walk *w)
{
	while (w->depth > 0)
		hm_buf_release(&w->levels[--w->depth].tree);
	free(w->levels);
	while (w->repo->outer)
		leave_repo(w);
	hm_git_cat_stop(&w->repo->cat);
	hm_buf_release(&w->path);
	hm_buf_release(&w->pointer);
}

int hm_repo_stream(const struct hm_repo *r, const struct hm_git_id *commit,
		   const struct hm_object_sink *sink, struct hm_err *err)
{
	struct repo_level outermost = {.repo = *r, .commit = *commit};
	struct walk w = {.sink = sink, .repo = &outermost};
	int rc;

	hm_git_cat_init(&outermost.cat);
	hm_buf_init(&w.path, 4 * HM_PATH_MAX);
	hm_buf_init(&w.pointer, HM_LFS_POINTER_MAX);
	rc = send_commit(&w, err);
	while (rc == HM_OK && w.depth > 0)
		rc = send_next(&w, err);
	if (rc < 0 && w.lacking)
		rc = explain(&w, err);
	if (rc < 0 && w.path.len > 0)
		rc = hm_err_prefix(err, "'%s'", HM_ESC(hm_buf_slice(&w.path)));
	walk_free(&w);
	return rc;
}
