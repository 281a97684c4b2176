/*
 * P-256 throughout: the fastest that every client accepts. One key serves all
 * leaves, since whoever has it has the CA's key too. No file of the sandbox and
 * no byte of a peer gets here but a checked name.
 */
#include "enclave-worker/interceptor/ca.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "lib/crypto.h"
#include "lib/num.h"
#include "lib/path.h"

/* Clocks of a sandbox and of the enclave are one; a day is for the careless. */
#define BEFORE_SECONDS (-86400L)
#define AFTER_SECONDS (7L * 86400L)

struct leaf {
	char *name;
	X509 *cert;
};

struct hm_ca {
	EVP_PKEY *key, *leaf_key;
	X509 *cert;
	struct leaf leaves[HM_CA_LEAVES];
	size_t count, next;	/* next: the one to replace when full */
};

static int openssl_fail(struct hm_err *err, const char *what)
{
	return hm_fail(err, HM_E_CRYPTO, 0, "certificate authority: %s", what);
}

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	int rc;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	if (!ext)
		return false;
	rc = X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	return rc == 1;
}

static bool set_serial(X509 *cert)
{
	unsigned char bytes[16];
	BIGNUM *n;
	bool good;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40);	/* positive, 16 long */
	n = BN_bin2bn(bytes, sizeof(bytes), NULL);
	good = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)) != NULL;
	BN_free(n);
	return good;
}

static bool add_name(X509_NAME *name, const char *key, const char *value)
{
	return X509_NAME_add_entry_by_txt(name, key, MBSTRING_UTF8,
					  (const unsigned char *)value, -1, -1,
					  0) == 1;
}

/* Everything but issuer, extensions and signature. */
static X509 *new_cert(EVP_PKEY *key, const char *common_name)
{
	X509 *cert = X509_new();

	if (cert && X509_set_version(cert, X509_VERSION_3) == 1 &&
	    set_serial(cert) &&
	    X509_gmtime_adj(X509_getm_notBefore(cert), BEFORE_SECONDS) &&
	    X509_gmtime_adj(X509_getm_notAfter(cert), AFTER_SECONDS) &&
	    X509_set_pubkey(cert, key) == 1 &&
	    add_name(X509_get_subject_name(cert), "O", "Hallmark") &&
	    add_name(X509_get_subject_name(cert), "CN", common_name))
		return cert;
	X509_free(cert);
	return NULL;
}

int hm_ca_new(struct hm_ca **ret_ca, struct hm_err *err)
{
	struct hm_ca *ca = calloc(1, sizeof(*ca));
	char name[64];
	uint8_t id[4];

	if (!ca)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "certificate authority");
	if (hm_random(id, sizeof(id), err) != HM_OK) {
		hm_ca_free(ca);
		return err->code;
	}
	snprintf(name, sizeof(name), "Hallmark build authority %08x",
		 hm_get_u32be(id));
	ca->key = EVP_EC_gen("P-256");
	ca->leaf_key = EVP_EC_gen("P-256");
	if (ca->key && ca->leaf_key)
		ca->cert = new_cert(ca->key, name);
	if (!ca->cert ||
	    X509_set_issuer_name(ca->cert, X509_get_subject_name(ca->cert)) != 1 ||
	    !add_extension(ca->cert, ca->cert, NID_basic_constraints,
			   "critical,CA:TRUE,pathlen:0") ||
	    !add_extension(ca->cert, ca->cert, NID_key_usage,
			   "critical,keyCertSign,cRLSign") ||
	    !add_extension(ca->cert, ca->cert, NID_subject_key_identifier,
			   "hash") ||
	    X509_sign(ca->cert, ca->key, EVP_sha256()) <= 0) {
		hm_ca_free(ca);
		return openssl_fail(err, "cannot make it");
	}
	*ret_ca = ca;
	return HM_OK;
}

void hm_ca_free(struct hm_ca *ca)
{
	if (!ca)
		return;
	for (size_t i = 0; i < ca->count; i++) {
		free(ca->leaves[i].name);
		X509_free(ca->leaves[i].cert);
	}
	X509_free(ca->cert);
	EVP_PKEY_free(ca->key);
	EVP_PKEY_free(ca->leaf_key);
	free(ca);
}

EVP_PKEY *hm_ca_leaf_key(const struct hm_ca *ca)
{
	return ca->leaf_key;
}

static X509 *make_leaf(struct hm_ca *ca, const char *name)
{
	struct in_addr address;
	char san[300];
	X509 *cert;

	snprintf(san, sizeof(san), "%s:%s",
		 inet_pton(AF_INET, name, &address) == 1 ? "IP" : "DNS", name);
	/* The name is in the extension; a CN has room for 64 bytes only. */
	cert = new_cert(ca->leaf_key, "recorded by Hallmark");
	if (cert &&
	    X509_set_issuer_name(cert, X509_get_subject_name(ca->cert)) == 1 &&
	    add_extension(cert, ca->cert, NID_basic_constraints,
			  "critical,CA:FALSE") &&
	    add_extension(cert, ca->cert, NID_key_usage,
			  "critical,digitalSignature") &&
	    add_extension(cert, ca->cert, NID_ext_key_usage, "serverAuth") &&
	    add_extension(cert, ca->cert, NID_subject_key_identifier, "hash") &&
	    add_extension(cert, ca->cert, NID_authority_key_identifier,
			  "keyid:always") &&
	    add_extension(cert, ca->cert, NID_subject_alt_name, san) &&
	    X509_sign(cert, ca->key, EVP_sha256()) > 0)
		return cert;
	X509_free(cert);
	return NULL;
}

