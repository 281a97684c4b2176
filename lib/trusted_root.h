/*
 * The logs that somebody trusts, as Sigstore's TrustedRoot JSON says it
 * (application/vnd.dev.sigstore.trustedroot+json;version=0.1) or as verifier
 * keys. Only the transparency logs are read: certificate authorities, CT logs
 * and time stamping authorities play no part for bundles with bare keys.
 */
#pragma once

#include "lib/json.h"
#include "lib/note.h"

#define HM_TRUSTED_ROOT_TYPE \
	"application/vnd.dev.sigstore.trustedroot+json;version=0.1"
/* The public root names about ten; a log may have a few shards a year. */
#define HM_LOG_KEYS_MAX 64
#define HM_TRUSTED_ROOT_MAX (1U << 20)

struct hm_log_key {
	struct hm_note_key note;	/* name: the log's host */
	int64_t valid_from_ms;		/* 0 = always */
	int64_t valid_until_ms;		/* INT64_MAX = for ever */
};
struct hm_log_keys {
	struct hm_log_key items[HM_LOG_KEYS_MAX];
	size_t count;
};
void hm_log_keys_init(struct hm_log_keys *k);
void hm_log_keys_release(struct hm_log_keys *k);
#define AUTO_LOG_KEYS HM_CLEANUP(hm_log_keys_release)

/* Appends the log of a verifier key ("log.example.org+0123abcd+..."). */
int hm_log_keys_add_vkey(struct hm_log_keys *k, struct hm_slice vkey,
			 struct hm_err *err) HM_MUST_CHECK;
/*
 * Appends the logs of a TrustedRoot. Keys of kinds that we cannot check (RSA)
 * are left out, which only narrows the trust; HM_E_POLICY when none is left.
 */
int hm_log_keys_add_trusted_root(struct hm_log_keys *k, struct hm_slice json,
				 struct hm_err *err) HM_MUST_CHECK;

/* The TrustedRoot that makes other verifiers accept these logs. */
int hm_trusted_root_write(const struct hm_log_key *keys, size_t count,
			  struct hm_buf *json, struct hm_err *err) HM_MUST_CHECK;
