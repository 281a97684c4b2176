/*
 * Steps 4 and 5: source in, proof of source. A push parser of git objects: the
 * caller feeds what the host sends, chunk by chunk; this knows which object must
 * come next, hashes it, checks it, and writes files below a directory fd. One
 * wrong byte and every later call fails. Memory is flat: tree objects on the
 * current path only.
 */
#pragma once

#include "lib/statement.h"

/* Kernel trees have ~90,000 entries in all; 2 M is past any repository. */
#define HM_SOURCE_MAX_ENTRIES 2000000U
#define HM_SOURCE_MAX_DEPTH 128U
/* One tree object: 100,000 entries of ~60 bytes is 6 MB. */
#define HM_SOURCE_MAX_TREE (24U << 20)
/* All tree objects of the current path: what is left of 64 MiB is ample. */
#define HM_SOURCE_MAX_TREES (32U << 20)
#define HM_SOURCE_MAX_COMMIT (1U << 20)
/* Each is named in the statement, which stays readable that way. */
#define HM_SOURCE_MAX_SUBMODULES 1000U
#define HM_SOURCE_MAX_LFS 10000U

struct hm_source_spec {
	int dest_fd;			/* empty directory, ours alone; borrowed */
	struct hm_git_id commit;
	uint64_t max_bytes;		/* of all file contents */
};

struct hm_source_result {	/* valid once complete; owned by the source */
	struct hm_git_id tree;
	uint8_t tree_sha256[HM_SHA256_LEN];
	int64_t committer_s;
	uint64_t files, bytes;
	struct hm_submodule *submodules;
	size_t submodule_count;
	struct hm_lfs_object *lfs;
	size_t lfs_count;
};

struct hm_source;
int hm_source_new(const struct hm_source_spec *spec, struct hm_source **ret_s,
		  struct hm_err *err) HM_MUST_CHECK;
void hm_source_free(struct hm_source *s);

/* kind: enum hm_git_type or HM_OBJECT_LFS; size: declared size of the object. */
int hm_source_begin(struct hm_source *s, unsigned int kind, uint64_t size,
		    struct hm_err *err) HM_MUST_CHECK;
int hm_source_data(struct hm_source *s, struct hm_slice chunk,
		   struct hm_err *err) HM_MUST_CHECK;
int hm_source_end(struct hm_source *s, struct hm_err *err) HM_MUST_CHECK;
/* The same three from the body and flags of an HM_F_OBJECT frame. */
int hm_source_frame(struct hm_source *s, uint16_t flags, struct hm_slice body,
		    struct hm_err *err) HM_MUST_CHECK;
/* True when the commit and everything below it has come and is written. */
bool hm_source_complete(const struct hm_source *s);
/* NULL until complete. */
const struct hm_source_result *hm_source_result(const struct hm_source *s);