int hm_ca_leaf(struct hm_ca *ca, const char *name, X509 **ret_cert,
	       struct hm_err *err)
{
	struct leaf fresh = {0}, *slot;

	for (size_t i = 0; i < ca->count; i++)
		if (strcmp(ca->leaves[i].name, name) == 0) {
			*ret_cert = ca->leaves[i].cert;
			return HM_OK;
		}
	fresh.name = hm_slice_dup(hm_slice_str(name));
	fresh.cert = fresh.name ? make_leaf(ca, name) : NULL;
	if (!fresh.cert) {
		free(fresh.name);
		return openssl_fail(err, "cannot sign");
	}
	if (ca->count < HM_CA_LEAVES) {
		slot = &ca->leaves[ca->count++];
	} else {
		slot = &ca->leaves[ca->next];
		ca->next = (ca->next + 1) % HM_CA_LEAVES;
		free(slot->name);
		X509_free(slot->cert);
	}
	*slot = fresh;
	*ret_cert = fresh.cert;
	return HM_OK;
}

static int add_pem(const struct hm_ca *ca, struct hm_buf *b, struct hm_err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long len = 0;
	int rc;

	if (!bio || PEM_write_bio_X509(bio, ca->cert) != 1 ||
	    (len = BIO_get_mem_data(bio, &text)) <= 0)
		rc = openssl_fail(err, "PEM");
	else
		rc = hm_buf_add(b, text, (size_t)len, err);
	BIO_free(bio);
	return rc;
}

static int add_u16(struct hm_buf *b, uint16_t v, struct hm_err *err)
{
	uint8_t p[2];

	hm_put_u16be(p, v);
	return hm_buf_add(b, p, sizeof(p), err);
}

static int add_u32(struct hm_buf *b, uint32_t v, struct hm_err *err)
{
	uint8_t p[4];

	hm_put_u32be(p, v);
	return hm_buf_add(b, p, sizeof(p), err);
}

static int add_utf(struct hm_buf *b, const char *s, struct hm_err *err)
{
	if (add_u16(b, (uint16_t)strlen(s), err) != HM_OK)
		return err->code;
	return hm_buf_add_str(b, s, err);
}

/*
 * The trailer of a JKS: SHA-1 over the password in UTF-16, a fixed phrase and
 * the store. It protects nothing (the password is public), Java insists on it.
 */
static int add_jks_trailer(struct hm_buf *b, struct hm_err *err)
{
	static const char password[] = "changeit", phrase[] = "Mighty Aphrodite";
	unsigned char digest[EVP_MAX_MD_SIZE];
	uint8_t utf16[2 * (sizeof(password) - 1)] = {0};
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned int len = 0;
	bool good;

	for (size_t i = 0; i + 1 < sizeof(password); i++)
		utf16[2 * i + 1] = (uint8_t)password[i];
	good = ctx && EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) == 1 &&
	       EVP_DigestUpdate(ctx, utf16, sizeof(utf16)) == 1 &&
	       EVP_DigestUpdate(ctx, phrase, sizeof(phrase) - 1) == 1 &&
	       EVP_DigestUpdate(ctx, b->data, b->len) == 1 &&
	       EVP_DigestFinal_ex(ctx, digest, &len) == 1;
	EVP_MD_CTX_free(ctx);
	return good ? hm_buf_add(b, digest, len, err)
		    : openssl_fail(err, "JKS digest");
}

/* Version 2, one trusted certificate entry. */
static int add_jks(const struct hm_ca *ca, struct hm_buf *b, struct hm_err *err)
{
	unsigned char *der = NULL;
	int len = i2d_X509(ca->cert, &der);
	int rc;

	if (len <= 0)
		return openssl_fail(err, "DER");
	rc = add_u32(b, 0xfeedfeedU, err) != HM_OK ||
			     add_u32(b, 2, err) != HM_OK ||
			     add_u32(b, 1, err) != HM_OK ||
			     add_u32(b, 2, err) != HM_OK ||
			     add_utf(b, "hallmark", err) != HM_OK ||
			     add_u32(b, 0, err) != HM_OK ||
			     add_u32(b, 0, err) != HM_OK || /* date: epoch */
			     add_utf(b, "X.509", err) != HM_OK ||
			     add_u32(b, (uint32_t)len, err) != HM_OK ||
			     hm_buf_add(b, der, (size_t)len, err) != HM_OK
		     ? err->code
		     : add_jks_trailer(b, err);
	OPENSSL_free(der);
	return rc;
}

int hm_ca_write_dir(const struct hm_ca *ca, int dir, struct hm_err *err)
{
	struct hm_buf text HM_CLEANUP(hm_buf_release);
	struct hm_buf jks HM_CLEANUP(hm_buf_release);
	AUTO_CLOSE int java = -1;
	char hashed[16];

	hm_buf_init(&text, 65536);
	hm_buf_init(&jks, 65536);
	snprintf(hashed, sizeof(hashed), "%08lx.0",
		 X509_subject_name_hash(ca->cert));
	if (mkdirat(dir, "java", 0755) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "mkdir 'java'");
	if (add_pem(ca, &text, err) != HM_OK || add_jks(ca, &jks, err) != HM_OK ||
	    hm_file_write_atomic(dir, "ca-certificates.crt",
				 hm_buf_slice(&text), 0644, err) != HM_OK ||
	    hm_file_write_atomic(dir, hashed, hm_buf_slice(&text), 0644, err) !=
		    HM_OK ||
	    hm_openat_beneath(dir, "java", O_PATH | O_DIRECTORY | O_CLOEXEC, 0,
			      &java, err) != HM_OK)
		return err->code;
	return hm_file_write_atomic(java, "cacerts", hm_buf_slice(&jks), 0644,
				    err);
}
