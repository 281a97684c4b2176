/*
 * Envelopes and bundles on anything at all. Properties: what was written once
 * is read and written the same; the canonical form is compact, so nothing that
 * ends in a blank has it.
 */
#include "lib/dsse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void envelope(struct hm_slice text)
{
	AUTO_DSSE struct hm_dsse d, again;
	AUTO_BUF struct hm_buf once, twice;
	struct hm_err err;

	hm_dsse_init(&d);
	hm_dsse_init(&again);
	hm_buf_init(&once, HM_BUNDLE_MAX);
	hm_buf_init(&twice, HM_BUNDLE_MAX);
	if (hm_dsse_parse(text, &d, &err) != HM_OK)
		return;
	HM_BUG_ON(hm_dsse_write(&d, &once, &err) != HM_OK);
	HM_BUG_ON(hm_dsse_parse(hm_buf_slice(&once), &again, &err) != HM_OK);
	HM_BUG_ON(hm_dsse_write(&again, &twice, &err) != HM_OK);
	HM_BUG_ON(!hm_slice_eq(hm_buf_slice(&once), hm_buf_slice(&twice)));
}

static void bundle(struct hm_slice text)
{
	AUTO_BUNDLE struct hm_bundle b;
	struct hm_err err;

	hm_bundle_init(&b);
	if (hm_bundle_parse(text, &b, &err) != HM_OK)
		return;
	HM_BUG_ON(!b.hint || b.dsse.payload_type.len == 0);
	if (hm_bundle_is_canonical(&b, text))
		HM_BUG_ON(text.len > 0 && text.ptr[text.len - 1] != '}');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bundle(hm_slice(data, size));
	envelope(hm_slice(data, size));
	return 0;
}
