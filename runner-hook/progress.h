/*
 * What the person sees while a build runs: on a terminal a line that is
 * rewritten (bytes, rate, step), elsewhere one plain line per step; the build's
 * own output in between, escaped. On a GitHub runner, groups per step, and the
 * untrusted log wrapped in stop-commands.
 */
#pragma once

#include "lib/buf.h"

enum hm_verbosity {
	HM_QUIET,	/* errors only */
	HM_NORMAL,
	HM_VERBOSE,	/* console lines and times too */
};

struct hm_progress;
/* on_runner: GITHUB_ACTIONS is "true". NULL when out of memory. */
struct hm_progress *hm_progress_new(enum hm_verbosity verbosity, bool on_runner);
/* Ends the current step and its group. NULL is ok. */
void hm_progress_free(struct hm_progress *p);

/* A new step begins; title is ours. */
void hm_progress_step(struct hm_progress *p, const char *title);
/* Within the step. total 0 = not known. */
void hm_progress_update(struct hm_progress *p, uint64_t done, uint64_t total,
			const char *unit);
/* The step's result in a line: "commit 1a2b proved: ...". Text is escaped. */
void hm_progress_result(struct hm_progress *p, struct hm_slice text);
/* Whole lines of the build's output; escaped here again. */
void hm_progress_log(struct hm_progress *p, bool is_stderr, struct hm_slice lines);
/* A line that matters (warning of the worker or of ours). */
void hm_progress_notice(struct hm_progress *p, struct hm_slice text);
