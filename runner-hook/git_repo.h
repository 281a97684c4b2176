/*
 * A repository on the host, asked through the git program. Nothing that git says
 * here is believed by anybody but the user in front of it: the worker recomputes
 * all ids. But the repository may belong to somebody else (a runner's checkout
 * often does), so nothing that its configuration names is ever run.
 */
#pragma once

#include "lib/gitid.h"

struct hm_repo {
	char *root;		/* top of the work tree, absolute; git_dir if bare */
	char *git_dir;
	char *common_dir;	/* git_dir of the main work tree: objects, LFS */
	bool shallow;
	bool bare;
};

/* Finds the repository that holds dir. Clear error when there is none. */
int hm_repo_open(const char *dir, struct hm_repo *ret_r,
		 struct hm_err *err) HM_MUST_CHECK;
void hm_repo_release(struct hm_repo *r);
#define AUTO_REPO HM_CLEANUP(hm_repo_release)

/* Resolves HEAD, a branch, tag or (abbreviated) id to a commit id. */
int hm_repo_resolve(const struct hm_repo *r, const char *rev,
		    struct hm_git_id *ret_commit, struct hm_err *err) HM_MUST_CHECK;
/* Full name of the ref that rev is ("refs/tags/v1"), or "" when it is none. */
int hm_repo_ref(const struct hm_repo *r, const char *rev, struct hm_buf *b,
		struct hm_err *err) HM_MUST_CHECK;
/* URL of remote "origin", credentials removed, or "". */
int hm_repo_origin(const struct hm_repo *r, struct hm_buf *b,
		   struct hm_err *err) HM_MUST_CHECK;
/* Content of one file of the commit, or HM_E_POLICY when it has none. */
int hm_repo_file(const struct hm_repo *r, const struct hm_git_id *commit,
		 const char *path, struct hm_buf *b, struct hm_err *err) HM_MUST_CHECK;
/* True when git fetches objects of this repository only when it needs them. */
bool hm_repo_is_partial(const struct hm_repo *r);
