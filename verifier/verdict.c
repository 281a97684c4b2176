/*
 * The tables around a verdict: names, exit statuses and their meaning, and the
 * life of the structure. schema/verdict.md holds the same tables; a test
 * compares the two.
 */
#include "verifier/verify.h"

static const struct {
	const char *name, *title;
} check_table[] = {
	[HM_CHECK_ARCHIVE] = { "archive", "release" },
	[HM_CHECK_DOCUMENT] = { "document", "attestation" },
	[HM_CHECK_CHAIN] = { "chain", "certificates" },
	[HM_CHECK_MODE] = { "mode", "enclave mode" },
	[HM_CHECK_IMAGE] = { "image", "enclave image" },
	[HM_CHECK_KEY] = { "key", "signatures" },
	[HM_CHECK_BINDING] = { "binding", "one build" },
	[HM_CHECK_LATCH] = { "latch", "source latch" },
	[HM_CHECK_FILES] = { "files", "files" },
	[HM_CHECK_NONCE] = { "nonce", "nonce" },
	[HM_CHECK_TIME] = { "time", "time" },
	[HM_CHECK_SOURCE] = { "source", "source" },
	[HM_CHECK_ENVIRONMENT] = { "environment", "environment" },
	[HM_CHECK_LOG] = { "log", "log" },
	[HM_CHECK_VOTES] = { "votes", "challengers" },
	[HM_CHECK_POLICY] = { "policy", "policy" },
};
_Static_assert(HM_ARRAY_LEN(check_table) == _HM_CHECK_COUNT, "a name is missing");

/*
 * 0 to 4 and 70 mean in every program of ours what hm_code_exit() says; a
 * refusal for a reason of its own starts at 10, so that a script which only asks
 * "zero or not" stays right and one which asks more never has to parse text.
 */
static const struct {
	const char *name;
	int status;
	const char *about;
} reason_table[] = {
	[HM_R_NONE] = { "none", 0, "everything asked for was verified" },
	[HM_R_MALFORMED] = { "malformed", 4,
		"the release, a bundle, a statement or the document is damaged "
		"or not in its format" },
	[HM_R_NO_EVIDENCE] = { "no-evidence", 10,
		"there is no attestation with the file" },
	[HM_R_NOT_NITRO] = { "not-nitro", 11,
		"the document is of another kind: NitroTPM, or an unsigned one "
		"of an emulator" },
	[HM_R_FOREIGN_ROOT] = { "foreign-root", 12,
		"the chain ends at a root that is not trusted" },
	[HM_R_NOT_AUTHENTIC] = { "not-authentic", 13,
		"a certificate or the signature of the document is wrong" },
	[HM_R_DEBUG] = { "debug-mode", 14, "the enclave ran in debug mode" },
	[HM_R_UNKNOWN_IMAGE] = { "unknown-image", 15,
		"nobody whom you trust endorses the image, or it is not the one "
		"asked for" },
	[HM_R_REVOKED_IMAGE] = { "revoked-image", 16,
		"the image was revoked, or was not valid at that time" },
	[HM_R_IMAGE_INDEX] = { "image-index", 17,
		"the image index is damaged, expired, or not signed by enough "
		"endorsers" },
	[HM_R_SIGNATURE] = { "signature", 18,
		"a statement is not signed by the attested key" },
	[HM_R_BINDING] = { "binding", 19,
		"document, statements and files beside them are not of one "
		"build" },
	[HM_R_FILES] = { "files", 20,
		"a file was changed, added, removed, or was never built" },
	[HM_R_NONCE] = { "nonce", 21, "the nonce is another one" },
	[HM_R_TIME] = { "time", 22,
		"times contradict each other, lie in the future, or the build "
		"is too old" },
	[HM_R_SOURCE] = { "source", 23,
		"it was built from another repository, commit, ref or build file" },
	[HM_R_ENVIRONMENT] = { "environment", 24,
		"builder, sandbox or network mode is not an allowed one" },
	[HM_R_LOG] = { "log", 25,
		"it is not in the log asked for, or the proof is wrong" },
	[HM_R_VOTES] = { "votes", 26, "not enough challengers confirm it" },
	[HM_R_POLICY_EXPIRED] = { "policy-expired", 27, "the policy has expired" },
};
_Static_assert(HM_ARRAY_LEN(reason_table) == _HM_R_COUNT, "a reason is missing");

const char *hm_check_name(enum hm_check_id id)
{
	HM_BUG_ON(id >= _HM_CHECK_COUNT);
	return check_table[id].name;
}

const char *hm_check_title(enum hm_check_id id)
{
	HM_BUG_ON(id >= _HM_CHECK_COUNT);
	return check_table[id].title;
}

const char *hm_check_status_name(enum hm_check_status s)
{
	switch (s) {
	case HM_CHECK_PASSED:
		return "passed";
	case HM_CHECK_FAILED:
		return "failed";
	case HM_CHECK_SKIPPED:
		return "not-asked";
	case HM_CHECK_NOT_REACHED:
		break;
	}
	return "not-reached";
}

const char *hm_reason_name(enum hm_reason r)
{
	HM_BUG_ON(r >= _HM_R_COUNT);
	return reason_table[r].name;
}

const char *hm_reason_about(enum hm_reason r)
{
	HM_BUG_ON(r >= _HM_R_COUNT);
	return reason_table[r].about;
}

int hm_reason_exit(enum hm_reason r)
{
	HM_BUG_ON(r >= _HM_R_COUNT);
	return reason_table[r].status;
}

void hm_verdict_init(struct hm_verdict *v)
{
	memset(v, 0, sizeof(*v));
	hm_bundle_init(&v->provenance_bundle);
	hm_bundle_init(&v->evidence_bundle);
	hm_provenance_init(&v->provenance);
	hm_evidence_init(&v->evidence);
}

void hm_verdict_release(struct hm_verdict *v)
{
	hm_key_free(v->key);
	hm_bundle_release(&v->provenance_bundle);
	hm_bundle_release(&v->evidence_bundle);
	hm_provenance_release(&v->provenance);
	hm_evidence_release(&v->evidence);
	hm_verdict_init(v);
}
