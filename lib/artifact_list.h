/*
 * The list of outputs and its digest A: what was built, as a name, a mode, a
 * size and a SHA-256 each.
 */
#pragma once

#include "lib/crypto.h"

/* A directory output of a big project; node_modules trees have ~50,000. */
#define HM_ARTIFACTS_MAX 100000U
/* JSON numbers are exact up to 2^53; no tar of ours comes near. */
#define HM_ARTIFACT_SIZE_MAX (1ULL << 53)

struct hm_artifact {
	char *name;	/* relative to the source root; hm_path_check() passes */
	unsigned int mode;	/* 0644 or 0755 */
	uint64_t size;
	uint8_t sha256[HM_SHA256_LEN];
};
struct hm_artifacts {
	struct hm_artifact *items;	/* byte order of names, no duplicates */
	size_t count;
	size_t room;			/* allocated */
};
void hm_artifacts_release(struct hm_artifacts *a);
#define AUTO_ARTIFACTS HM_CLEANUP(hm_artifacts_release)
/*
 * HM_E_POLICY for a name that an output cannot have: not a plain relative path,
 * not UTF-8 text, or "attestation" and what is below it, which is ours.
 */
int hm_artifact_name_check(struct hm_slice name, struct hm_err *err) HM_MUST_CHECK;
/*
 * Copies name, which is checked as above. Keeps no order; call
 * hm_artifacts_sort() at the end. HM_E_TOO_LARGE past HM_ARTIFACTS_MAX.
 */
int hm_artifacts_add(struct hm_artifacts *a, struct hm_slice name,
		     unsigned int mode, uint64_t size,
		     const uint8_t sha256[HM_SHA256_LEN],
		     struct hm_err *err) HM_MUST_CHECK;
/* Sorts; HM_E_POLICY on a duplicate name. */
int hm_artifacts_sort(struct hm_artifacts *a, struct hm_err *err) HM_MUST_CHECK;
/* NULL when there is none of that name. The list must be sorted. */
const struct hm_artifact *hm_artifacts_find(const struct hm_artifacts *a,
					    struct hm_slice name);
/*
 * A: SHA-256 over "<mode> <size> <sha256 hex> <name>\n" of each in byte order
 * of the names; mode is "0644" or "0755". The list must be sorted (else BUG).
 */
int hm_artifacts_digest(const struct hm_artifacts *a,
			uint8_t out[HM_SHA256_LEN], struct hm_err *err) HM_MUST_CHECK;
