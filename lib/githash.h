/*
 * Computing git object ids: hash of "<type> <size>\0<content>". SHA-1 always
 * with collision detection (an object that shows a collision attack is
 * HM_E_CRYPTO, never an id); SHA-256 repositories too. Streaming, memory flat.
 */
#pragma once

#include "lib/gitid.h"

struct hm_git_hasher;	/* reusable for object after object */
int hm_git_hasher_new(enum hm_git_alg alg, struct hm_git_hasher **ret_h,
		      struct hm_err *err) HM_MUST_CHECK;
int hm_git_hasher_begin(struct hm_git_hasher *h, enum hm_git_type type,
			uint64_t size, struct hm_err *err) HM_MUST_CHECK;
int hm_git_hasher_update(struct hm_git_hasher *h, const void *p, size_t len,
			 struct hm_err *err) HM_MUST_CHECK;
/* HM_E_FORMAT unless exactly `size` bytes came. */
int hm_git_hasher_end(struct hm_git_hasher *h, struct hm_git_id *ret_id,
		      struct hm_err *err) HM_MUST_CHECK;
void hm_git_hasher_free(struct hm_git_hasher *h);
void hm_git_hasher_cleanup(struct hm_git_hasher **h);
#define AUTO_GIT_HASHER HM_CLEANUP(hm_git_hasher_cleanup)
