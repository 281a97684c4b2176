/*
 * Leaves byte for byte as Rekor stores them. Their JSON is canonical (RFC 8785)
 * and all values are ASCII, so it is written as text here: a JSON library's
 * choices about order and escapes must not become part of a hash.
 */
#include "lib/tlog_leaf.h"

#include "lib/hex.h"
#include "lib/tlog.h"

struct leaf_alg {
	enum hm_key_kind kind;
	enum hm_digest_alg digest;
	const char *digest_name;
	const char *key_details;
};

/* "Digest uses the algorithm's own hash." Ed25519 would have to be Ed25519ph. */
static const struct leaf_alg algs[] = {
	{HM_KEY_P256, HM_SHA256, "SHA2_256", "PKIX_ECDSA_P256_SHA_256"},
	{HM_KEY_P384, HM_SHA384, "SHA2_384", "PKIX_ECDSA_P384_SHA_384"},
	{HM_KEY_P521, HM_SHA512, "SHA2_512", "PKIX_ECDSA_P521_SHA_512"},
};

static const struct leaf_alg *find_alg(enum hm_key_kind kind)
{
	for (size_t i = 0; i < HM_ARRAY_LEN(algs); i++) {
		if (algs[i].kind == kind)
			return &algs[i];
	}
	return NULL;
}

static int digest(enum hm_digest_alg alg, struct hm_slice data,
		  uint8_t out[HM_DIGEST_MAX], struct hm_err *err)
{
	AUTO_DIGEST struct hm_digest *d = NULL;
	int rc = hm_digest_new(alg, &d, err);

	if (rc == HM_OK)
		rc = hm_digest_update(d, data.ptr, data.len, err);
	if (rc == HM_OK)
		rc = hm_digest_final(d, out, err);
	return rc;
}

static int pae_digest(const struct hm_dsse *dsse, enum hm_digest_alg alg,
		      uint8_t out[HM_DIGEST_MAX], struct hm_err *err)
{
	AUTO_BUF struct hm_buf pae;
	int rc;

	hm_buf_init(&pae, HM_BUNDLE_MAX);
	rc = hm_dsse_pae(hm_buf_slice(&dsse->payload_type),
			 hm_buf_slice(&dsse->payload), &pae, err);
	if (rc != HM_OK)
		return rc;
	return digest(alg, hm_buf_slice(&pae), out, err);
}

/* Text, then the base64 of bytes. */
static int add_base64(struct hm_buf *b, const char *text, struct hm_slice bytes,
		      struct hm_err *err)
{
	int rc = hm_buf_add_str(b, text, err);

	if (rc != HM_OK)
		return rc;
	return hm_base64_add(b, bytes, err);
}

int hm_tlog_leaf(const struct hm_dsse *dsse, struct hm_slice spki,
		 struct hm_buf *leaf, struct hm_err *err)
{
	AUTO_KEY struct hm_key *key = NULL;
	const struct leaf_alg *alg;
	uint8_t hash[HM_DIGEST_MAX];
	int rc = hm_key_from_spki(spki, &key, err);

	if (rc != HM_OK)
		return rc;
	alg = find_alg(hm_key_kind(key));
	if (!alg)
		return hm_fail(err, HM_E_POLICY, 0,
			       "logs take signatures of P-256, P-384 and P-521 keys only");
	rc = pae_digest(dsse, alg->digest, hash, err);
	if (rc == HM_OK)
		rc = hm_buf_addf(leaf, err,
				 "{\"apiVersion\":\"0.0.2\",\"kind\":\"hashedrekord\","
				 "\"spec\":{\"hashedRekordV002\":{\"data\":{"
				 "\"algorithm\":\"%s\"", alg->digest_name);
	if (rc == HM_OK)
		rc = add_base64(leaf, ",\"digest\":\"",
				hm_slice(hash, hm_digest_len(alg->digest)), err);
	if (rc == HM_OK)
		rc = add_base64(leaf, "\"},\"signature\":{\"content\":\"",
				hm_buf_slice(&dsse->sig), err);
	if (rc == HM_OK)
		rc = hm_buf_addf(leaf, err,
				 "\",\"verifier\":{\"keyDetails\":\"%s\","
				 "\"publicKey\":{", alg->key_details);
	if (rc == HM_OK)
		rc = add_base64(leaf, "\"rawBytes\":\"", spki, err);
	if (rc == HM_OK)
		rc = hm_buf_add_str(leaf, "\"}}}}}}", err);
	return rc;
}

/* spec.envelopeHash.value of the body that the entry shows. */
static int claimed_envelope_hash(struct hm_slice body,
				 char out[2 * HM_SHA256_LEN + 1],
				 struct hm_err *err)
{
	AUTO_JSON struct hm_json *root = NULL;
	uint8_t raw[HM_SHA256_LEN];
	const char *hex;
	int rc = hm_json_parse(body, HM_LOG_ENTRY_MAX, &root, err);

	if (rc != HM_OK)
		return rc;
	hex = hm_json_get_string(hm_json_get(hm_json_get(root, "spec"),
					     "envelopeHash"), "value");
	if (!hex || !hm_unhex(hm_slice_str(hex), raw, sizeof(raw)))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "no SHA-256 in spec.envelopeHash.value");
	hm_hex(raw, sizeof(raw), out);
	return HM_OK;
}

int hm_tlog_leaf_dsse1(const struct hm_dsse *dsse, struct hm_slice spki,
		       struct hm_slice claimed, struct hm_buf *leaf,
		       struct hm_err *err)
{
	AUTO_KEY struct hm_key *key = NULL;
	AUTO_BUF struct hm_buf pem;
	char envelope[2 * HM_SHA256_LEN + 1], payload[2 * HM_SHA256_LEN + 1];
	uint8_t hash[HM_SHA256_LEN];
	int rc;

	hm_buf_init(&pem, HM_LOG_ENTRY_MAX);
	rc = claimed_envelope_hash(claimed, envelope, err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "canonicalizedBody");
	rc = hm_key_from_spki(spki, &key, err);
	if (rc == HM_OK)
		rc = hm_key_public_pem(key, &pem, err);
	if (rc == HM_OK)
		rc = hm_sha256(hm_buf_slice(&dsse->payload), hash, err);
	if (rc != HM_OK)
		return rc;
	hm_hex(hash, sizeof(hash), payload);
	rc = hm_buf_addf(leaf, err,
			 "{\"apiVersion\":\"0.0.1\",\"kind\":\"dsse\",\"spec\":{"
			 "\"envelopeHash\":{\"algorithm\":\"sha256\",\"value\":\"%s\"},"
			 "\"payloadHash\":{\"algorithm\":\"sha256\",\"value\":\"%s\"},"
			 "\"signatures\":[{", envelope, payload);
	if (rc == HM_OK)
		rc = add_base64(leaf, "\"signature\":\"",
				hm_buf_slice(&dsse->sig), err);
	if (rc == HM_OK)
		rc = add_base64(leaf, "\",\"verifier\":\"", hm_buf_slice(&pem),
				err);
	if (rc == HM_OK)
		rc = hm_buf_add_str(leaf, "\"}]}}", err);
	return rc;
}
