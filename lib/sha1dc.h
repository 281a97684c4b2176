/*
 * SHA-1 with counter-cryptanalysis, streaming: the only file that knows the
 * sha1dc code inside libgit2. A message that carries a collision attack gives
 * HM_E_CRYPTO, never a digest. Only git object ids use this.
 */
#pragma once

#include "lib/buf.h"

#define HM_SHA1_LEN 20

struct hm_sha1;	/* reusable for message after message */

/* Fails with HM_E_BUG when the linked code does not pass its self-test. */
int hm_sha1_new(struct hm_sha1 **ret_s, struct hm_err *err) HM_MUST_CHECK;
void hm_sha1_begin(struct hm_sha1 *s);
void hm_sha1_update(struct hm_sha1 *s, const void *p, size_t len);
int hm_sha1_final(struct hm_sha1 *s, uint8_t out[HM_SHA1_LEN],
		  struct hm_err *err) HM_MUST_CHECK;
void hm_sha1_free(struct hm_sha1 *s);
