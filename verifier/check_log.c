/*
 * Transparency: the evidence statement is in a log that the user named, shown by
 * a proof that comes with the bundle. A log is no authority (anybody may append);
 * it gives visibility and an upper bound of time. So an entry of a log that
 * nobody named proves nothing and is said to prove nothing, and one of a named
 * log that is wrong refuses the build even if no log was required.
 */
#include <stdio.h>

#include "lib/log.h"
#include "lib/tlog.h"
#include "lib/when.h"
#include "verifier/case.h"

/* As for the build's times: two clocks that are kept, but not by one person. */
#define SKEW_MS (10LL * 60 * 1000)

struct proofs {
	struct hm_log_proof items[HM_LOG_ENTRIES_MAX];
	size_t count;
};

/* Witnesses of the policy that cosigned this checkpoint, and the earliest time. */
static int count_witnesses(struct hm_case *c, const struct hm_log_proof *proof,
			   size_t *ret_count, int64_t *time_ms,
			   struct hm_err *err)
{
	const struct hm_policy *p = c->want->policy;
	AUTO_FREE struct hm_note *note = NULL;
	size_t n = 0;
	int rc;

	*ret_count = 0;
	if (!p || p->witness_count == 0)
		return HM_OK;
	note = calloc(1, sizeof(*note));
	if (!note)
		return hm_fail(err, HM_E_NOMEM, 0, "checkpoint");
	rc = hm_note_parse(proof->checkpoint, note, err);
	for (size_t i = 0; rc == HM_OK && i < p->witness_count; i++) {
		uint64_t time_s = 0;

		rc = hm_note_verify(note, &p->witnesses[i], &time_s, err);
		if (rc == HM_E_POLICY) {	/* did not cosign */
			rc = HM_OK;
			continue;
		}
		if (rc != HM_OK)
			break;
		n++;
		if (time_s <= INT64_MAX / 1000 &&
		    (*time_ms == 0 || (int64_t)time_s * 1000 < *time_ms))
			*time_ms = (int64_t)time_s * 1000;
	}
	*ret_count = n;
	return rc == HM_OK ? rc : hm_refused(c, HM_R_LOG, rc, err);
}

/* Logged after it was attested, and not too long after. */
static int check_delay(struct hm_case *c, int64_t logged_ms, struct hm_err *err)
{
	const struct hm_policy *p = c->want->policy;
	int64_t at_ms = (int64_t)c->v->document.timestamp_ms;
	int64_t limit = p ? p->log_delay_ms : 0;

	if (logged_ms == 0) {
		if (limit > 0)
			return hm_refuse(c, HM_R_LOG, err,
					 "the policy limits the time from build "
					 "to log, and nobody states the time of "
					 "logging");
		return HM_OK;
	}
	if (logged_ms < at_ms - SKEW_MS)
		return hm_refuse(c, HM_R_LOG, err,
				 "the log entry is older than the document in "
				 "it");
	if (limit > 0 && logged_ms > at_ms + limit + SKEW_MS)
		return hm_refuse(c, HM_R_LOG, err,
				 "it was logged later than the policy allows");
	return HM_OK;
}

/* Every proof must be in time; one must have the witnesses that are demanded. */
static int judge(struct hm_case *c, const struct proofs *proofs,
		 struct hm_err *err)
{
	const struct hm_policy *p = c->want->policy;
	size_t threshold = p ? p->witness_threshold : 0;
	size_t best = 0;

	for (size_t i = 0; i < proofs->count; i++) {
		const struct hm_log_proof *proof = &proofs->items[i];
		int64_t time_ms = proof->integrated_ms;
		char when[HM_WHEN_MAX];
		size_t n;
		int rc = count_witnesses(c, proof, &n, &time_ms, err);

		if (rc == HM_OK)
			rc = check_delay(c, time_ms, err);
		if (rc != HM_OK)
			return rc;
		best = n > best ? n : best;
		if (n < threshold || c->v->logged)
			continue;
		c->v->logged = true;
		c->v->logged_ms = time_ms;
		snprintf(c->v->log_name, sizeof(c->v->log_name), "%s",
			 HM_ESC(hm_slice_str(proof->log->note.name)));
		hm_proved(c, "entry %llu of %s%s%s; %zu %s",
			  (unsigned long long)proof->index, c->v->log_name,
			  time_ms ? ", logged by " : "",
			  time_ms ? hm_when(time_ms, when) : "", n,
			  n == 1 ? "witness" : "witnesses");
	}
	if (!c->v->logged)
		return hm_refuse(c, HM_R_LOG, err,
				 "%zu of the policy's witnesses saw the log, and "
				 "%zu must have", best, threshold);
	return HM_OK;
}

/* Entries beside S are extra; of a named log, they must be right too. */
static int check_bundle(struct hm_case *c, const struct hm_bundle *b,
			const struct hm_log_keys *logs, struct proofs *proofs,
			struct hm_err *err)
{
	int rc = hm_tlog_verify_all(b->log_entries, &b->dsse,
				    c->v->document.public_key.bytes, logs,
				    proofs->items, &proofs->count, err);

	if (rc == HM_E_POLICY) {
		proofs->count = 0;
		return HM_OK;
	}
	return rc == HM_OK ? rc : hm_refused(c, HM_R_LOG, rc, err);
}

static int check_logs(struct hm_case *c, const struct hm_log_keys *logs,
		      bool required, struct proofs *proofs, struct hm_err *err)
{
	const struct hm_verdict *v = c->v;
	int rc = check_bundle(c, &v->provenance_bundle, logs, proofs, err);

	if (rc == HM_OK)
		rc = check_bundle(c, &v->evidence_bundle, logs, proofs, err);
	if (rc != HM_OK)
		return rc;
	if (proofs->count == 0 && required)
		return hm_refuse(c, HM_R_LOG, err, "%s",
				 v->evidence_bundle.log_entries ?
				 "it is only in logs that you did not name" :
				 "it is in no log: no entry comes with it");
	return HM_OK;
}

int hm_check_log(struct hm_case *c, struct hm_err *err)
{
	const struct hm_expect *want = c->want;
	const struct hm_policy *p = want->policy;
	const struct hm_log_keys *by_policy = p ? p->logs : NULL;
	bool demanded = p && (p->log_required || p->witness_threshold > 0);
	bool required = want->require_log || demanded;
	AUTO_FREE struct proofs *proofs = calloc(1, sizeof(*proofs));
	int rc = HM_OK;

	if (!proofs)
		return hm_fail(err, HM_E_NOMEM, 0, "log proofs");
	if (!want->logs && !by_policy) {
		if (required)
			return hm_refuse(c, HM_R_LOG, err,
					 "a log is required and none is named: "
					 "give --log-key");
		hm_not_asked(c, "%s", c->v->evidence_bundle.log_entries ?
			     "log entries come with it; not checked, as no "
			     "--log-key names a log" :
			     "no log was named, and none is in the evidence");
		return HM_OK;
	}
	if (want->logs)
		rc = check_logs(c, want->logs, required, proofs, err);
	if (rc == HM_OK && by_policy)
		rc = check_logs(c, by_policy, required, proofs, err);
	if (rc != HM_OK)
		return rc;
	if (proofs->count == 0) {
		hm_not_asked(c, "not in a log that you named (--require-log "
			     "would demand it)");
		return HM_OK;
	}
	return judge(c, proofs, err);
}
