/*
 * Making certificates, for the development attester and its root only: the same
 * fields and extensions as AWS's five (facts measured on fifty documents), so
 * that one verifier reads both. Distrusts nothing; what it makes is worth as
 * much as the file that holds the root's key.
 */
#include "lib/x509.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "lib/openssl_adapter.h"

/* As AWS's instance certificates: unguessable, positive, 20 bytes in DER. */
#define SERIAL_LEN 20

HM_OPENSSL_CLEANUP(cleanup_x509, X509, X509_free)
HM_OPENSSL_CLEANUP(cleanup_name, X509_NAME, X509_NAME_free)
HM_OPENSSL_CLEANUP(cleanup_bn, BIGNUM, BN_free)
#define AUTO_X509 HM_CLEANUP(cleanup_x509)
#define AUTO_NAME HM_CLEANUP(cleanup_name)
#define AUTO_BN HM_CLEANUP(cleanup_bn)

static bool add_name(X509_NAME *name, const char *field, const char *value)
{
	return !value || X509_NAME_add_entry_by_txt(
				 name, field, MBSTRING_UTF8,
				 (const unsigned char *)value, -1, -1, 0) == 1;
}

static bool set_subject(X509 *cert, const struct hm_cert_request *req)
{
	AUTO_NAME X509_NAME *name = X509_NAME_new();

	return name && add_name(name, "O", req->organization) &&
	       add_name(name, "OU", req->unit) &&
	       add_name(name, "CN", req->common_name) &&
	       X509_set_subject_name(cert, name) == 1;
}

static bool set_serial(X509 *cert)
{
	uint8_t bytes[SERIAL_LEN];
	AUTO_BN BIGNUM *bn = NULL;
	struct hm_err err;

	if (hm_random(bytes, sizeof(bytes), &err) != HM_OK)
		return false;
	bytes[0] = (uint8_t)((bytes[0] & 0x7fU) | 0x40U);
	bn = BN_bin2bn(bytes, sizeof(bytes), NULL);
	return bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert));
}

/* UTCTime before 2050, GeneralizedTime after: RFC 5280 4.1.2.5. */
static bool set_dates(X509 *cert, const struct hm_cert_request *req)
{
	return ASN1_TIME_set(X509_getm_notBefore(cert),
			     (time_t)(req->not_before_ms / 1000)) &&
	       ASN1_TIME_set(X509_getm_notAfter(cert),
			     (time_t)(req->not_after_ms / 1000));
}

static bool add_extension(X509 *cert, X509V3_CTX *ctx, int nid,
			  const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
	bool good = ext && X509_add_ext(cert, ext, -1) == 1;

	X509_EXTENSION_free(ext);
	return good;
}

static bool add_extensions(X509 *cert, X509 *issuer,
			   const struct hm_cert_request *req)
{
	const char *usage = "digitalSignature,nonRepudiation";
	char constraints[64] = "critical,CA:FALSE";
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	if (req->is_ca) {
		usage = req->path_len == 0 ?
				"critical,keyCertSign" :
				"critical,digitalSignature,keyCertSign,cRLSign";
		if (req->path_len < 0)
			(void)snprintf(constraints, sizeof(constraints),
				       "critical,CA:TRUE");
		else
			(void)snprintf(constraints, sizeof(constraints),
				       "critical,CA:TRUE,pathlen:%d",
				       req->path_len);
	}
	if (!add_extension(cert, &ctx, NID_basic_constraints, constraints) ||
	    !add_extension(cert, &ctx, NID_key_usage, usage))
		return false;
	if (!req->is_ca)
		return true;
	return add_extension(cert, &ctx, NID_subject_key_identifier, "hash") &&
	       (issuer == cert ||
		add_extension(cert, &ctx, NID_authority_key_identifier,
			      "keyid:always"));
}

static int append_der(X509 *cert, struct hm_buf *der, struct hm_err *err)
{
	uint8_t *bytes = NULL;
	int len = i2d_X509(cert, &bytes);
	int rc;

	if (len <= 0)
		return hm_ssl_fail(err, HM_E_CRYPTO, "certificate: encode");
	rc = hm_buf_add(der, bytes, (size_t)len, err);
	OPENSSL_free(bytes);
	return rc;
}

int hm_cert_make(const struct hm_cert_request *req, struct hm_buf *der,
		 struct hm_err *err)
{
	bool is_root = req->issuer_der.len == 0;
	const uint8_t *p = req->issuer_der.ptr;
	AUTO_X509 X509 *cert = X509_new();
	AUTO_X509 X509 *parsed = NULL;
	X509 *issuer = cert;

	hm_ssl_begin();
	if (!cert)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "certificate");
	if (hm_key_kind(req->key) != HM_KEY_P384 ||
	    hm_key_kind(req->issuer_key) != HM_KEY_P384)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "certificate: the keys must be P-384");
	if (!is_root) {
		parsed = d2i_X509(NULL, &p, (long)req->issuer_der.len);
		issuer = parsed;
		if (!issuer)
			return hm_ssl_fail(err, HM_E_FORMAT,
					   "certificate: its issuer's");
	}
	if (X509_set_version(cert, X509_VERSION_3) != 1 || !set_serial(cert) ||
	    !set_dates(cert, req) || !set_subject(cert, req) ||
	    X509_set_issuer_name(cert, X509_get_subject_name(issuer)) != 1 ||
	    X509_set_pubkey(cert, req->key->pkey) != 1 ||
	    !add_extensions(cert, issuer, req) ||
	    X509_sign(cert, req->issuer_key->pkey, EVP_sha384()) <= 0)
		return hm_ssl_fail(err, HM_E_CRYPTO, "certificate: make");
	return append_der(cert, der, err);
}
