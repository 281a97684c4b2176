/*
 * A verifier's policy (schema/policy.schema.json): what must hold for a build to
 * be accepted. Pure: text in, struct out. Every member narrows; an absent one
 * asks nothing more than the verifier's own rules do. Flags of the command line
 * are asked in addition to it and never instead of it.
 */
#pragma once

#include "lib/image_index.h"
#include "lib/json.h"
#include "lib/trusted_root.h"

#define HM_POLICY_MAX (256U << 10)	/* a few dozen PEM keys and patterns */
#define HM_POLICY_ITEMS 64U		/* of any one list */
#define HM_ROOTS_MAX 8U

enum hm_root_kind {
	HM_ROOT_NITRO,		/* a hardware vendor's root */
	HM_ROOT_DEVELOPMENT,	/* a key in a file: no hardware vouches */
};

struct hm_root {
	uint8_t sha256[HM_SHA256_LEN];	/* of the certificate's DER */
	enum hm_root_kind kind;
};

struct hm_strings {	/* borrowed */
	const char *items[HM_POLICY_ITEMS];
	size_t count;
};

struct hm_policy_repository {
	const char *url;		/* pattern */
	struct hm_strings refs;		/* patterns; empty = any */
};

struct hm_pin {		/* PCR0-2 of one image, or some of them */
	bool has[HM_IMAGE_PCRS];
	uint8_t pcr[HM_IMAGE_PCRS][HM_PCR_LEN];
};

struct hm_policy {	/* strings live as long as root */
	struct hm_json *root;	/* owned */
	uint8_t sha256[HM_SHA256_LEN];	/* of the text, for the summary */
	const char *name;
	int64_t expires_ms;		/* 0 = never */
	int64_t max_age_ms;		/* of a build; 0 = any */

	struct hm_root roots[HM_ROOTS_MAX];
	size_t root_count;		/* 0 = the verifier's default */
	struct hm_policy_repository repositories[HM_POLICY_ITEMS];
	size_t repository_count;
	struct hm_strings builders;	/* builder.id patterns */
	struct hm_strings images;	/* "name@version" patterns */
	struct hm_pin pins[HM_POLICY_ITEMS];
	size_t pin_count;
	struct hm_key *endorsers[HM_ENDORSERS_MAX];	/* owned */
	size_t endorser_count;
	size_t endorser_threshold;
	struct hm_strings sandboxes;	/* runtimes: "crun", "runsc" */
	struct hm_strings networks;	/* modes: "none", "record", "locked" */
	bool network_complete;		/* the record must say so */

	bool log_required;
	struct hm_log_keys *logs;	/* owned; NULL = none named */
	int64_t log_delay_ms;		/* built to logged; 0 = any */
	struct hm_note_key *witnesses;	/* owned */
	size_t witness_count, witness_threshold;
	struct hm_strings challengers;
	size_t challenger_threshold, challenger_of;
};
void hm_policy_init(struct hm_policy *p);
void hm_policy_release(struct hm_policy *p);
#define AUTO_POLICY HM_CLEANUP(hm_policy_release)

/* HM_E_FORMAT; the message names the member. */
int hm_policy_parse(struct hm_slice text, struct hm_policy *ret_p,
		    struct hm_err *err) HM_MUST_CHECK;

/*
 * '*' stands for any run without '/', "**" for any run; everything else for
 * itself. Time is bounded by the product of the lengths.
 */
bool hm_pattern_match(const char *pattern, const char *text);
bool hm_strings_match(const struct hm_strings *patterns, const char *text);

/*
 * "https://host/path" in the one form that is compared: no trailing '/', no
 * ".git", github.com's names in lower case (they do not differ by case there).
 * "owner/name" is github.com's. HM_E_USAGE when it is no repository.
 */
#define HM_REPOSITORY_MAX 512
int hm_repository_normal(const char *text, char out[HM_REPOSITORY_MAX],
			 struct hm_err *err) HM_MUST_CHECK;
