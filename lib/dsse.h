/*
 * DSSE v1 envelopes (github.com/secure-systems-lab/dsse) and their Sigstore
 * bundle v0.3 form. One signature, no keyid (Go verifiers skip a signature
 * whose keyid is not theirs). What is signed is PAE, never re-serialised JSON.
 */
#pragma once

#include "lib/crypto.h"
#include "lib/json.h"

#define HM_PAYLOAD_INTOTO "application/vnd.in-toto+json"
#define HM_BUNDLE_MEDIA_TYPE "application/vnd.dev.sigstore.bundle.v0.3+json"
/* A statement lists every output and download; 16 MiB is ~50,000 of them. */
#define HM_STATEMENT_MAX (16U << 20)
/* The longest media type of ours has 50 bytes. */
#define HM_PAYLOAD_TYPE_MAX 255
/* P-521 in DER has 139; a signature is never longer than RSA-8192's. */
#define HM_SIG_MAX 1024
/* Base64 of the payload plus log evidence. */
#define HM_BUNDLE_MAX (32U << 20)

/* "DSSEv1 <len type> <type> <len body> <body>" */
int hm_dsse_pae(struct hm_slice payload_type, struct hm_slice payload,
		struct hm_buf *b, struct hm_err *err) HM_MUST_CHECK;

struct hm_dsse {	/* all owned */
	struct hm_buf payload;
	struct hm_buf payload_type;
	struct hm_buf sig;
};
void hm_dsse_init(struct hm_dsse *d);
void hm_dsse_release(struct hm_dsse *d);
#define AUTO_DSSE HM_CLEANUP(hm_dsse_release)

/* Signs payload with k. */
int hm_dsse_sign(const struct hm_key *k, const char *payload_type,
		 struct hm_slice payload, struct hm_dsse *ret_d,
		 struct hm_err *err) HM_MUST_CHECK;
/* HM_E_CRYPTO when the signature is not k's. */
int hm_dsse_verify(const struct hm_dsse *d, const struct hm_key *k,
		   struct hm_err *err) HM_MUST_CHECK;

/*
 * The bare envelope: {"payload","payloadType","signatures":[{"sig"}]}, compact
 * and in this order. Reading takes either base64 alphabet (the specification
 * says so), any order and a keyid, which is dropped; exactly one signature.
 */
int hm_dsse_parse(struct hm_slice json, struct hm_dsse *ret_d,
		  struct hm_err *err) HM_MUST_CHECK;
int hm_dsse_write(const struct hm_dsse *d, struct hm_buf *json,
		  struct hm_err *err) HM_MUST_CHECK;

/*
 * A Sigstore bundle v0.3 with verificationMaterial.publicKey.hint =
 * base64(SHA-256(SPKI)), as cosign writes it. log_entries: array of
 * TransparencyLogEntry; timestamps: array of {"signedTimestamp": base64 of an
 * RFC 3161 response}; either may be NULL. One form: compact, keys in this order.
 */
int hm_bundle_write(const struct hm_dsse *d, const struct hm_key *k,
		    const struct hm_json *log_entries,
		    const struct hm_json *timestamps, struct hm_buf *json,
		    struct hm_err *err) HM_MUST_CHECK;

struct hm_bundle {
	struct hm_dsse dsse;
	struct hm_json *root;			/* owned */
	const char *hint;			/* in root */
	const struct hm_json *log_entries;	/* in root; NULL if none */
	const struct hm_json *timestamps;	/* in root; NULL if none */
};
void hm_bundle_init(struct hm_bundle *b);
void hm_bundle_release(struct hm_bundle *b);
#define AUTO_BUNDLE HM_CLEANUP(hm_bundle_release)
/*
 * Strict: unknown keys are refused. What others write in another order or with
 * blanks is taken; a keyid must be text and is dropped. Log entries are only
 * known to be an array of objects: see tlog.h. A bundle with a certificate or a
 * message signature is well formed but not ours: HM_E_POLICY.
 */
int hm_bundle_parse(struct hm_slice json, struct hm_bundle *ret_b,
		    struct hm_err *err) HM_MUST_CHECK;
/*
 * HM_E_CRYPTO when the hint is not that of k. Nobody signs the hint, so a
 * verifier that does not check it would accept bundles with any.
 */
int hm_bundle_check_hint(const struct hm_bundle *b, const struct hm_key *k,
			 struct hm_err *err) HM_MUST_CHECK;
/* True when hm_bundle_write() would have written exactly these bytes. */
bool hm_bundle_is_canonical(const struct hm_bundle *b, struct hm_slice json);
