/*
 * Step 6: what came out. Matches build.json's output.files below the source
 * root without following any link or crossing a mount, and hashes each regular
 * file. Call only when the sandbox is dead and empty.
 */
#pragma once

#include "lib/statement.h"

struct hm_artifacts_limits {
	uint64_t max_bytes;	/* of all outputs together */
	size_t max_files;	/* <= HM_ARTIFACTS_MAX */
};
/*
 * patterns: paths or globs (enclave-worker/glob.h); a directory means its whole
 * tree; what several patterns match is taken once. HM_E_POLICY with the name
 * for: a pattern without a match, a link (also one that stands for a directory
 * that a pattern names), a FIFO, device, socket, mount point, set-user-ID,
 * set-group-ID or sticky file, a file that has a name outside the source root,
 * a name that is not text, and anything at or below "attestation". Mode becomes
 * 0755 when any x bit is set, else 0644. *ret_a is written on success only.
 */
int hm_artifacts_collect(int root_fd, const char *const *patterns, size_t count,
			 const struct hm_artifacts_limits *limits,
			 struct hm_artifacts *ret_a, struct hm_err *err) HM_MUST_CHECK;

/*
 * Opens one output: regular, no link followed, same mount. *ret_mode is 0644 or
 * 0755. HM_E_POLICY when it is something else now.
 */
int hm_artifact_open(int root_fd, const char *name, int *ret_fd,
		     unsigned int *ret_mode, uint64_t *ret_size,
		     struct hm_err *err) HM_MUST_CHECK;
