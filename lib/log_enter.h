/*
 * Bringing envelopes into a log directory and the proofs back into their
 * bundles. Entering is idempotent: a leaf that is in the log already is proved,
 * not appended again, so a publisher that died at any point just starts over.
 */
#pragma once

#include "lib/log_dir.h"

/* Statements of one release that are logged together. */
#define HM_LOG_ENTER_MAX 16

/*
 * Looks for each leaf from index `since` on, appends those that are not there in
 * one batch, and proves all against the newest checkpoint. ret_entries: count
 * TransparencyLogEntry values, the caller frees each.
 */
int hm_log_dir_enter(struct hm_log_dir *d, const struct hm_slice *leaves,
		     size_t count, uint64_t since, hm_deadline_t deadline,
		     struct hm_json **ret_entries, struct hm_err *err) HM_MUST_CHECK;

/*
 * The bundle with this entry added. An older entry of the same log is replaced;
 * those of other logs stay.
 */
int hm_bundle_add_entry(const struct hm_bundle *b, const struct hm_key *key,
			const struct hm_json *entry, struct hm_buf *json,
			struct hm_err *err) HM_MUST_CHECK;
