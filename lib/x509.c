/*
 * Certificates of an attestation document. What it distrusts: the bundle (its
 * root proves nothing until its digest is the pinned one), the order of the
 * bundle, the present time (a stored document outlives its three-hour leaf: the
 * caller says when), and OpenSSL's generosity. Two fences stand here: our own
 * rules, certificate by certificate, which name what is wrong; and OpenSSL's
 * X509_verify_cert(), which checks signatures, names, key identifiers, path
 * lengths and extensions, and whose resulting path must be the bundle as given.
 *
 * Mustn't: X509_V_FLAG_X509_STRICT (every genuine chain fails it: the leaf has
 * no authority key identifier), a purpose (there is no extended key usage), a
 * default store, revocation lists (AWS says off; the chain lives for hours).
 */
#include "lib/x509.h"

#include <time.h>

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "lib/openssl_adapter.h"
#include "lib/pem.h"
#include "lib/when.h"

/* AWS caps a certificate at 1024 bytes; other roots get room, not much. */
#define CERT_DER_MAX 4096

HM_OPENSSL_CLEANUP(cleanup_x509, X509, X509_free)
HM_OPENSSL_CLEANUP(cleanup_store, X509_STORE, X509_STORE_free)
HM_OPENSSL_CLEANUP(cleanup_store_ctx, X509_STORE_CTX, X509_STORE_CTX_free)
HM_OPENSSL_CLEANUP(cleanup_stack, STACK_OF(X509), sk_X509_free)
HM_OPENSSL_CLEANUP(cleanup_bio, BIO, BIO_free_all)
HM_OPENSSL_CLEANUP(cleanup_bc, BASIC_CONSTRAINTS, BASIC_CONSTRAINTS_free)
#define AUTO_X509 HM_CLEANUP(cleanup_x509)
#define AUTO_STORE HM_CLEANUP(cleanup_store)
#define AUTO_STORE_CTX HM_CLEANUP(cleanup_store_ctx)
#define AUTO_STACK HM_CLEANUP(cleanup_stack)
#define AUTO_BIO HM_CLEANUP(cleanup_bio)
#define AUTO_BC HM_CLEANUP(cleanup_bc)

/* certs[0] is the leaf, certs[count-1] the root: OpenSSL's order. */
struct chain {
	X509 *certs[HM_CHAIN_MAX + 1];
	size_t count;
};

static void chain_release(struct chain *c)
{
	for (size_t i = 0; i < c->count; i++)
		X509_free(c->certs[i]);
	c->count = 0;
}

#define AUTO_CHAIN HM_CLEANUP(chain_release)

/* "leaf certificate", "certificate 2 above the leaf", "root certificate". */
#define CERT_NAME_MAX 64
static const char *cert_name(size_t i, size_t count, char out[CERT_NAME_MAX])
{
	if (i == 0)
		return "leaf certificate";
	if (i + 1 == count)
		return "root certificate";
	(void)snprintf(out, CERT_NAME_MAX, "certificate %zu above the leaf",
		       i);
	return out;
}
#define CERT_NAME(i, count) cert_name((i), (count), (char[CERT_NAME_MAX]){0})

/* code: HM_E_FORMAT for a bare certificate, HM_E_CRYPTO inside a document. */
static int cert_parse(struct hm_slice der, enum hm_code code, X509 **ret_cert,
		      struct hm_err *err)
{
	AUTO_X509 X509 *cert = NULL;
	const uint8_t *p = der.ptr;

	hm_ssl_begin();
	if (der.len == 0 || der.len > CERT_DER_MAX)
		return hm_fail(err, code, 0,
			       "%zu bytes are no certificate of ours", der.len);
	cert = d2i_X509(NULL, &p, (long)der.len);
	if (!cert)
		return hm_ssl_fail(err, code, "not a certificate");
	if (p != der.ptr + der.len)
		return hm_fail(err, code, 0,
			       "%zu bytes follow the certificate",
			       der.len - (size_t)(p - der.ptr));
	*ret_cert = HM_TAKE_PTR(cert);
	return HM_OK;
}

static int time_ms(const ASN1_TIME *t, enum hm_code code, int64_t *ret_ms,
		   struct hm_err *err)
{
	struct tm tm = {0};

