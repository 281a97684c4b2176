/*
 * The signature section of an enclave image: a certificate, and a COSE_Sign1 by
 * its key over PCR0. What it distrusts: everything in it, for the section is
 * not measured. Only what AWS's own builder writes is taken, in its one
 * encoding: a byte string where it writes an array of integers, a tag, a second
 * entry or an unknown key would be read by some and skipped by others.
 *
 * A valid signature says that the owner of the key signed this PCR0, no more:
 * nobody vouches for the certificate here, and PCR8 is how a verifier knows it.
 */
#include "lib/cbor.h"
#include "lib/cose.h"
#include "lib/eif_impl.h"

/* 4,096 bytes of DER in PEM, with room. */
#define CERT_PEM_MAX 8192U
/* Payload of about 130 bytes and a P-521 signature of 132. */
#define COSE_MAX 1024U
#define PAYLOAD_MAX 256U
#define CERT_DER_MAX 4096U

/* An array of integers, one for each byte: how serde writes a Vec<u8>. */
static int take_bytes(struct hm_cbor_reader *r, const char *what,
		      struct hm_buf *b, struct hm_err *err)
{
	struct hm_cbor_scope scope;
	struct hm_cbor_item item;
	bool more;
	int rc = hm_cbor_enter(r, HM_CBOR_ARRAY, what, &scope, err);

	if (rc != HM_OK)
		return rc;
	for (;;) {
		uint8_t byte;

		rc = hm_cbor_more(r, &scope, &more, err);
		if (rc != HM_OK || !more)
			return rc;
		rc = hm_cbor_expect(r, HM_CBOR_UINT, what, &item, err);
		if (rc == HM_OK && item.value > UINT8_MAX)
			rc = hm_fail(err, HM_E_FORMAT, 0,
				     "%s: %llu is not a byte", what,
				     (unsigned long long)item.value);
		if (rc != HM_OK)
			return rc;
		byte = (uint8_t)item.value;
		rc = hm_buf_add(b, &byte, 1, err);
		if (rc != HM_OK)
			return hm_err_prefix(err, "%s", what);
	}
}

/* A map of exactly these two keys, in either order: which comes next? */
static int take_key(struct hm_cbor_reader *r, const char *const names[2],
		    bool seen[2], size_t *ret_which, struct hm_err *err)
{
	struct hm_cbor_item key;
	int rc = hm_cbor_expect(r, HM_CBOR_TEXT, "a key", &key, err);

	if (rc != HM_OK)
		return rc;
	for (size_t i = 0; i < 2; i++) {
		if (!hm_slice_eq_str(key.bytes, names[i]))
			continue;
		if (seen[i])
			return hm_fail(err, HM_E_FORMAT, 0, "'%s' stands twice",
				       names[i]);
		seen[i] = true;
		*ret_which = i;
		return HM_OK;
	}
	return hm_fail(err, HM_E_FORMAT, 0, "a key that is neither '%s' nor '%s'",
		       names[0], names[1]);
}

static int enter_pair(struct hm_cbor_reader *r, const char *what,
		      struct hm_err *err)
{
	struct hm_cbor_scope scope;
	int rc = hm_cbor_enter(r, HM_CBOR_MAP, what, &scope, err);

	if (rc == HM_OK && scope.left != 2)
		rc = hm_fail(err, HM_E_FORMAT, 0, "%s: %llu keys, not 2", what,
			     (unsigned long long)scope.left);
	return rc;
}

/* [{"signing_certificate": [...], "signature": [...]}] */
static int parse_section(struct hm_slice section, struct hm_buf *pem,
			 struct hm_buf *cose, struct hm_err *err)
{
	static const char *const names[] = {"signing_certificate", "signature"};
	struct hm_cbor_reader r = hm_cbor_reader(section, true);
	struct hm_cbor_scope scope;
	bool seen[2] = {false};
	int rc = hm_cbor_enter(&r, HM_CBOR_ARRAY, "signatures", &scope, err);

