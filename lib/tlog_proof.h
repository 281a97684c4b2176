/*
 * Proof files "c2sp.org/tlog-proof@v1": index, path and checkpoint of one entry
 * as text, for tools that know C2SP's formats and nothing of Sigstore's.
 */
#pragma once

#include "lib/note.h"

#define HM_TLOG_PROOF_MAX (HM_NOTE_MAX + 8192U)

struct hm_tlog_proof {
	uint64_t index;
	struct hm_merkle_path path;
	struct hm_slice checkpoint;	/* signed note; into the input */
};
int hm_tlog_proof_write(const struct hm_tlog_proof *p, struct hm_buf *b,
			struct hm_err *err) HM_MUST_CHECK;
int hm_tlog_proof_parse(struct hm_slice text, struct hm_tlog_proof *ret_p,
			struct hm_err *err) HM_MUST_CHECK;
/*
 * The leaf is in the log of this key. HM_E_POLICY: of another log. *ret_size
 * (may be NULL): of the tree it was proved in.
 */
int hm_tlog_proof_verify(const struct hm_tlog_proof *p,
			 const struct hm_note_key *log,
			 const struct hm_hash *leaf, uint64_t *ret_size,
			 struct hm_err *err) HM_MUST_CHECK;
