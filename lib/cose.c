/*
 * COSE_Sign1. What it distrusts: everything outside the signed bytes, which are
 * the protected header and the payload. So the unprotected header must be
 * empty, the algorithm must stand in the protected one and be the only thing
 * there, and it must be what the key is for (never the other way round).
 */
#include "lib/cose.h"

#include "lib/cbor.h"

#define TAG_SIGN1 18
/* Label of "alg" in a COSE header (RFC 9052 3.1). */
#define LABEL_ALG 1
/* Payload of a document (16384) or of an image's signature, with room. */
#define SIGNED_MAX (32 * 1024)

static int64_t alg_of(const struct hm_key *key)
{
	switch (hm_key_kind(key)) {
	case HM_KEY_P256:
		return HM_COSE_ES256;
	case HM_KEY_P384:
		return HM_COSE_ES384;
	case HM_KEY_P521:
		return HM_COSE_ES512;
	case HM_KEY_ED25519:
	case HM_KEY_OTHER:
		break;
	}
	return 0;
}

/* {1: alg}, exactly. */
static int parse_protected(struct hm_slice header, int64_t *ret_alg,
			   struct hm_err *err)
{
	struct hm_cbor_reader r = hm_cbor_reader(header, false);
	struct hm_cbor_scope scope;
	struct hm_cbor_item key, value;
	bool more;
	int rc;

	if (header.len == 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "protected header: it names no algorithm");
	rc = hm_cbor_enter(&r, HM_CBOR_MAP, "protected header", &scope, err);
	if (rc == HM_OK)
		rc = hm_cbor_more(&r, &scope, &more, err);
	if (rc != HM_OK)
		return rc;
	if (!more)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "protected header: it names no algorithm");
	rc = hm_cbor_next(&r, &key, err);
	if (rc == HM_OK)
		rc = hm_cbor_next(&r, &value, err);
	if (rc == HM_OK)
		rc = hm_cbor_more(&r, &scope, &more, err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "protected header");
	if (more || key.type != HM_CBOR_UINT || key.value != LABEL_ALG ||
	    value.type != HM_CBOR_NEGINT || value.value > INT64_MAX - 1)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "protected header: not exactly one algorithm");
	rc = hm_cbor_done(&r, "protected header", err);
	if (rc == HM_OK)
		*ret_alg = -1 - (int64_t)value.value;
	return rc;
}

static int parse_unprotected(struct hm_cbor_reader *r, struct hm_err *err)
{
	struct hm_cbor_scope scope;
	bool more;
	int rc = hm_cbor_enter(r, HM_CBOR_MAP, "unprotected header", &scope,
			       err);

	if (rc == HM_OK)
		rc = hm_cbor_more(r, &scope, &more, err);
	if (rc == HM_OK && more)
		return hm_fail(err, HM_E_POLICY, 0,
			       "unprotected header: it must be empty, for nobody signs it");
	return rc;
}

static int next_bytes(struct hm_cbor_reader *r, struct hm_cbor_scope *scope,
		      const char *what, struct hm_slice *ret, struct hm_err *err)
{
	struct hm_cbor_item item;
	bool more;
	int rc = hm_cbor_more(r, scope, &more, err);

	if (rc == HM_OK && !more)
		rc = hm_fail(err, HM_E_FORMAT, 0, "%s: missing", what);
	if (rc == HM_OK)
		rc = hm_cbor_expect(r, HM_CBOR_BYTES, what, &item, err);
	if (rc == HM_OK)
		*ret = item.bytes;
	return rc;
}

static int parse_body(struct hm_cbor_reader *r, struct hm_cose_sign1 *c,
		      struct hm_err *err)
{
	struct hm_cbor_scope scope;
	bool more;
	int rc = hm_cbor_enter(r, HM_CBOR_ARRAY, "COSE_Sign1", &scope, err);

	if (rc == HM_OK)
		rc = next_bytes(r, &scope, "protected header",
				&c->protected_header, err);
	if (rc == HM_OK)
		rc = hm_cbor_more(r, &scope, &more, err);
	if (rc == HM_OK && !more)
		rc = hm_fail(err, HM_E_FORMAT, 0,
			     "unprotected header: missing");
	if (rc == HM_OK)
		rc = parse_unprotected(r, err);
	if (rc == HM_OK)
		rc = next_bytes(r, &scope, "payload", &c->payload, err);
	if (rc == HM_OK)
		rc = next_bytes(r, &scope, "signature", &c->signature, err);
	if (rc == HM_OK)
		rc = hm_cbor_more(r, &scope, &more, err);
	if (rc == HM_OK && more)
		rc = hm_fail(err, HM_E_FORMAT, 0,
			     "COSE_Sign1: more than four members");
	return rc;
}

