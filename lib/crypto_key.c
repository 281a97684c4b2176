/*
 * Keys and signatures over OpenSSL 3. What it distrusts: the encoding of a key
 * (it must be the DER that we would write, and a named curve), the two halves of
 * a private one, r and s, and any return value but 1.
 */
#include "lib/crypto.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "lib/openssl_adapter.h"
#include "lib/pem.h"

/* SPKI of any key we take; RSA-8192 has about 1100 bytes. */
#define KEY_DER_MAX 4096
/* DER of two 66-byte integers with their heads: 139. */
#define SIGNATURE_MAX 144

struct curve {
	enum hm_key_kind kind;
	const char *name;
	enum hm_digest_alg digest;
	size_t width;	/* bytes of r and of s */
};

/* RFC 9053 table 1 fixes the digest of each curve. */
static const struct curve curves[] = {
	{HM_KEY_P256, "P-256", HM_SHA256, 32},
	{HM_KEY_P384, "P-384", HM_SHA384, 48},
	{HM_KEY_P521, "P-521", HM_SHA512, 66},
};

HM_OPENSSL_CLEANUP(cleanup_md_ctx, EVP_MD_CTX, EVP_MD_CTX_free)
HM_OPENSSL_CLEANUP(cleanup_sig, ECDSA_SIG, ECDSA_SIG_free)
HM_OPENSSL_CLEANUP(cleanup_bn, BIGNUM, BN_free)
HM_OPENSSL_CLEANUP(cleanup_pkey, EVP_PKEY, EVP_PKEY_free)
HM_OPENSSL_CLEANUP(cleanup_pkey_ctx, EVP_PKEY_CTX, EVP_PKEY_CTX_free)
#define AUTO_MD_CTX HM_CLEANUP(cleanup_md_ctx)
#define AUTO_SIG HM_CLEANUP(cleanup_sig)
#define AUTO_BN HM_CLEANUP(cleanup_bn)
#define AUTO_PKEY HM_CLEANUP(cleanup_pkey)
#define AUTO_PKEY_CTX HM_CLEANUP(cleanup_pkey_ctx)

static void openssl_free(void *p)
{
	OPENSSL_free(*(void **)p);
}

#define AUTO_OPENSSL HM_CLEANUP(openssl_free)

static const struct curve *curve_of(enum hm_key_kind kind)
{
	for (size_t i = 0; i < HM_ARRAY_LEN(curves); i++)
		if (curves[i].kind == kind)
			return &curves[i];
	return NULL;
}

static enum hm_key_kind kind_of(EVP_PKEY *pkey)
{
	char group[32] = "";
	size_t len = 0;

	int explicit_curve = 1;

	if (EVP_PKEY_is_a(pkey, "ED25519") == 1)
		return HM_KEY_ED25519;
	/* A curve spelled out, not named: the CVE-2020-0601 class. */
	if (EVP_PKEY_is_a(pkey, "EC") != 1 ||
	    EVP_PKEY_get_int_param(
		    pkey, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
		    &explicit_curve) != 1 ||
	    explicit_curve != 0 ||
	    EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len) != 1)
		return HM_KEY_OTHER;
	for (size_t i = 0; i < HM_ARRAY_LEN(curves); i++)
		if (EC_curve_nist2nid(curves[i].name) == OBJ_txt2nid(group))
			return curves[i].kind;
	return HM_KEY_OTHER;
}

int hm_key_wrap(EVP_PKEY *pkey, struct hm_key **ret_k, struct hm_err *err)
{
	struct hm_key *k = calloc(1, sizeof(*k));

	if (!k)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "key");
	k->pkey = pkey;
	k->kind = kind_of(pkey);
	*ret_k = k;
	return HM_OK;
}

void hm_key_free(struct hm_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->pkey);
	free(k);
}

void hm_key_cleanup(struct hm_key **k)
{
	hm_key_free(*k);
	*k = NULL;
}

enum hm_key_kind hm_key_kind(const struct hm_key *k)
{
	return k->kind;
}

int hm_key_generate(enum hm_key_kind kind, struct hm_key **ret_k,
		    struct hm_err *err)
{
	const struct curve *c = curve_of(kind);
	AUTO_PKEY EVP_PKEY *pkey = NULL;
	int rc;

	hm_ssl_begin();
	if (!c && kind != HM_KEY_ED25519)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "key: cannot make one of this kind");
	pkey = c ? EVP_EC_gen(c->name) :
		   EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (!pkey)
		return hm_ssl_fail(err, HM_E_CRYPTO, "key: generate");
	rc = hm_key_wrap(pkey, ret_k, err);
	if (rc == HM_OK)
		pkey = NULL;	/* transferred */
	return rc;
}

int hm_key_from_spki(struct hm_slice der, struct hm_key **ret_k,
		     struct hm_err *err)
{
	AUTO_PKEY EVP_PKEY *pkey = NULL;
	AUTO_OPENSSL uint8_t *again = NULL;
	const uint8_t *p = der.ptr;
	int len, rc;

