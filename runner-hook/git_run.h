/*
 * Running git: one place for its options and environment. See git_run.c for what
 * is switched off and why.
 */
#pragma once

#include "lib/process.h"
#include "runner-hook/git_repo.h"

#define HM_GIT_ARGS_MAX 64
/* What one of our questions may answer at most; cat-file streams instead. */
#define HM_GIT_ANSWER_MAX (16U << 20)

/* argv for git with args (NULL-ended) in r, or to find one from dir (r NULL). */
struct hm_git_argv {
	const char *argv[HM_GIT_ARGS_MAX];
	char git_dir[4200];
	char work_tree[4200];
};
int hm_git_argv(const struct hm_repo *r, const char *dir,
		const char *const *args, struct hm_git_argv *ret_a,
		struct hm_err *err) HM_MUST_CHECK;
/* The whole environment of such a git; NULL-ended, static. */
const char *const *hm_git_env(void);

/*
 * Runs git to its end. *ret_status is its exit status (a signal is an error);
 * said (may be NULL) gets what it wrote to stderr.
 */
int hm_git_run(const struct hm_repo *r, const char *dir,
	       const char *const *args, struct hm_buf *out, struct hm_buf *said,
	       int *ret_status, struct hm_err *err) HM_MUST_CHECK;
