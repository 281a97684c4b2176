/*
 * COSE_Sign1 (RFC 9052) as Nitro uses it: in attestation documents and in the
 * signature section of enclave images. One algorithm in the protected header,
 * nothing unprotected, payload attached, ECDSA with r||s of fixed width.
 */
#pragma once

#include "lib/crypto.h"

/* RFC 9053 table 1, as CBOR negative integers; -1 is QEMU's "not signed". */
#define HM_COSE_ES256 (-7)
#define HM_COSE_ES384 (-35)
#define HM_COSE_ES512 (-36)
#define HM_COSE_UNSIGNED (-1)

struct hm_cose_sign1 {	/* slices point into the input */
	int64_t alg;
	bool tagged;	/* CBOR tag 18 stood in front; it is not signed */
	struct hm_slice protected_header;	/* content of the byte string */
	struct hm_slice payload;
	struct hm_slice signature;
};

/*
 * The whole input is one COSE_Sign1, tagged or not; heads and containers in any
 * valid length form. HM_E_FORMAT when it is not that; HM_E_POLICY when the
 * unprotected header holds anything (it is not signed, so it can only mislead).
 */
int hm_cose_parse(struct hm_slice input, struct hm_cose_sign1 *ret,
		  struct hm_err *err) HM_MUST_CHECK;

/* The signature is by this key and alg is the key's. HM_E_CRYPTO otherwise. */
int hm_cose_verify(const struct hm_cose_sign1 *c, const struct hm_key *key,
		   struct hm_err *err) HM_MUST_CHECK;

/* Untagged, empty unprotected header, alg by the key's curve. Appends. */
int hm_cose_sign(const struct hm_key *key, struct hm_slice payload,
		 struct hm_buf *out, struct hm_err *err) HM_MUST_CHECK;
