/*
 * Writing attestation documents, for the development attester: key order and
 * encoding are the hypervisor's (an indefinite map since 2025, null for what is
 * unset), so that what we test with is what we will meet.
 */
#include "lib/nitro_document.h"

#include "lib/cbor.h"
#include "lib/cose.h"

/* As in the parser: AWS's limit. */
#define PAYLOAD_MAX 16384

static int put_pcrs(const struct hm_nitro_document *doc, struct hm_buf *b,
		    struct hm_err *err)
{
	size_t count = 0;
	int rc;

	for (size_t i = 0; i < HM_NITRO_PCRS; i++)
		count += doc->has_pcr[i] ? 1 : 0;
	rc = hm_cbor_put_str(b, "pcrs", err);
	if (rc == HM_OK)
		rc = hm_cbor_put_map(b, count, err);
	for (size_t i = 0; rc == HM_OK && i < HM_NITRO_PCRS; i++) {
		if (!doc->has_pcr[i])
			continue;
		rc = hm_cbor_put_uint(b, i, err);
		if (rc == HM_OK)
			rc = hm_cbor_put_bytes(
				b, hm_slice(doc->pcr[i], HM_PCR_LEN), err);
	}
	return rc;
}

static int put_certificates(const struct hm_nitro_document *doc,
			    struct hm_buf *b, struct hm_err *err)
{
	int rc = hm_cbor_put_str(b, "certificate", err);

	if (rc == HM_OK)
		rc = hm_cbor_put_bytes(b, doc->certificate, err);
	if (rc == HM_OK)
		rc = hm_cbor_put_str(b, "cabundle", err);
	if (rc == HM_OK)
		rc = hm_cbor_put_array(b, doc->cabundle_count, err);
	for (size_t i = 0; rc == HM_OK && i < doc->cabundle_count; i++)
		rc = hm_cbor_put_bytes(b, doc->cabundle[i], err);
	return rc;
}

static int put_optional(const char *name, const struct hm_nitro_optional *o,
			struct hm_buf *b, struct hm_err *err)
{
	int rc = hm_cbor_put_str(b, name, err);

	if (rc != HM_OK)
		return rc;
	return o->present ? hm_cbor_put_bytes(b, o->bytes, err) :
			    hm_cbor_put_null(b, err);
}

static int put_payload(const struct hm_nitro_document *doc, struct hm_buf *b,
		       struct hm_err *err)
{
	int rc = hm_cbor_put_open_map(b, err);

	if (rc == HM_OK)
		rc = hm_cbor_put_str(b, "module_id", err);
	if (rc == HM_OK)
		rc = hm_cbor_put_text(b, doc->module_id, err);
	if (rc == HM_OK)
		rc = hm_cbor_put_str(b, "digest", err);
	if (rc == HM_OK)
		rc = hm_cbor_put_str(b, "SHA384", err);
	if (rc == HM_OK)
		rc = hm_cbor_put_str(b, "timestamp", err);
	if (rc == HM_OK)
		rc = hm_cbor_put_uint(b, doc->timestamp_ms, err);
	if (rc == HM_OK)
		rc = put_pcrs(doc, b, err);
	if (rc == HM_OK)
		rc = put_certificates(doc, b, err);
	if (rc == HM_OK)
		rc = put_optional("public_key", &doc->public_key, b, err);
	if (rc == HM_OK)
		rc = put_optional("user_data", &doc->user_data, b, err);
	if (rc == HM_OK)
		rc = put_optional("nonce", &doc->nonce, b, err);
	return rc != HM_OK ? rc : hm_cbor_put_break(b, err);
}

int hm_nitro_build(const struct hm_nitro_document *doc,
		   const struct hm_key *leaf_key, struct hm_buf *out,
		   struct hm_err *err)
{
	AUTO_BUF struct hm_buf payload;
	int rc;

	hm_buf_init(&payload, PAYLOAD_MAX);
	if (hm_key_kind(leaf_key) != HM_KEY_P384)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "attestation document: the key must be P-384");
	rc = put_payload(doc, &payload, err);
	return rc != HM_OK ? rc :
			     hm_cose_sign(leaf_key, hm_buf_slice(&payload), out,
					  err);
}
