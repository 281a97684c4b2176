/*
 * For a pattern that matched nothing: what stands there instead, as the end of
 * a sentence, so that the user sees the typing error or the other directory.
 */
#pragma once

#include <stddef.h>

#define HM_NEAR_MAX 256

/* Always fills out (possibly ""); never fails. Borrowed root_fd. */
const char *hm_near_hint(int root_fd, const char *pattern,
			 char out[HM_NEAR_MAX]);
