/*
 * The decision: evidence and expectations in, verdict out. Pure: no file, no
 * clock, no network, nothing printed. A verdict starts as "rejected" and one
 * line of verify.c makes it "accepted". A return below zero means that nothing
 * could be decided (memory, a bug); a refusal is HM_OK with accepted == false.
 */
#pragma once

#include "lib/log.h"
#include "verifier/evidence.h"
#include "verifier/policy.h"

/* In the order in which they are made; the first that fails ends the list. */
enum hm_check_id {
	HM_CHECK_ARCHIVE,	/* well formed; files hashed */
	HM_CHECK_DOCUMENT,	/* an attestation document of a Nitro enclave */
	HM_CHECK_CHAIN,		/* pinned root, at its own time; signature */
	HM_CHECK_MODE,		/* not a debug enclave */
	HM_CHECK_IMAGE,		/* PCR0-2 endorsed or pinned, not revoked */
	HM_CHECK_KEY,		/* attested key; E and S are signed by it */
	HM_CHECK_BINDING,	/* user_data, E, S say one and the same */
	HM_CHECK_LATCH,		/* PCR16: commit fixed before untrusted code */
	HM_CHECK_FILES,		/* every file is what was measured */
	HM_CHECK_NONCE,		/* made for this request */
	HM_CHECK_TIME,		/* times agree with each other and the clock */
	HM_CHECK_SOURCE,	/* repository, commit, ref as expected */
	HM_CHECK_ENVIRONMENT,	/* builder, image, sandbox, network allowed */
	HM_CHECK_LOG,		/* logged, in time */
	HM_CHECK_VOTES,		/* challengers */
	HM_CHECK_POLICY,	/* the policy itself holds today */
	_HM_CHECK_COUNT,
};
/* Stable name for machines, and the few words that people see. */
const char *hm_check_name(enum hm_check_id id);
const char *hm_check_title(enum hm_check_id id);

enum hm_check_status {
	HM_CHECK_NOT_REACHED,
	HM_CHECK_PASSED,
	HM_CHECK_FAILED,
	HM_CHECK_SKIPPED,	/* nobody asked for it; the text says so */
};
const char *hm_check_status_name(enum hm_check_status s);

/* Why not. One exit status each; schema/verdict.md is the same table. */
enum hm_reason {
	HM_R_NONE,
	HM_R_MALFORMED,
	HM_R_NO_EVIDENCE,
	HM_R_NOT_NITRO,
	HM_R_FOREIGN_ROOT,
	HM_R_NOT_AUTHENTIC,
	HM_R_DEBUG,
	HM_R_UNKNOWN_IMAGE,
	HM_R_REVOKED_IMAGE,
	HM_R_IMAGE_INDEX,
	HM_R_SIGNATURE,
	HM_R_BINDING,
	HM_R_FILES,
	HM_R_NONCE,
	HM_R_TIME,
	HM_R_SOURCE,
	HM_R_ENVIRONMENT,
	HM_R_LOG,
	HM_R_VOTES,
	HM_R_POLICY_EXPIRED,
	_HM_R_COUNT,
};
const char *hm_reason_name(enum hm_reason r);	/* "unknown-image" */
const char *hm_reason_about(enum hm_reason r);	/* one line for the manual */
int hm_reason_exit(enum hm_reason r);

/* What the user demands. Everything is borrowed. */
struct hm_expect {
	struct hm_root roots[HM_ROOTS_MAX];	/* from flags; 0 = default */
	size_t root_count;
	const struct hm_policy *policy;		/* NULL = none */
	int64_t now_ms;

	bool any_source;
	struct hm_strings repositories;		/* exact, or ending in "**" */
	bool has_commit;
	struct hm_git_id commit;
	const char *ref;			/* NULL = any */
	/*
	 * Which file of the commit said what to run; NULL = "build.json". The
	 * host chooses it, so any other must be expected by name.
	 */
	const char *config_path;

	const struct hm_image_index *index;	/* opened: endorsed; or NULL */
	bool index_failed;			/* index_problem says why */
	struct hm_err index_problem;
	struct hm_strings images;
	struct hm_pin pin;
	const char *builder_id;			/* NULL = any */

	bool has_nonce;
	struct hm_slice nonce;
	bool require_log;
	const struct hm_log_keys *logs;		/* NULL = none named */
};

/* A line of proof; cut with "..." where an untrusted name is longer. */
#define HM_CHECK_TEXT_MAX 640
struct hm_check {
	enum hm_check_status status;
	char text[HM_CHECK_TEXT_MAX];	/* escaped */
};

struct hm_verdict {
	bool accepted;
	enum hm_reason reason;
	char message[HM_CHECK_TEXT_MAX];	/* why not; escaped */
	struct hm_check checks[_HM_CHECK_COUNT];

	/*
	 * What the evidence says. Before its check passed, a part is a claim:
	 * reports may show it only with that word beside it.
	 */
	bool hardware;		/* chain ends at a hardware vendor's root */
	bool has_document, has_provenance, has_evidence;
	struct hm_nitro_document document;	/* points into E's or the intake */
	uint8_t document_sha256[HM_SHA256_LEN];
	uint8_t root_sha256[HM_SHA256_LEN];
	struct hm_key *key;			/* K; owned; NULL before its check */
	struct hm_bundle provenance_bundle, evidence_bundle;	/* owned */
	struct hm_provenance provenance;	/* owned */
	struct hm_evidence evidence;		/* owned */
	uint8_t statement_sha256[HM_SHA256_LEN];	/* of S's bytes */
	uint8_t artifacts_sha256[HM_SHA256_LEN];	/* A */
	const struct hm_image *image;		/* in expect->index; or NULL */
	bool logged;
	int64_t logged_ms;			/* 0 = the log gave no time */
	char log_name[HM_ESC_MAX];
};
void hm_verdict_init(struct hm_verdict *v);
void hm_verdict_release(struct hm_verdict *v);
#define AUTO_VERDICT HM_CLEANUP(hm_verdict_release)

/* in must outlive *v. */
int hm_verify(const struct hm_intake *in, const struct hm_expect *want,
	      struct hm_verdict *v, struct hm_err *err) HM_MUST_CHECK;

/*
 * True when something about the source is demanded: without that, PASSED would
 * only say "somebody built something".
 */
bool hm_expect_names_source(const struct hm_expect *want);
