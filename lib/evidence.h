/*
 * Statement E: in-toto Statement v1 with SCAI v0.3, which carries the
 * attestation document AT. It can exist only after AT, so SHA-256(PAE(E)) binds
 * commit, outputs and AT in one value: that is what the log gets.
 */
#pragma once

#include "lib/artifact_list.h"
#include "lib/crypto.h"
#include "lib/gitid.h"
#include "lib/json.h"
#include "lib/nitro_document.h"

#define HM_PREDICATE_SCAI "https://in-toto.io/attestation/scai/v0.3"
#define HM_MEDIA_TYPE_NITRO "application/aws-nitro-document"
#define HM_ATTRIBUTE "NITRO_ATTESTED_BUILD"

struct hm_evidence_facts {
	const struct hm_artifacts *artifacts;	/* sorted */
	struct hm_git_id commit;
	uint8_t pcr[3][HM_PCR_LEN];
	uint8_t provenance_sha256[HM_SHA256_LEN];	/* of S's payload bytes */
	struct hm_slice document;			/* AT */
};
/* Compact JSON, fixed key order: these bytes are signed and shipped. */
int hm_evidence_write(const struct hm_evidence_facts *f, struct hm_buf *json,
		      struct hm_err *err) HM_MUST_CHECK;

struct hm_evidence {
	struct hm_json *root;		/* owned */
	struct hm_artifacts artifacts;	/* owned: names and digests only */
	struct hm_git_id commit;
	uint8_t pcr[3][HM_PCR_LEN];
	uint8_t provenance_sha256[HM_SHA256_LEN];
	struct hm_buf document;		/* owned, decoded; digest checked */
};
void hm_evidence_init(struct hm_evidence *e);
void hm_evidence_release(struct hm_evidence *e);
#define AUTO_EVIDENCE HM_CLEANUP(hm_evidence_release)
/*
 * Strict, as hm_provenance_parse(). ret_e must have been initialised; on
 * failure it is as after hm_evidence_init(). HM_E_CRYPTO when the document's
 * digest is not the one stated.
 */
int hm_evidence_parse(struct hm_slice json, struct hm_evidence *ret_e,
		      struct hm_err *err) HM_MUST_CHECK;
