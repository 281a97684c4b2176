/*
 * A verifier's policy and the image index on anything at all. Properties: a
 * refusal is one line of plain text; what is taken keeps the promises that the
 * checks build on (a threshold somebody can reach, no measurement of zeros).
 */
#include "lib/image_index.h"
#include "verifier/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void policy(struct hm_slice text)
{
	AUTO_POLICY struct hm_policy p;
	struct hm_err err;

	hm_policy_init(&p);
	if (hm_policy_parse(text, &p, &err) != HM_OK) {
		HM_BUG_ON(!hm_slice_is_text(hm_slice_str(err.msg)));
		return;
	}
	HM_BUG_ON(!p.name);
	HM_BUG_ON(p.endorser_threshold > p.endorser_count);
	HM_BUG_ON(p.endorser_count > 0 && p.endorser_threshold == 0);
	HM_BUG_ON(p.witness_threshold > p.witness_count);
	HM_BUG_ON(p.challenger_threshold > p.challenger_of);
	HM_BUG_ON(p.log_required && !p.logs);
}

static void image_index(struct hm_slice text)
{
	static const uint8_t zero[HM_PCR_LEN];
	AUTO_IMAGE_INDEX struct hm_image_index x;
	struct hm_err err;

	hm_image_index_init(&x);
	if (hm_image_index_parse(text, &x, &err) != HM_OK) {
		HM_BUG_ON(!hm_slice_is_text(hm_slice_str(err.msg)));
		return;
	}
	HM_BUG_ON(x.count == 0 || x.expires_ms <= x.created_ms);
	for (size_t i = 0; i < x.count; i++) {
		const struct hm_image *im = &x.images[i];

		HM_BUG_ON(im->revoked != (im->reason != NULL));
		HM_BUG_ON(im->not_after_ms <= im->not_before_ms);
		HM_BUG_ON(memcmp(im->pcr[0], zero, HM_PCR_LEN) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	policy(hm_slice(data, size));
	image_index(hm_slice(data, size));
	return 0;
}