	if (rc == HM_OK && scope.left != 1)
		rc = hm_fail(err, HM_E_FORMAT, 0, "%llu signatures, not one",
			     (unsigned long long)scope.left);
	if (rc == HM_OK)
		rc = enter_pair(&r, "signature", err);
	for (size_t i = 0; rc == HM_OK && i < 2; i++) {
		size_t which = 0;

		rc = take_key(&r, names, seen, &which, err);
		if (rc == HM_OK)
			rc = take_bytes(&r, names[which],
					which == 0 ? pem : cose, err);
	}
	return rc != HM_OK ? rc : hm_cbor_done(&r, "signatures", err);
}

/* {"register_index": 0, "register_value": [...]} */
static int parse_payload(struct hm_slice payload, struct hm_buf *value,
			 struct hm_err *err)
{
	static const char *const names[] = {"register_index", "register_value"};
	struct hm_cbor_reader r = hm_cbor_reader(payload, true);
	bool seen[2] = {false};
	int rc = enter_pair(&r, "payload", err);

	for (size_t i = 0; rc == HM_OK && i < 2; i++) {
		struct hm_cbor_item index;
		size_t which = 0;

		rc = take_key(&r, names, seen, &which, err);
		if (rc != HM_OK)
			break;
		if (which == 1) {
			rc = take_bytes(&r, names[1], value, err);
			continue;
		}
		rc = hm_cbor_expect(&r, HM_CBOR_UINT, names[0], &index, err);
		if (rc == HM_OK && index.value != 0)
			rc = hm_fail(err, HM_E_POLICY, 0,
				     "it is for PCR%llu, not for PCR0",
				     (unsigned long long)index.value);
	}
	return rc != HM_OK ? rc : hm_cbor_done(&r, "payload", err);
}

static int check_payload(struct hm_slice payload,
			 const uint8_t pcr0[HM_SHA384_LEN], struct hm_err *err)
{
	AUTO_BUF struct hm_buf value;
	int rc;

	hm_buf_init(&value, PAYLOAD_MAX);
	rc = parse_payload(payload, &value, err);
	if (rc != HM_OK)
		return rc;
	if (value.len != HM_SHA384_LEN)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "register_value: %zu bytes, not %d", value.len,
			       HM_SHA384_LEN);
	if (!hm_bytes_equal(value.data, pcr0, HM_SHA384_LEN))
		return hm_fail(err, HM_E_POLICY, 0,
			       "it is for another image: the PCR0 that it signs is not this one's");
	return HM_OK;
}

static int check_cose(struct hm_slice input, const struct hm_key *key,
		      const uint8_t pcr0[HM_SHA384_LEN], struct hm_err *err)
{
	struct hm_cose_sign1 c;
	int rc = hm_cose_parse(input, &c, err);

	if (rc == HM_OK && c.tagged)
		rc = hm_fail(err, HM_E_FORMAT, 0,
			     "COSE_Sign1: it is tagged, which AWS's tools do not take");
	if (rc == HM_OK)
		rc = hm_cose_verify(&c, key, err);
	return rc != HM_OK ? rc : check_payload(c.payload, pcr0, err);
}

static int check_certificate(struct hm_slice pem, struct hm_eif *e,
			     struct hm_key **ret_key, struct hm_err *err)
{
	AUTO_KEY struct hm_key *key = NULL;
	AUTO_BUF struct hm_buf der;
	uint8_t digest[HM_SHA384_LEN];
	int rc;

	hm_buf_init(&der, CERT_DER_MAX);
	rc = hm_cert_pem_to_der(pem, &der, err);
	if (rc == HM_OK)
		rc = hm_cert_info(hm_buf_slice(&der), &e->signer, err);
	if (rc == HM_OK)
		rc = hm_cert_key(hm_buf_slice(&der), &key, err);
	if (rc == HM_OK)
		rc = hm_sha384(hm_buf_slice(&der), digest, err);
	if (rc == HM_OK)
		rc = hm_eif_extend(digest, e->pcr8, err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "signing_certificate");
	e->signer_key = hm_key_kind(key);
	*ret_key = HM_TAKE_PTR(key);
	return HM_OK;
}

int hm_eif_signature_check(struct hm_slice section, struct hm_eif *e,
			   struct hm_err *err)
{
	AUTO_KEY struct hm_key *key = NULL;
	AUTO_BUF struct hm_buf pem, cose;
	int rc;

