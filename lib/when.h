/*
 * Points in time as our JSON formats write them: RFC 3339 in UTC, "Z" only.
 * Everything inside is milliseconds since 1970.
 */
#pragma once

#include "lib/buf.h"

#define HM_WHEN_MAX 32	/* "9999-12-31T23:59:59.999Z" and a NUL */

/*
 * "YYYY-MM-DDTHH:MM:SSZ", optionally with ".mmm" before the Z, and nothing
 * else: no offset, no leap second, no day that the month does not have.
 */
bool hm_when_parse(struct hm_slice text, int64_t *ret_ms);
/* Years 1970 to 9999; fractions are written only when there are any. */
const char *hm_when(int64_t ms, char out[HM_WHEN_MAX]);
/* "3 May 2026", for sentences. */
const char *hm_when_day(int64_t ms, char out[HM_WHEN_MAX]);
