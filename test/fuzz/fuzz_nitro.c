/*
 * Attestation documents, anything at all. Properties: every slice that parsing
 * gives lies within the input, errors are of the documented codes, and nothing
 * verifies under a root that nobody has.
 */
#include "lib/nitro_document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void within(struct hm_slice s, const uint8_t *data, size_t size)
{
	HM_BUG_ON(s.len > 0 && (s.ptr < data || s.ptr + s.len > data + size));
}

static void check_document(const struct hm_nitro_document *doc,
			   const uint8_t *data, size_t size)
{
	static const uint8_t nobody[HM_SHA256_LEN];
	struct hm_err err;
	int rc;

	within(doc->protected_header, data, size);
	within(doc->payload, data, size);
	within(doc->signature, data, size);
	within(doc->module_id, data, size);
	within(doc->certificate, data, size);
	within(doc->public_key.bytes, data, size);
	within(doc->user_data.bytes, data, size);
	within(doc->nonce.bytes, data, size);
	HM_BUG_ON(doc->cabundle_count == 0 ||
		  doc->cabundle_count > HM_CHAIN_MAX);
	for (size_t i = 0; i < doc->cabundle_count; i++)
		within(doc->cabundle[i], data, size);
	(void)hm_nitro_is_debug(doc);
	rc = hm_nitro_verify(doc, nobody, &err);
	HM_BUG_ON(rc != HM_E_CRYPTO && rc != HM_E_POLICY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hm_nitro_document doc;
	struct hm_err err;
	int rc = hm_nitro_parse(hm_slice(data, size), &doc, &err);

	if (rc == HM_OK)
		check_document(&doc, data, size);
	else
		HM_BUG_ON(rc != HM_E_FORMAT && rc != HM_E_POLICY &&
			  rc != HM_E_TOO_LARGE);
	return 0;
}