	if (!t || ASN1_TIME_to_tm(t, &tm) != 1)
		return hm_ssl_fail(err, code, "its dates are malformed");
	*ret_ms = (int64_t)timegm(&tm) * 1000;
	return HM_OK;
}

/* --- looking ----------------------------------------------------------------- */

static int name_text(const X509_NAME *name, char *out, size_t size,
		     struct hm_err *err)
{
	AUTO_BIO BIO *bio = BIO_new(BIO_s_mem());
	char *data = NULL;
	size_t len;
	long n;

	if (!bio)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "name");
	/* Everything but printable ASCII comes out escaped. */
	if (X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) < 0)
		return hm_ssl_fail(err, HM_E_FORMAT, "a name is malformed");
	n = BIO_get_mem_data(bio, &data);
	len = n > 0 ? (size_t)n : 0;
	if (len > size - 1)
		len = size - 1;
	if (len > 0)
		memcpy(out, data, len);
	out[len] = 0;
	return HM_OK;
}

int hm_cert_info(struct hm_slice der, struct hm_cert_info *ret,
		 struct hm_err *err)
{
	AUTO_X509 X509 *cert = NULL;
	struct hm_cert_info info = {0};
	int rc = cert_parse(der, HM_E_FORMAT, &cert, err);

	if (rc == HM_OK)
		rc = name_text(X509_get_subject_name(cert), info.subject,
			       sizeof(info.subject), err);
	if (rc == HM_OK)
		rc = name_text(X509_get_issuer_name(cert), info.issuer,
			       sizeof(info.issuer), err);
	if (rc == HM_OK)
		rc = time_ms(X509_get0_notBefore(cert), HM_E_FORMAT,
			     &info.not_before_ms, err);
	if (rc == HM_OK)
		rc = time_ms(X509_get0_notAfter(cert), HM_E_FORMAT,
			     &info.not_after_ms, err);
	if (rc == HM_OK)
		rc = hm_sha256(der, info.sha256, err);
	if (rc == HM_OK)
		*ret = info;
	return rc;
}

static int cert_key(X509 *cert, struct hm_key **ret_k, struct hm_err *err)
{
	EVP_PKEY *pkey = X509_get_pubkey(cert);
	int rc;

	if (!pkey)
		return hm_ssl_fail(err, HM_E_CRYPTO, "its key is malformed");
	rc = hm_key_wrap(pkey, ret_k, err);
	if (rc != HM_OK)
		EVP_PKEY_free(pkey);
	return rc;
}

int hm_cert_key(struct hm_slice der, struct hm_key **ret_k, struct hm_err *err)
{
	AUTO_X509 X509 *cert = NULL;
	int rc = cert_parse(der, HM_E_CRYPTO, &cert, err);

	return rc != HM_OK ? rc : cert_key(cert, ret_k, err);
}

int hm_cert_pem_to_der(struct hm_slice pem, struct hm_buf *der,
		       struct hm_err *err)
{
	AUTO_X509 X509 *cert = NULL;
	AUTO_BUF struct hm_buf bytes;
	int rc;

	hm_buf_init(&bytes, CERT_DER_MAX);
	rc = hm_pem_decode(pem, "CERTIFICATE", &bytes, err);
	if (rc == HM_OK)
		rc = cert_parse(hm_buf_slice(&bytes), HM_E_FORMAT, &cert, err);
	return rc != HM_OK ? rc : hm_buf_add_slice(der, hm_buf_slice(&bytes), err);
}

int hm_cert_der_to_pem(struct hm_slice der, struct hm_buf *pem,
		       struct hm_err *err)
{
	return hm_pem_encode(pem, "CERTIFICATE", der, err);
}

/* --- verifying --------------------------------------------------------------- */

