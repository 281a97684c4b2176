/*
 * Step 5: what is latched in PCR16 before the first byte of untrusted code
 * runs, so that even a build that breaks the enclave's kernel can forge outputs
 * of that one commit only. The verifier recomputes it from the statement.
 */
#pragma once

#include "lib/crypto.h"
#include "lib/gitid.h"
#include "lib/nitro_document.h"

#define HM_LATCH_PCR 16U

struct hm_latch {
	struct hm_git_id commit;
	uint8_t tree_sha256[HM_SHA256_LEN];
	uint8_t config_sha256[HM_SHA256_LEN];	/* of build.json's bytes */
	const char *network;			/* hm_network_mode_name() */
	const char *runtime;			/* "crun", ... */
};
/*
 * SHA-384 of the CBOR array ["hallmark latch 1", commit, tree, config, network,
 * runtime]: what the PCR is extended with.
 */
int hm_latch_digest(const struct hm_latch *l, uint8_t out[HM_SHA384_LEN],
		    struct hm_err *err) HM_MUST_CHECK;
/* SHA-384(48 zero bytes || digest): what the document must show. */
int hm_latch_pcr(const struct hm_latch *l, uint8_t out[HM_PCR_LEN],
		 struct hm_err *err) HM_MUST_CHECK;
