/*
 * Step 4, host side: reads the objects of one commit out of a repository through
 * `git cat-file --batch`, in the order the worker demands: commit, root tree,
 * then each entry depth-first in tree order; a submodule's commit in its place;
 * an LFS pointer's content right after it. Nothing here is trusted: the worker
 * recomputes every id. It only has to be right, fast and clear when something
 * is missing (shallow clone, submodule not checked out, LFS object not fetched).
 */
#pragma once

#include "lib/gitid.h"

struct hm_object_sink {
	void *ctx;
	/* kind: enum hm_git_type or HM_OBJECT_LFS (lib/wire.h) */
	int (*begin)(void *ctx, unsigned int kind, uint64_t size, struct hm_err *err);
	int (*data)(void *ctx, const void *p, size_t len, struct hm_err *err);
	int (*end)(void *ctx, struct hm_err *err);
};

struct hm_repo {
	char *root;		/* top of the work tree, absolute */
	char *git_dir;
	bool shallow;
};
/* Finds the repository that holds dir. Clear error when there is none. */
int hm_repo_open(const char *dir, struct hm_repo *ret_r, struct hm_err *err) HM_MUST_CHECK;
void hm_repo_release(struct hm_repo *r);
/* Resolves HEAD, a branch, tag or (abbreviated) id to a commit id. */
int hm_repo_resolve(const struct hm_repo *r, const char *rev,
		    struct hm_git_id *ret_commit, struct hm_err *err) HM_MUST_CHECK;
/* Full name of the ref that rev is ("refs/tags/v1"), or "" when it is none. */
int hm_repo_ref(const struct hm_repo *r, const char *rev, struct hm_buf *b,
		struct hm_err *err) HM_MUST_CHECK;
/* URL of remote "origin", credentials removed, or "". */
int hm_repo_origin(const struct hm_repo *r, struct hm_buf *b,
		   struct hm_err *err) HM_MUST_CHECK;
/* True when tracked files differ from HEAD (untracked ones do not count). */
int hm_repo_dirty(const struct hm_repo *r, bool *ret_dirty,
		  struct hm_err *err) HM_MUST_CHECK;
/* Content of one file of the commit, or HM_E_POLICY when it has none. */
int hm_repo_file(const struct hm_repo *r, const struct hm_git_id *commit,
		 const char *path, struct hm_buf *b, struct hm_err *err) HM_MUST_CHECK;
/* Streams the whole commit into sink. */
int hm_repo_stream(const struct hm_repo *r, const struct hm_git_id *commit,
		   const struct hm_object_sink *sink, struct hm_err *err) HM_MUST_CHECK;
