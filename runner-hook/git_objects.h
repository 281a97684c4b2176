/*
 * Step 4, host side: reads the objects of one commit out of a repository through
 * `git cat-file --batch`, in the order the worker demands: commit, root tree,
 * then each entry depth-first in tree order; a submodule's commit in its place;
 * an LFS pointer's content right after it. Nothing here is trusted: the worker
 * recomputes every id. It only has to be right, fast and clear when something
 * is missing (shallow clone, submodule not checked out, LFS object not fetched).
 */
#pragma once

#include "runner-hook/git_repo.h"
#include "runner-hook/git_worktree.h"

struct hm_object_sink {
	void *ctx;
	/* kind: enum hm_git_type or HM_OBJECT_LFS (lib/wire.h) */
	int (*begin)(void *ctx, unsigned int kind, uint64_t size, struct hm_err *err);
	/* at most HM_WIRE_CHUNK bytes at once */
	int (*data)(void *ctx, const void *p, size_t len, struct hm_err *err);
	int (*end)(void *ctx, struct hm_err *err);
};

/* Streams the whole commit into sink. */
int hm_repo_stream(const struct hm_repo *r, const struct hm_git_id *commit,
		   const struct hm_object_sink *sink, struct hm_err *err) HM_MUST_CHECK;
