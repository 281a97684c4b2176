/*
 * S and E on anything at all. Property: what is accepted is what our writer
 * makes of it, so a second parse gives the same; and the digest A of the
 * outputs can be computed.
 */
#include "lib/statement.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_PROVENANCE struct hm_provenance p;
	AUTO_EVIDENCE struct hm_evidence e;
	AUTO_BUF struct hm_buf again;
	uint8_t a[HM_SHA256_LEN];
	struct hm_err err;

	hm_provenance_init(&p);
	hm_evidence_init(&e);
	hm_buf_init(&again, size + 1);
	if (hm_provenance_parse(hm_slice(data, size), &p, &err) == HM_OK) {
		HM_BUG_ON(hm_provenance_write(&p.facts, &again, &err) != HM_OK);
		HM_BUG_ON(!hm_slice_eq(hm_buf_slice(&again),
				       hm_slice(data, size)));
		HM_BUG_ON(hm_artifacts_digest(&p.artifacts, a, &err) != HM_OK);
	}
	if (hm_evidence_parse(hm_slice(data, size), &e, &err) == HM_OK)
		HM_BUG_ON(hm_artifacts_digest(&e.artifacts, a, &err) != HM_OK);
	return 0;
}