static int check_dates(X509 *cert, int64_t at_ms, struct hm_err *err)
{
	char when[HM_WHEN_MAX], limit[HM_WHEN_MAX];
	int64_t from, to;
	int rc = time_ms(X509_get0_notBefore(cert), HM_E_CRYPTO, &from, err);

	if (rc == HM_OK)
		rc = time_ms(X509_get0_notAfter(cert), HM_E_CRYPTO, &to, err);
	if (rc != HM_OK)
		return rc;
	if (at_ms < from)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "not yet valid at %s (valid from %s)",
			       hm_when(at_ms, when), hm_when(from, limit));
	if (at_ms > to)
		return hm_fail(err, HM_E_CRYPTO, 0, "expired at %s (it ended %s)",
			       hm_when(at_ms, when), hm_when(to, limit));
	return HM_OK;
}

/* The two places that name the algorithm are compared by X509_verify(). */
static int check_algorithm(X509 *cert, struct hm_err *err)
{
	AUTO_KEY struct hm_key *key = NULL;
	int rc;

	if (X509_get_signature_nid(cert) != NID_ecdsa_with_SHA384)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "not signed with ecdsa-with-SHA384");
	rc = cert_key(cert, &key, err);
	if (rc != HM_OK)
		return rc;
	if (hm_key_kind(key) != HM_KEY_P384)
		return hm_fail(err, HM_E_CRYPTO, 0, "its key is not P-384");
	return HM_OK;
}

/*
 * Nothing critical but these two: OpenSSL counts name constraints, policies and
 * others as handled although nobody here asked for them.
 */
static int check_critical(X509 *cert, struct hm_err *err)
{
	for (int i = 0; i < X509_get_ext_count(cert); i++) {
		X509_EXTENSION *ext = X509_get_ext(cert, i);
		int nid = OBJ_obj2nid(X509_EXTENSION_get_object(ext));

		if (X509_EXTENSION_get_critical(ext) != 0 &&
		    nid != NID_basic_constraints && nid != NID_key_usage)
			return hm_fail(err, HM_E_CRYPTO, 0,
				       "it has an unknown critical extension");
	}
	return HM_OK;
}

static int check_ca(X509 *cert, size_t cas_below, struct hm_err *err)
{
	int critical = -1;
	AUTO_BC BASIC_CONSTRAINTS *bc = X509_get_ext_d2i(
		cert, NID_basic_constraints, &critical, NULL);

	if (!bc || critical != 1 || bc->ca == 0)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "it signs another but is not marked as a CA");
	if (bc->pathlen) {
		int64_t most = -1;

		if (ASN1_INTEGER_get_int64(&most, bc->pathlen) != 1 ||
		    most < (int64_t)cas_below)
			return hm_fail(err, HM_E_CRYPTO, 0,
				       "more CAs below it than its path length allows");
	}
	if ((X509_get_extension_flags(cert) & EXFLAG_KUSAGE) == 0 ||
	    (X509_get_key_usage(cert) & KU_KEY_CERT_SIGN) == 0)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "its key usage does not allow signing certificates");
	return HM_OK;
}

static int check_leaf(X509 *cert, struct hm_err *err)
{
	AUTO_BC BASIC_CONSTRAINTS *bc = X509_get_ext_d2i(
		cert, NID_basic_constraints, NULL, NULL);

	/* None at all also means "not a CA". */
	if (bc && (bc->ca != 0 || bc->pathlen))
		return hm_fail(err, HM_E_CRYPTO, 0, "it is marked as a CA");
	if ((X509_get_extension_flags(cert) & EXFLAG_KUSAGE) == 0 ||
	    (X509_get_key_usage(cert) & KU_DIGITAL_SIGNATURE) == 0)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "its key usage does not allow signatures");
	return HM_OK;
}

static int check_one(X509 *cert, size_t i, int64_t at_ms, struct hm_err *err)
{
	int rc;

	/* Fills the cached extension flags that the checks below read. */
	if ((X509_get_extension_flags(cert) & EXFLAG_INVALID) != 0)
		return hm_ssl_fail(err, HM_E_CRYPTO,
				   "an extension is malformed or stands twice");
	if (X509_get_version(cert) != X509_VERSION_3)
		return hm_fail(err, HM_E_CRYPTO, 0, "not an X.509 v3 certificate");
	rc = check_algorithm(cert, err);
	if (rc == HM_OK)
		rc = check_critical(cert, err);
	if (rc == HM_OK)
		rc = i == 0 ? check_leaf(cert, err) : check_ca(cert, i - 1, err);
	return rc != HM_OK ? rc : check_dates(cert, at_ms, err);
}

