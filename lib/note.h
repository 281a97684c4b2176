/*
 * Signed notes, checkpoints and cosignatures of transparency logs (C2SP
 * signed-note, tlog-checkpoint, tlog-cosignature; schema/log.md).
 *
 * A note is text, a blank line and signature lines. Lines whose (name, id) is
 * nobody we know are ignored and prove nothing; a line of a known key that does
 * not verify refuses the whole note (HM_E_CRYPTO). Views point into the input.
 */
#pragma once

#include "lib/merkle.h"

/* 100 lines of ML-DSA-44, the largest signature in use, stay below this. */
#define HM_NOTE_MAX (512U << 10)
#define HM_NOTE_SIGS_MAX 100
/* Host names have at most 253 bytes; witnesses add a short path. */
#define HM_NOTE_NAME_MAX 255
#define HM_NOTE_ID_LEN 4

enum hm_note_type {
	HM_NOTE_ED25519 = 0x01,
	HM_NOTE_ECDSA = 0x02,
	HM_NOTE_COSIGNATURE = 0x04,	/* Ed25519 over time and note */
};

struct hm_note_key {
	char name[HM_NOTE_NAME_MAX + 1];
	enum hm_note_type type;
	/* First four bytes: the id of signature lines. All: a Sigstore keyId. */
	uint8_t id[HM_SHA256_LEN];
	struct hm_key *key;	/* owned; private when it is to sign */
};
void hm_note_key_release(struct hm_note_key *k);
#define AUTO_NOTE_KEY HM_CLEANUP(hm_note_key_release)

/* Not empty, no blank, no '+', text, at most HM_NOTE_NAME_MAX bytes. */
int hm_note_name_check(struct hm_slice name, struct hm_err *err) HM_MUST_CHECK;
/*
 * A log's origin: a bare DNS-like lower-case host name, because other verifiers
 * compare it with the host of a URL. No port, path or "name - 123".
 */
int hm_log_origin_check(struct hm_slice origin, struct hm_err *err) HM_MUST_CHECK;

/*
 * Takes key over, also on failure. Ed25519 gives HM_NOTE_ED25519, or
 * HM_NOTE_COSIGNATURE when asked; P-256, P-384 and P-521 give HM_NOTE_ECDSA.
 */
int hm_note_key_init(struct hm_note_key *ret_k, struct hm_slice name,
		     bool cosignature, struct hm_key *key,
		     struct hm_err *err) HM_MUST_CHECK;
/* "name+hex8(id)+base64(type||key)"; one trailing newline is allowed. */
int hm_note_vkey_parse(struct hm_slice text, struct hm_note_key *ret_k,
		       struct hm_err *err) HM_MUST_CHECK;
/* The same text without newline; Ed25519 and cosignature keys only. */
int hm_note_vkey_write(const struct hm_note_key *k, struct hm_buf *b,
		       struct hm_err *err) HM_MUST_CHECK;

struct hm_note_sig {
	struct hm_slice name;
	uint8_t id[HM_NOTE_ID_LEN];
	struct hm_slice base64;	/* of id || signature */
};
struct hm_note {
	struct hm_slice text;	/* with its last newline: what is signed */
	struct hm_note_sig sigs[HM_NOTE_SIGS_MAX];
	size_t count;
};
int hm_note_parse(struct hm_slice bytes, struct hm_note *ret_note,
		  struct hm_err *err) HM_MUST_CHECK;
/*
 * HM_E_POLICY when no line is this key's; HM_E_CRYPTO when one is and does not
 * verify. *ret_time_s (may be NULL): a cosignature's time, else 0.
 */
int hm_note_verify(const struct hm_note *note, const struct hm_note_key *k,
		   uint64_t *ret_time_s, struct hm_err *err) HM_MUST_CHECK;
/* Appends text, blank line and k's signature line. Not for cosignatures. */
int hm_note_sign(struct hm_slice text, const struct hm_note_key *k,
		 struct hm_buf *b, struct hm_err *err) HM_MUST_CHECK;
/* Appends the signature line of a witness for this text at this time. */
int hm_note_cosign(struct hm_slice text, const struct hm_note_key *k,
		   uint64_t time_s, struct hm_buf *b,
		   struct hm_err *err) HM_MUST_CHECK;

struct hm_checkpoint {
	struct hm_slice origin;
	uint64_t size;
	struct hm_hash root;
	struct hm_slice extensions;	/* further lines, or empty */
};
/* Of a note's text. */
int hm_checkpoint_parse(struct hm_slice text, struct hm_checkpoint *ret_c,
			struct hm_err *err) HM_MUST_CHECK;
/* Appends the note text: origin, size, root. */
int hm_checkpoint_write(struct hm_slice origin, uint64_t size,
			const struct hm_hash *root, struct hm_buf *b,
			struct hm_err *err) HM_MUST_CHECK;
