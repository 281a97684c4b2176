/*
 * From flags to expectations: reads the files that flags name (roots, keys,
 * policy, index) and owns what they hold. What a flag says is the user's word;
 * what an index says is not, and is only as good as its endorsers.
 */
#pragma once

#include "lib/cli.h"
#include "verifier/verify.h"

struct hm_flags {	/* filled by the command line */
	struct hm_cli_list repositories, owners, bundles, trust_roots;
	struct hm_cli_list images, endorser_keys, log_keys;
	const char *source_digest, *source_ref, *source_tag, *config_path;
	const char *policy, *image_index, *builder_id, *nonce, *digest;
	const char *pcr[HM_IMAGE_PCRS];
	uint64_t endorser_threshold;
	bool any_source, require_log;
};

struct hm_settings {
	struct hm_expect want;	/* points into the rest */
	struct hm_policy policy;
	struct hm_image_index index;
	struct hm_key *endorsers[HM_ENDORSERS_MAX];
	size_t endorser_count;
	struct hm_log_keys *logs;
	struct hm_buf nonce;
	char *texts[2 * HM_POLICY_ITEMS];	/* owned strings of `want` */
	size_t text_count;
	char ref[512];
};
void hm_settings_init(struct hm_settings *s);
void hm_settings_release(struct hm_settings *s);
#define AUTO_SETTINGS HM_CLEANUP(hm_settings_release)

/* HM_E_USAGE names the flag. s must not move afterwards. */
int hm_settings_load(const struct hm_flags *f, int64_t now_ms,
		     struct hm_settings *s, struct hm_err *err) HM_MUST_CHECK;
/* PEM certificates to trust; AWS's own root keeps its kind. */
int hm_settings_roots(const struct hm_cli_list *paths, struct hm_root *roots,
		      size_t *count, struct hm_err *err) HM_MUST_CHECK;
