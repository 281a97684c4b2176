/*
 * Step 6: what came out. Matches build.json's output.files below the source
 * root without following any link out of it, and hashes each regular file. Call
 * only when the sandbox is dead and empty.
 */
#pragma once

#include "lib/statement.h"

struct hm_artifacts_limits {
	uint64_t max_bytes;	/* of all outputs together */
	size_t max_files;	/* <= HM_ARTIFACTS_MAX */
};
/*
 * patterns: paths or globs ('*', '?', '[...]' within a component, "**" across);
 * a directory means its whole tree; a pattern without a match, a link (also one
 * that stands for a directory), a FIFO, device, socket, or a file with more than
 * one name outside the list is HM_E_POLICY with the name. Mode becomes 0755 when
 * any x bit is set, else 0644. A name under "attestation/" is refused.
 */
int hm_artifacts_collect(int root_fd, const char *const *patterns, size_t count,
			 const struct hm_artifacts_limits *limits,
			 struct hm_artifacts *ret_a, struct hm_err *err) HM_MUST_CHECK;
