/*
 * AWS Nitro Enclaves attestation documents: COSE_Sign1 (RFC 9052) over a CBOR
 * map, as AWS's "Verifying the root of trust" text completed by what real
 * documents show. Parsing says what stands there; hm_nitro_verify() says
 * whether it is true. Nothing of a document that did not verify may be shown as
 * fact.
 */
#pragma once

#include "lib/x509.h"

/* The NSM's response buffer is 12288 bytes; AWS allows a payload of 16384. */
#define HM_NITRO_DOCUMENT_MAX 20480
#define HM_NITRO_PCRS 32
#define HM_PCR_LEN 48
/* AWS's limit for a certificate and for each of the three free fields. */
#define HM_NITRO_FIELD_MAX 1024

struct hm_nitro_optional {
	bool present;	/* null and absent are both "not present" */
	struct hm_slice bytes;
};

struct hm_nitro_document {	/* slices point into the input */
	int64_t alg;				/* COSE's; parsed, not set */
	struct hm_slice protected_header;	/* as received */
	struct hm_slice payload;
	struct hm_slice signature;
	struct hm_slice module_id;
	uint64_t timestamp_ms;
	bool has_pcr[HM_NITRO_PCRS];
	uint8_t pcr[HM_NITRO_PCRS][HM_PCR_LEN];
	struct hm_slice certificate;
	struct hm_slice cabundle[HM_CHAIN_MAX];
	size_t cabundle_count;
	struct hm_nitro_optional public_key;
	struct hm_nitro_optional user_data;
	struct hm_nitro_optional nonce;
};

/*
 * Strict parse; what is taken and what is refused: schema/attestation.md.
 * HM_E_FORMAT for malformed input, HM_E_TOO_LARGE for more than our limits;
 * HM_E_POLICY, each with its own sentence, for: a NitroTPM document, an unsigned
 * (QEMU) document, another algorithm, a non-empty unprotected header, a module
 * id that is no enclave's.
 */
int hm_nitro_parse(struct hm_slice input, struct hm_nitro_document *ret_doc,
		   struct hm_err *err) HM_MUST_CHECK;
/*
 * The same, unsigned ones taken too: for the worker that has just been given it
 * by its own NSM (an emulated one signs nothing, and the verifier is to say
 * so). Never for a verifier: hm_nitro_verify() refuses such a document.
 */
int hm_nitro_parse_own(struct hm_slice input, struct hm_nitro_document *ret_doc,
		       struct hm_err *err) HM_MUST_CHECK;

/*
 * Chain at the document's own time to the root with this SHA-256, then the COSE
 * signature. HM_E_POLICY: foreign root. HM_E_CRYPTO: anything else.
 */
int hm_nitro_verify(const struct hm_nitro_document *doc,
		    const uint8_t root_sha256[HM_SHA256_LEN],
		    struct hm_err *err) HM_MUST_CHECK;

/*
 * PCR0, 1 or 2 all zero (or not there): a debug-mode enclave, whose memory the
 * host can read.
 */
bool hm_nitro_is_debug(const struct hm_nitro_document *doc);

/* SHA-256 of AWS Nitro Enclaves Root G1's DER. */
extern const uint8_t hm_nitro_root_g1[HM_SHA256_LEN];

/*
 * Building and signing, for the development attester: same key order and
 * encoding as AWS (indefinite map, null for unset), ES384.
 */
int hm_nitro_build(const struct hm_nitro_document *doc,
		   const struct hm_key *leaf_key, struct hm_buf *out,
		   struct hm_err *err) HM_MUST_CHECK;
