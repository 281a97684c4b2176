/* The test harness: TAP on stdout, exit status 1 on any "not ok". */
#pragma once

#include <stdio.h>
#include <string.h>

#include "lib/err.h"

static int tap_count, tap_failed;

#define ok(cond, ...)                                                          \
	do {                                                                   \
		int tap_ok_ = (cond) ? 1 : 0;                                  \
		tap_count++;                                                   \
		tap_failed += !tap_ok_;                                        \
		printf("%sok %d - ", tap_ok_ ? "" : "not ", tap_count);        \
		printf(__VA_ARGS__);                                           \
		putchar('\n');                                                 \
		if (!tap_ok_)                                                  \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond);    \
	} while (0)

/* The call succeeds; on failure the error is shown. */
#define ok_call(call, err, ...)                                                \
	do {                                                                   \
		int tap_rc_ = (call);                                          \
		ok(tap_rc_ == HM_OK, __VA_ARGS__);                             \
		if (tap_rc_ != HM_OK)                                          \
			printf("# %s: %s\n", hm_code_name((err)->code),        \
			       (err)->msg);                                    \
	} while (0)

/* The call fails with this code and a message that contains this text. */
#define fails(call, err, want, text, ...)                                      \
	do {                                                                   \
		int tap_rc_ = (call);                                          \
		int tap_good_ = tap_rc_ == (want) && (err)->code == (want) &&  \
				strstr((err)->msg, (text)) != NULL;            \
		ok(tap_good_, __VA_ARGS__);                                    \
		if (!tap_good_)                                                \
			printf("# got %d (%s): %s\n", tap_rc_,                 \
			       tap_rc_ ? hm_code_name((err)->code) : "ok",     \
			       tap_rc_ ? (err)->msg : "");                     \
	} while (0)

#define skip(...)                                                              \
	do {                                                                   \
		tap_count++;                                                   \
		printf("ok %d # SKIP ", tap_count);                            \
		printf(__VA_ARGS__);                                           \
		putchar('\n');                                                 \
	} while (0)

static inline int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed != 0;
}
