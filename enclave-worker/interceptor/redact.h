/*
 * URLs in the record, without the secrets that people put into them. A secret is
 * replaced by a digest keyed with this build's random key: equal secrets in one
 * record look equal, and nobody can try guesses against it afterwards.
 */
#pragma once

#include "lib/crypto.h"

struct hm_redact {
	uint8_t key[HM_SHA256_LEN];
};

int hm_redact_init(struct hm_redact *r, struct hm_err *err) HM_MUST_CHECK;
/*
 * Appends path-and-query (or a whole URL) with secret-looking query values, path
 * segments and user information replaced by "redacted-" and 16 hex digits, and
 * with every byte that is not printable ASCII as %XX.
 */
int hm_redact_url(const struct hm_redact *r, struct hm_slice url,
		  struct hm_buf *b, struct hm_err *err) HM_MUST_CHECK;