int hm_cose_parse(struct hm_slice input, struct hm_cose_sign1 *ret,
		  struct hm_err *err)
{
	struct hm_cbor_reader r = hm_cbor_reader(input, false);
	struct hm_cose_sign1 c = {.alg = 0};
	struct hm_cbor_reader tagged = r;
	struct hm_cbor_item tag;
	int rc = hm_cbor_next(&tagged, &tag, err);

	if (rc == HM_OK && tag.type == HM_CBOR_TAG) {
		if (tag.value != TAG_SIGN1)
			return hm_fail(err, HM_E_FORMAT, 0,
				       "CBOR tag %llu is not COSE_Sign1's 18",
				       (unsigned long long)tag.value);
		c.tagged = true;
		r = tagged;
	}
	if (rc == HM_OK)
		rc = parse_body(&r, &c, err);
	if (rc == HM_OK)
		rc = hm_cbor_done(&r, "COSE_Sign1", err);
	if (rc == HM_OK)
		rc = parse_protected(c.protected_header, &c.alg, err);
	if (rc == HM_OK)
		*ret = c;
	return rc;
}

/* Sig_structure, RFC 9052 4.4: what the signature is over. */
static int sig_structure(struct hm_slice protected_header,
			 struct hm_slice payload, struct hm_buf *b,
			 struct hm_err *err)
{
	int rc = hm_cbor_put_array(b, 4, err);

	if (rc == HM_OK)
		rc = hm_cbor_put_str(b, "Signature1", err);
	if (rc == HM_OK)
		rc = hm_cbor_put_bytes(b, protected_header, err);
	if (rc == HM_OK)
		rc = hm_cbor_put_bytes(b, hm_slice(NULL, 0), err);
	return rc != HM_OK ? rc : hm_cbor_put_bytes(b, payload, err);
}

int hm_cose_verify(const struct hm_cose_sign1 *c, const struct hm_key *key,
		   struct hm_err *err)
{
	AUTO_BUF struct hm_buf signed_bytes;
	int64_t alg = alg_of(key);
	int rc;

	hm_buf_init(&signed_bytes, SIGNED_MAX);
	if (alg == 0 || alg != c->alg)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "COSE algorithm %lld is not for this key",
			       (long long)c->alg);
	rc = sig_structure(c->protected_header, c->payload, &signed_bytes, err);
	if (rc != HM_OK)
		return rc;
	rc = hm_key_verify_raw(key, hm_buf_slice(&signed_bytes), c->signature,
			       err);
	return rc != HM_OK ? hm_err_prefix(err, "COSE") : HM_OK;
}

int hm_cose_sign(const struct hm_key *key, struct hm_slice payload,
		 struct hm_buf *out, struct hm_err *err)
{
	AUTO_BUF struct hm_buf header, signed_bytes, sig;
	int64_t alg = alg_of(key);
	int rc;

	hm_buf_init(&header, 16);
	hm_buf_init(&signed_bytes, SIGNED_MAX);
	hm_buf_init(&sig, 256);
	if (alg == 0)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "COSE: no algorithm of ours for this key");
	rc = hm_cbor_put_map(&header, 1, err);
	if (rc == HM_OK)
		rc = hm_cbor_put_uint(&header, LABEL_ALG, err);
	if (rc == HM_OK)
		rc = hm_cbor_put_negint(&header, (uint64_t)(-1 - alg), err);
	if (rc == HM_OK)
		rc = sig_structure(hm_buf_slice(&header), payload,
				   &signed_bytes, err);
	if (rc == HM_OK)
		rc = hm_key_sign_raw(key, hm_buf_slice(&signed_bytes), &sig,
				     err);
	if (rc == HM_OK)
		rc = hm_cbor_put_array(out, 4, err);
	if (rc == HM_OK)
		rc = hm_cbor_put_bytes(out, hm_buf_slice(&header), err);
	if (rc == HM_OK)
		rc = hm_cbor_put_map(out, 0, err);
	if (rc == HM_OK)
		rc = hm_cbor_put_bytes(out, payload, err);
	return rc != HM_OK ? rc :
			     hm_cbor_put_bytes(out, hm_buf_slice(&sig), err);
}