	hm_ssl_begin();
	if (der.len == 0 || der.len > KEY_DER_MAX)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "key: %zu bytes are no public key", der.len);
	pkey = d2i_PUBKEY(NULL, &p, (long)der.len);
	if (!pkey)
		return hm_ssl_fail(err, HM_E_FORMAT, "key: not a public key");
	/*
	 * One key, one encoding. This refuses trailing bytes, BER and the point
	 * at infinity; a point off the curve was refused above.
	 */
	len = i2d_PUBKEY(pkey, &again);
	ERR_clear_error();
	if (len <= 0 || !hm_slice_eq(hm_slice(again, (size_t)len), der))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "key: not in its only DER form");
	rc = hm_key_wrap(pkey, ret_k, err);
	if (rc == HM_OK)
		pkey = NULL;	/* transferred */
	return rc;
}

int hm_key_from_public_pem(struct hm_slice pem, struct hm_key **ret_k,
			   struct hm_err *err)
{
	AUTO_BUF struct hm_buf der;
	int rc;

	hm_buf_init(&der, KEY_DER_MAX);
	hm_ssl_begin();
	rc = hm_pem_decode(pem, "PUBLIC KEY", &der, err);
	return rc != HM_OK ? rc :
			     hm_key_from_spki(hm_buf_slice(&der), ret_k, err);
}

int hm_key_from_private_pem(struct hm_slice pem, struct hm_key **ret_k,
			    struct hm_err *err)
{
	AUTO_PKEY_CTX EVP_PKEY_CTX *ctx = NULL;
	AUTO_PKEY EVP_PKEY *pkey = NULL;
	AUTO_BUF struct hm_buf der;
	const uint8_t *p;
	int rc;

	hm_buf_init_secret(&der, KEY_DER_MAX);
	hm_ssl_begin();
	rc = hm_pem_decode(pem, "PRIVATE KEY", &der, err);
	if (rc != HM_OK)
		return rc;
	p = der.data;
	pkey = d2i_AutoPrivateKey(NULL, &p, (long)der.len);
	if (!pkey || p != der.data + der.len)
		return hm_ssl_fail(err, HM_E_FORMAT, "key: not a private key");
	ctx = EVP_PKEY_CTX_new(pkey, NULL);
	if (!ctx)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "key");
	if (EVP_PKEY_pairwise_check(ctx) != 1)
		return hm_ssl_fail(err, HM_E_CRYPTO,
				   "key: its two halves do not belong together");
	rc = hm_key_wrap(pkey, ret_k, err);
	if (rc == HM_OK)
		pkey = NULL;	/* transferred */
	return rc;
}

int hm_key_spki(const struct hm_key *k, struct hm_buf *b, struct hm_err *err)
{
	AUTO_OPENSSL uint8_t *der = NULL;
	int len;

	hm_ssl_begin();
	len = i2d_PUBKEY(k->pkey, &der);
	if (len <= 0)
		return hm_ssl_fail(err, HM_E_CRYPTO, "key: encode");
	return hm_buf_add(b, der, (size_t)len, err);
}

int hm_key_public_pem(const struct hm_key *k, struct hm_buf *b,
		      struct hm_err *err)
{
	AUTO_BUF struct hm_buf der;
	int rc;

	hm_buf_init(&der, KEY_DER_MAX);
	rc = hm_key_spki(k, &der, err);
	return rc != HM_OK ? rc :
			     hm_pem_encode(b, "PUBLIC KEY", hm_buf_slice(&der), err);
}

int hm_key_private_pem(const struct hm_key *k, struct hm_buf *b,
		       struct hm_err *err)
{
	PKCS8_PRIV_KEY_INFO *info;
	uint8_t *der = NULL;
	int len, rc;

	HM_BUG_ON(!b->secret);
	hm_ssl_begin();
	info = EVP_PKEY2PKCS8(k->pkey);
	len = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : -1;
	PKCS8_PRIV_KEY_INFO_free(info);
	if (len <= 0)
		return hm_ssl_fail(err, HM_E_CRYPTO,
				   "key: it has no private half");
	rc = hm_pem_encode(b, "PRIVATE KEY", hm_slice(der, (size_t)len), err);
	OPENSSL_clear_free(der, (size_t)len);
	return rc;
}

/* --- signatures -------------------------------------------------------------- */

/* The digest for this key; NULL means pure Ed25519. False: not a key we use. */
static bool signing_digest(const struct hm_key *k, const EVP_MD **ret_md)
{
	const struct curve *c = curve_of(k->kind);

	if (!c && k->kind != HM_KEY_ED25519)
		return false;
	*ret_md = c ? hm_ssl_md(c->digest) : NULL;
	return true;
}

int hm_key_sign(const struct hm_key *k, struct hm_slice msg, struct hm_buf *sig,
		struct hm_err *err)
{
	AUTO_MD_CTX EVP_MD_CTX *ctx = NULL;
	const EVP_MD *md;
	uint8_t out[SIGNATURE_MAX];
	size_t len = sizeof(out);

