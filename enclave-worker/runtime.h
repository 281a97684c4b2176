/*
 * OCI runtimes, driven through their command line only: one row per runtime,
 * the rest of the worker knows none by name.
 */
#pragma once

#include "lib/process.h"

/* The version line of a runtime at most; more is not one. */
#define HM_RUNTIME_VERSION_MAX 120

struct hm_runtime;

/* "crun", "runc" or "runsc"; HM_E_POLICY for another name. */
int hm_runtime_find(const char *name, const struct hm_runtime **ret_r,
		    struct hm_err *err) HM_MUST_CHECK;
const char *hm_runtime_name(const struct hm_runtime *r);
/* May the container be without a root id (single-id user namespaces)? */
bool hm_runtime_needs_root_id(const struct hm_runtime *r);
/*
 * Does it make a cgroup2 of its own for each container (and remove it) whatever
 * it is told? Then it gets a place below ours.
 */
bool hm_runtime_makes_cgroup(const struct hm_runtime *r);
/* Does the build run on a kernel of the runtime's instead of ours (gVisor)? */
bool hm_runtime_has_kernel(const struct hm_runtime *r);
/* First line of --version, e.g. "crun version 1.8.1". */
int hm_runtime_version(const struct hm_runtime *r, hm_deadline_t deadline,
		       char out[HM_RUNTIME_VERSION_MAX], struct hm_err *err) HM_MUST_CHECK;

enum hm_runtime_verb {
	HM_RUNTIME_CREATE,
	HM_RUNTIME_START,
	HM_RUNTIME_DELETE,
	HM_RUNTIME_VERB_COUNT,
};

/* Where a runtime keeps what; all on our private tmpfs. */
struct hm_runtime_paths {
	const char *root;	/* its own state */
	const char *bundle;	/* directory of config.json */
	const char *pid_file;
	const char *log;	/* its messages */
	const char *id;		/* of the container */
	const char *network;	/* "none" or "sandbox": for those with a stack of their own */
};

/*
 * Runs one verb to its end. CREATE gives the container stdin (/dev/null) and
 * these two descriptors. What the runtime says on its log or, for verbs other
 * than CREATE, on stderr becomes part of the error.
 */
int hm_runtime_run(const struct hm_runtime *r, enum hm_runtime_verb verb,
		   const struct hm_runtime_paths *paths, int stdout_fd, int stderr_fd,
		   hm_deadline_t deadline, struct hm_err *err) HM_MUST_CHECK;
