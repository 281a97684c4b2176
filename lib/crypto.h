/*
 * Digests, ECDSA, Ed25519 and randomness over OpenSSL 3. Every verification
 * compares with the single success value; nothing here uses a default trust
 * store. SHA-1 is not here: see gitid.h.
 */
#pragma once

#include "lib/buf.h"

#define HM_SHA256_LEN 32
#define HM_SHA384_LEN 48
#define HM_DIGEST_MAX 64

enum hm_digest_alg {
	HM_SHA256,
	HM_SHA384,
	HM_SHA512,
};
size_t hm_digest_len(enum hm_digest_alg alg);

struct hm_digest;	/* streaming context */
int hm_digest_new(enum hm_digest_alg alg, struct hm_digest **ret_d,
		  struct hm_err *err) HM_MUST_CHECK;
int hm_digest_update(struct hm_digest *d, const void *p, size_t len,
		     struct hm_err *err) HM_MUST_CHECK;
/* Writes hm_digest_len() bytes and makes the context ready for a new message. */
int hm_digest_final(struct hm_digest *d, uint8_t *out,
		    struct hm_err *err) HM_MUST_CHECK;
void hm_digest_free(struct hm_digest *d);
void hm_digest_cleanup(struct hm_digest **d);
#define AUTO_DIGEST HM_CLEANUP(hm_digest_cleanup)

/* One shot. */
int hm_sha256(struct hm_slice data, uint8_t out[HM_SHA256_LEN],
	      struct hm_err *err) HM_MUST_CHECK;
int hm_sha384(struct hm_slice data, uint8_t out[HM_SHA384_LEN],
	      struct hm_err *err) HM_MUST_CHECK;
/* Whole file from the current offset. *ret_size may be NULL. */
int hm_sha256_fd(int fd, uint8_t out[HM_SHA256_LEN], uint64_t *ret_size,
		 struct hm_err *err) HM_MUST_CHECK;

/* Constant time. */
bool hm_bytes_equal(const void *a, const void *b, size_t len);
int hm_random(void *out, size_t len, struct hm_err *err) HM_MUST_CHECK;

enum hm_key_kind {
	HM_KEY_P256,
	HM_KEY_P384,
	HM_KEY_P521,
	HM_KEY_ED25519,
	HM_KEY_OTHER,
};

struct hm_key;	/* public, or private with its public half */
void hm_key_free(struct hm_key *k);
void hm_key_cleanup(struct hm_key **k);
#define AUTO_KEY HM_CLEANUP(hm_key_cleanup)

int hm_key_generate(enum hm_key_kind kind, struct hm_key **ret_k,
		    struct hm_err *err) HM_MUST_CHECK;
/* SubjectPublicKeyInfo DER, whole input; and PEM "PUBLIC KEY". */
int hm_key_from_spki(struct hm_slice der, struct hm_key **ret_k,
		     struct hm_err *err) HM_MUST_CHECK;
int hm_key_from_public_pem(struct hm_slice pem, struct hm_key **ret_k,
			   struct hm_err *err) HM_MUST_CHECK;
int hm_key_from_private_pem(struct hm_slice pem, struct hm_key **ret_k,
			    struct hm_err *err) HM_MUST_CHECK;
int hm_key_spki(const struct hm_key *k, struct hm_buf *b,
		struct hm_err *err) HM_MUST_CHECK;
int hm_key_public_pem(const struct hm_key *k, struct hm_buf *b,
		      struct hm_err *err) HM_MUST_CHECK;
/* PKCS#8; b must be a secret buffer. */
int hm_key_private_pem(const struct hm_key *k, struct hm_buf *b,
		       struct hm_err *err) HM_MUST_CHECK;
enum hm_key_kind hm_key_kind(const struct hm_key *k);

/*
 * Message signatures. ECDSA: DER (X9.62), digest = SHA-256/384/512 by curve.
 * Ed25519: 64 bytes, pure. A wrong signature is HM_E_CRYPTO.
 */
int hm_key_sign(const struct hm_key *k, struct hm_slice msg,
		struct hm_buf *sig, struct hm_err *err) HM_MUST_CHECK;
int hm_key_verify(const struct hm_key *k, struct hm_slice msg,
		  struct hm_slice sig, struct hm_err *err) HM_MUST_CHECK;
/* ECDSA with r||s of fixed width (COSE, RFC 9053): 64/96/132 bytes by curve. */
int hm_key_sign_raw(const struct hm_key *k, struct hm_slice msg,
		    struct hm_buf *sig, struct hm_err *err) HM_MUST_CHECK;
int hm_key_verify_raw(const struct hm_key *k, struct hm_slice msg,
		      struct hm_slice sig, struct hm_err *err) HM_MUST_CHECK;