	hm_ssl_begin();
	if (!signing_digest(k, &md))
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "signature: neither a NIST curve nor Ed25519");
	ctx = EVP_MD_CTX_new();
	if (!ctx)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "signature");
	if (EVP_DigestSignInit(ctx, NULL, md, NULL, k->pkey) != 1 ||
	    EVP_DigestSign(ctx, out, &len, msg.ptr, msg.len) != 1)
		return hm_ssl_fail(err, HM_E_CRYPTO, "signature: cannot sign");
	/* Out of memory while encoding, OpenSSL 3.0 says 1 and a length of -1. */
	if (len == 0 || len > sizeof(out))
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "signature: cannot sign");
	return hm_buf_add(sig, out, len, err);
}

int hm_key_verify(const struct hm_key *k, struct hm_slice msg,
		  struct hm_slice sig, struct hm_err *err)
{
	AUTO_MD_CTX EVP_MD_CTX *ctx = NULL;
	const EVP_MD *md;

	hm_ssl_begin();
	if (!signing_digest(k, &md))
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "signature: neither a NIST curve nor Ed25519");
	ctx = EVP_MD_CTX_new();
	if (!ctx)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "signature");
	if (EVP_DigestVerifyInit(ctx, NULL, md, NULL, k->pkey) != 1 ||
	    EVP_DigestVerify(ctx, sig.ptr, sig.len, msg.ptr, msg.len) != 1)
		return hm_ssl_fail(err, HM_E_CRYPTO,
				   "signature: it is not by this key");
	return HM_OK;
}

int hm_key_sign_raw(const struct hm_key *k, struct hm_slice msg,
		    struct hm_buf *sig, struct hm_err *err)
{
	const struct curve *c = curve_of(k->kind);
	AUTO_SIG ECDSA_SIG *parts = NULL;
	AUTO_BUF struct hm_buf der;
	const uint8_t *p;
	uint8_t *out;
	int rc;

	if (!c)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "signature: not an ECDSA key");
	hm_buf_init(&der, SIGNATURE_MAX);
	rc = hm_key_sign(k, msg, &der, err);
	if (rc != HM_OK)
		return rc;
	p = der.data;
	parts = d2i_ECDSA_SIG(NULL, &p, (long)der.len);
	if (!parts)
		return hm_ssl_fail(err, HM_E_CRYPTO, "signature: cannot sign");
	rc = hm_buf_reserve(sig, 2 * c->width, &out, err);
	if (rc != HM_OK)
		return rc;
	if (BN_bn2binpad(ECDSA_SIG_get0_r(parts), out, (int)c->width) < 0 ||
	    BN_bn2binpad(ECDSA_SIG_get0_s(parts), out + c->width,
			 (int)c->width) < 0)
		return hm_ssl_fail(err, HM_E_CRYPTO, "signature: cannot sign");
	hm_buf_grown(sig, 2 * c->width);
	return HM_OK;
}

/*
 * r and s must be in 1..n-1. OpenSSL checks it too; zero passing anywhere would
 * let anybody sign anything (CVE-2022-21449 class), so it is checked here, and
 * tested, whatever the library does.
 */
static int check_range(const struct hm_key *k, const BIGNUM *r,
		       const BIGNUM *s, struct hm_err *err)
{
	AUTO_BN BIGNUM *order = NULL;

	if (EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_EC_ORDER, &order) !=
	    1)
		return hm_ssl_fail(err, HM_E_CRYPTO, "signature: curve order");
	if (BN_is_zero(r) || BN_is_zero(s) || BN_cmp(r, order) >= 0 ||
	    BN_cmp(s, order) >= 0)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "signature: r or s is out of range");
	return HM_OK;
}

int hm_key_verify_raw(const struct hm_key *k, struct hm_slice msg,
		      struct hm_slice sig, struct hm_err *err)
{
	const struct curve *c = curve_of(k->kind);
	AUTO_SIG ECDSA_SIG *parts = NULL;
	AUTO_OPENSSL uint8_t *der = NULL;
	AUTO_BN BIGNUM *r = NULL;
	AUTO_BN BIGNUM *s = NULL;
	int len, rc;

	hm_ssl_begin();
	if (!c)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "signature: not an ECDSA key");
	if (sig.len != 2 * c->width)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "signature: %zu bytes, not %zu", sig.len,
			       2 * c->width);
	r = BN_bin2bn(sig.ptr, (int)c->width, NULL);
	s = BN_bin2bn(sig.ptr + c->width, (int)c->width, NULL);
	parts = ECDSA_SIG_new();
	if (!r || !s || !parts)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "signature");
	rc = check_range(k, r, s, err);
	if (rc != HM_OK)
		return rc;
	if (ECDSA_SIG_set0(parts, r, s) != 1)
		return hm_ssl_fail(err, HM_E_CRYPTO, "signature: encode");
	r = NULL;	/* transferred */
	s = NULL;
	len = i2d_ECDSA_SIG(parts, &der);
	if (len <= 0)
		return hm_ssl_fail(err, HM_E_CRYPTO, "signature: encode");
	return hm_key_verify(k, msg, hm_slice(der, (size_t)len), err);
}
