/*
 * X.509 as AWS Nitro uses it (facts: five P-384 certificates, root first in the
 * bundle), over OpenSSL. Verification time is the caller's, never "now"; no
 * default store, no purpose, no CRL.
 */
#pragma once

#include "lib/crypto.h"

/* AWS: "cabundle: >= 1 entry"; real chains have 4, we take up to 8. */
#define HM_CHAIN_MAX 8

struct hm_cert_info {	/* names: RFC 2253, printable ASCII, cut to fit */
	char subject[256];
	char issuer[256];
	int64_t not_before_ms;
	int64_t not_after_ms;
	uint8_t sha256[HM_SHA256_LEN];	/* of the DER */
};
int hm_cert_info(struct hm_slice der, struct hm_cert_info *ret,
		 struct hm_err *err) HM_MUST_CHECK;

/* The certificate's key, vouched for by nobody: hm_chain_verify() does that. */
int hm_cert_key(struct hm_slice der, struct hm_key **ret_k,
		struct hm_err *err) HM_MUST_CHECK;

/*
 * Verifies leaf against cabundle (root first, as in the document) at time
 * at_ms. The root must be byte-equal to one whose SHA-256 is root_sha256.
 * Demands: P-384 and ecdsa-with-SHA384 throughout, CA/pathLen/keyUsage rules,
 * leaf not a CA with digitalSignature, issuer chain in the given order, no
 * critical extension but those two, notBefore <= at_ms <= notAfter to the
 * millisecond for every certificate, no trailing DER. HM_E_POLICY for a foreign root,
 * HM_E_CRYPTO otherwise; the message says which certificate and why.
 * On success *ret_leaf_key is the leaf's key (caller frees).
 */
int hm_chain_verify(struct hm_slice leaf, const struct hm_slice *cabundle,
		    size_t count, const uint8_t root_sha256[HM_SHA256_LEN],
		    int64_t at_ms, struct hm_key **ret_leaf_key,
		    struct hm_err *err) HM_MUST_CHECK;

/* One certificate in PEM to DER. */
int hm_cert_pem_to_der(struct hm_slice pem, struct hm_buf *der,
		       struct hm_err *err) HM_MUST_CHECK;

/* Making certificates: only the development attester does. */
struct hm_cert_request {
	const char *common_name;
	const char *organization;
	const char *unit;
	int64_t not_before_ms, not_after_ms;
	bool is_ca;
	int path_len;		/* -1 = none */
	const struct hm_key *key;		/* subject's */
	const struct hm_key *issuer_key;	/* signer's; == key for a root */
	struct hm_slice issuer_der;		/* empty for a root */
};
/*
 * P-384 and SHA-384. Extensions as AWS has them: a CA is critical CA with
 * path_len, key usage critical (the last CA, path_len 0, may only sign
 * certificates), key identifiers; the leaf is critical not-CA, digitalSignature
 * and nonRepudiation. Appends DER.
 */
int hm_cert_make(const struct hm_cert_request *req, struct hm_buf *der,
		 struct hm_err *err) HM_MUST_CHECK;
int hm_cert_der_to_pem(struct hm_slice der, struct hm_buf *pem,
		       struct hm_err *err) HM_MUST_CHECK;
