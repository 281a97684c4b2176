/*
 * The user_data of the attestation document (schema/user_data.cddl): what the
 * hardware signs beside the PCRs. Deterministic CBOR, so that the same facts
 * are the same bytes and nothing else is accepted.
 */
#pragma once

#include "lib/crypto.h"
#include "lib/gitid.h"

/* NSM takes 1024; AWS's validation text says 512. Ours has about 200. */
#define HM_USER_DATA_MAX 512

struct hm_user_data {
	struct hm_git_id commit;			/* CT */
	uint8_t tree_sha256[HM_SHA256_LEN];
	uint8_t artifacts_sha256[HM_SHA256_LEN];	/* A */
	uint8_t statement_sha256[HM_SHA256_LEN];	/* SHA-256(PAE(S)) */
};
int hm_user_data_write(const struct hm_user_data *u, struct hm_buf *b,
		       struct hm_err *err) HM_MUST_CHECK;
/* Strict; anything but the exact encoding is HM_E_FORMAT. */
int hm_user_data_parse(struct hm_slice s, struct hm_user_data *ret_u,
		       struct hm_err *err) HM_MUST_CHECK;