	hm_buf_init(&pem, CERT_PEM_MAX);
	hm_buf_init(&cose, COSE_MAX);
	rc = parse_section(section, &pem, &cose, err);
	if (rc == HM_OK)
		rc = check_certificate(hm_buf_slice(&pem), e, &key, err);
	if (rc == HM_OK)
		rc = check_cose(hm_buf_slice(&cose), key, e->pcr[0], err);
	return rc != HM_OK ? hm_err_prefix(err, "signature section") : HM_OK;
}

/* --- making ------------------------------------------------------------------ */

static int put_bytes(struct hm_buf *b, struct hm_slice s, struct hm_err *err)
{
	int rc = hm_cbor_put_array(b, s.len, err);

	for (size_t i = 0; rc == HM_OK && i < s.len; i++)
		rc = hm_cbor_put_uint(b, s.ptr[i], err);
	return rc;
}

/* The certificate in the only PEM form that we write. */
static int rewrite_pem(const struct hm_key *key, struct hm_slice cert_pem,
		       struct hm_buf *pem, struct hm_err *err)
{
	AUTO_KEY struct hm_key *cert_key = NULL;
	AUTO_BUF struct hm_buf der, ours, certs;
	int rc;

	hm_buf_init(&der, CERT_DER_MAX);
	hm_buf_init(&ours, CERT_DER_MAX);
	hm_buf_init(&certs, CERT_DER_MAX);
	rc = hm_cert_pem_to_der(cert_pem, &der, err);
	if (rc == HM_OK)
		rc = hm_cert_key(hm_buf_slice(&der), &cert_key, err);
	if (rc == HM_OK)
		rc = hm_key_spki(cert_key, &certs, err);
	if (rc == HM_OK)
		rc = hm_key_spki(key, &ours, err);
	if (rc == HM_OK && !hm_slice_eq(hm_buf_slice(&certs),
					hm_buf_slice(&ours)))
		rc = hm_fail(err, HM_E_CRYPTO, 0,
			     "the certificate is not for this key");
	return rc != HM_OK ? rc :
	       hm_cert_der_to_pem(hm_buf_slice(&der), pem, err);
}

int hm_eif_signature_make(const struct hm_key *key, struct hm_slice cert_pem,
			  const uint8_t pcr0[HM_SHA384_LEN], struct hm_buf *out,
			  struct hm_err *err)
{
	AUTO_BUF struct hm_buf pem, payload, cose;
	int rc;

	hm_buf_init(&pem, CERT_PEM_MAX);
	hm_buf_init(&payload, PAYLOAD_MAX);
	hm_buf_init(&cose, COSE_MAX);
	rc = rewrite_pem(key, cert_pem, &pem, err);
	if (rc == HM_OK)
		rc = hm_cbor_put_map(&payload, 2, err);
	if (rc == HM_OK)
		rc = hm_cbor_put_str(&payload, "register_index", err);
	if (rc == HM_OK)
		rc = hm_cbor_put_uint(&payload, 0, err);
	if (rc == HM_OK)
		rc = hm_cbor_put_str(&payload, "register_value", err);
	if (rc == HM_OK)
		rc = put_bytes(&payload, hm_slice(pcr0, HM_SHA384_LEN), err);
	if (rc == HM_OK)
		rc = hm_cose_sign(key, hm_buf_slice(&payload), &cose, err);
	if (rc == HM_OK)
		rc = hm_cbor_put_array(out, 1, err);
	if (rc == HM_OK)
		rc = hm_cbor_put_map(out, 2, err);
	if (rc == HM_OK)
		rc = hm_cbor_put_str(out, "signing_certificate", err);
	if (rc == HM_OK)
		rc = put_bytes(out, hm_buf_slice(&pem), err);
	if (rc == HM_OK)
		rc = hm_cbor_put_str(out, "signature", err);
	if (rc == HM_OK)
		rc = put_bytes(out, hm_buf_slice(&cose), err);
	return rc != HM_OK ? hm_err_prefix(err, "signing") : HM_OK;
}
