/*
 * What a checkout has beside the objects of its own repository: changed files,
 * the repositories of submodules, the content of LFS files.
 */
#pragma once

#include "runner-hook/git_repo.h"

/* True when tracked files differ from HEAD (untracked ones do not count). */
int hm_repo_dirty(const struct hm_repo *r, bool *ret_dirty,
		  struct hm_err *err) HM_MUST_CHECK;
/*
 * The repository of the submodule at path (relative to r's root) of commit: the
 * checkout, else what .git/modules keeps. HM_E_POLICY says how to get it.
 */
int hm_repo_submodule(const struct hm_repo *r, const struct hm_git_id *commit,
		      struct hm_slice path, struct hm_repo *ret_sub,
		      struct hm_err *err) HM_MUST_CHECK;
/* Opens the LFS content for reading. HM_E_POLICY says how to get it. */
int hm_repo_lfs_open(const struct hm_repo *r, const uint8_t sha256[32],
		     int *ret_fd, struct hm_err *err) HM_MUST_CHECK;
