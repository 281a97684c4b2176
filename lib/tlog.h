/*
 * Log evidence of one DSSE envelope: Sigstore's TransparencyLogEntry JSON,
 * checked offline. Two kinds are known:
 *   hashedrekord 0.0.2  Rekor v2 and our own logs; digest is of PAE
 *   dsse 0.0.1          Rekor v1; its signed entry timestamp also gives a time
 *
 * The leaf is rebuilt from the envelope and the key that verified it; the
 * entry's canonicalizedBody is only compared with it. Index, size and root come
 * from the checkpoint that the log's key has signed. Nothing here needs network.
 *
 * The caller has verified the envelope's signature with this very key before:
 * that something is in a log says nothing about who signed it.
 */
#pragma once

#include "lib/dsse.h"
#include "lib/trusted_root.h"

/* Ours are below 2 KiB; a certificate and 63 hashes stay below this. */
#define HM_LOG_ENTRY_MAX (64U << 10)
/* Entries of one bundle: one per log. */
#define HM_LOG_ENTRIES_MAX 16
/* An entry's length is 16 bits in a tile of the log. */
#define HM_LEAF_MAX 65535

enum hm_log_kind {
	HM_LOG_HASHEDREKORD_2,	/* "hashedrekord" "0.0.2" */
	HM_LOG_DSSE_1,		/* "dsse" "0.0.1" */
};

struct hm_log_proof {	/* what one entry proved */
	enum hm_log_kind kind;
	const struct hm_log_key *log;	/* one of the caller's keys */
	uint64_t index;		/* in the tree of the checkpoint */
	uint64_t size;
	struct hm_hash leaf;
	struct hm_hash root;
	/* Signed by the log (v1 only); 0 = this kind has no time. */
	int64_t integrated_ms;
	/* The whole signed note, for witness policies; lives as long as entry. */
	struct hm_slice checkpoint;
};

/*
 * The leaf of a hashedrekord 0.0.2: digest of PAE by the key's own hash, the
 * signature, the key. spki: DER of a P-256, P-384 or P-521 key.
 */
int hm_tlog_leaf(const struct hm_dsse *dsse, struct hm_slice spki,
		 struct hm_buf *leaf, struct hm_err *err) HM_MUST_CHECK;

/*
 * Checks one entry. HM_E_POLICY "... is not trusted": of a log that is none of
 * keys. HM_E_FORMAT: not an entry of a known kind. HM_E_CRYPTO: of a known log,
 * and wrong: another leaf, a proof to another root, a checkpoint that the log
 * did not sign.
 */
int hm_tlog_verify(const struct hm_json *entry, const struct hm_dsse *dsse,
		   struct hm_slice spki, const struct hm_log_keys *keys,
		   struct hm_log_proof *ret, struct hm_err *err) HM_MUST_CHECK;

/*
 * Checks all entries of a bundle (an array; NULL = none). Those of unknown logs
 * are passed over; one of a known log that is wrong refuses all. At least one
 * must be left, else HM_E_POLICY. ret has room for HM_LOG_ENTRIES_MAX.
 */
int hm_tlog_verify_all(const struct hm_json *entries,
		       const struct hm_dsse *dsse, struct hm_slice spki,
		       const struct hm_log_keys *keys,
		       struct hm_log_proof *ret, size_t *ret_count,
		       struct hm_err *err) HM_MUST_CHECK;

struct hm_log_entry {	/* what a log of the second kind answers */
	const struct hm_note_key *log;
	struct hm_slice leaf;
	uint64_t index;
	struct hm_merkle_path path;
	struct hm_slice checkpoint;	/* signed note */
};
/* The TransparencyLogEntry of a hashedrekord 0.0.2; caller frees. */
int hm_tlog_entry_write(const struct hm_log_entry *e, struct hm_json **ret_entry,
			struct hm_err *err) HM_MUST_CHECK;