/* The path that OpenSSL found must be the bundle, whole and in its order. */
static bool path_is_chain(X509_STORE_CTX *ctx, const struct chain *c)
{
	STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(ctx);

	if (!path || sk_X509_num(path) != (int)c->count)
		return false;
	for (size_t i = 0; i < c->count; i++)
		if (X509_cmp(sk_X509_value(path, (int)i), c->certs[i]) != 0)
			return false;
	return true;
}

static int verify_path(const struct chain *c, struct hm_err *err)
{
	AUTO_STORE X509_STORE *store = X509_STORE_new();
	AUTO_STORE_CTX X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	AUTO_STACK STACK_OF(X509) *between = sk_X509_new_null();

	if (!store || !ctx || !between)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "certificate chain");
	for (size_t i = 1; i + 1 < c->count; i++)
		if (sk_X509_push(between, c->certs[i]) <= 0)
			return hm_fail(err, HM_E_NOMEM, ENOMEM,
				       "certificate chain");
	if (X509_STORE_add_cert(store, c->certs[c->count - 1]) != 1 ||
	    X509_STORE_CTX_init(ctx, store, c->certs[0], between) != 1)
		return hm_ssl_fail(err, HM_E_CRYPTO, "certificate chain");
	/* check_dates() did it: OpenSSL's own has no milliseconds. */
	X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_NO_CHECK_TIME);
	X509_STORE_CTX_set_depth(ctx, HM_CHAIN_MAX);
	if (X509_verify_cert(ctx) != 1) {
		int code = X509_STORE_CTX_get_error(ctx);
		int depth = X509_STORE_CTX_get_error_depth(ctx);

		ERR_clear_error();
		return hm_fail(err, HM_E_CRYPTO, 0, "%s: %s",
			       CERT_NAME((size_t)depth, c->count),
			       X509_verify_cert_error_string(code));
	}
	if (!path_is_chain(ctx, c))
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "certificate chain: the bundle is not in the order "
			       "root first, leaf's issuer last");
	return HM_OK;
}

static int chain_parse(struct hm_slice leaf, const struct hm_slice *cabundle,
		       size_t count, struct chain *c, struct hm_err *err)
{
	for (size_t i = 0; i <= count; i++) {
		struct hm_slice der = i == 0 ? leaf : cabundle[count - i];

		if (cert_parse(der, HM_E_CRYPTO, &c->certs[i], err) != HM_OK)
			return hm_err_prefix(err, "%s", CERT_NAME(i, count + 1));
		c->count = i + 1;
	}
	return HM_OK;
}

int hm_chain_verify(struct hm_slice leaf, const struct hm_slice *cabundle,
		    size_t count, const uint8_t root_sha256[HM_SHA256_LEN],
		    int64_t at_ms, struct hm_key **ret_leaf_key,
		    struct hm_err *err)
{
	AUTO_KEY struct hm_key *key = NULL;
	AUTO_CHAIN struct chain c = {.count = 0};
	uint8_t digest[HM_SHA256_LEN];
	int rc;

	if (count == 0 || count > HM_CHAIN_MAX)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "certificate chain: a bundle of %zu, not 1..%d",
			       count, HM_CHAIN_MAX);
	rc = hm_sha256(cabundle[0], digest, err);
	if (rc != HM_OK)
		return rc;
	if (!hm_bytes_equal(digest, root_sha256, sizeof(digest)))
		return hm_fail(err, HM_E_POLICY, 0,
			       "certificate chain: it ends at a root that is not the trusted one");
	rc = chain_parse(leaf, cabundle, count, &c, err);
	if (rc != HM_OK)
		return rc;
	for (size_t i = c.count; i-- > 0;)
		if (check_one(c.certs[i], i, at_ms, err) != HM_OK)
			return hm_err_prefix(err, "%s", CERT_NAME(i, c.count));
	rc = verify_path(&c, err);
	if (rc == HM_OK)
		rc = cert_key(c.certs[0], &key, err);
	if (rc == HM_OK)
		*ret_leaf_key = HM_TAKE_PTR(key);
	return rc;
}
