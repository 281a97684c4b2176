/*
 * Git object ids as values: which algorithm, which bytes. How they are computed
 * is in githash.h (which a verifier does not need), what objects contain in
 * gitobject.h.
 */
#pragma once

#include "lib/buf.h"

enum hm_git_alg {
	HM_GIT_SHA1,	/* 20 bytes */
	HM_GIT_SHA256,	/* 32 bytes */
};

#define HM_GIT_ID_MAX 32
#define HM_GIT_HEX_MAX 65

struct hm_git_id {
	enum hm_git_alg alg;
	uint8_t bytes[HM_GIT_ID_MAX];	/* rest zero */
};

enum hm_git_type {
	HM_GIT_COMMIT = 1,
	HM_GIT_TREE = 2,
	HM_GIT_BLOB = 3,
};

size_t hm_git_id_len(enum hm_git_alg alg);
void hm_git_id_hex(const struct hm_git_id *id, char out[HM_GIT_HEX_MAX]);
/* 40 or 64 lower-case hex digits; the length tells the algorithm. */
int hm_git_id_parse(struct hm_slice hex, struct hm_git_id *ret_id,
		    struct hm_err *err) HM_MUST_CHECK;
bool hm_git_id_equal(const struct hm_git_id *a, const struct hm_git_id *b);
const char *hm_git_type_name(enum hm_git_type type);
