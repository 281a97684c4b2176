/*
 * Compiler attributes and scope-bound clean-up. The three GNU extensions the
 * tree allows itself live here: __attribute__, two statement-expression macros,
 * and the __builtin_*_overflow family (used in lib/num.h).
 */
#pragma once

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define HM_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define HM_MUST_CHECK __attribute__((warn_unused_result))
#define HM_NORETURN __attribute__((noreturn))
#define HM_UNUSED __attribute__((unused))
#define HM_CLEANUP(fn) __attribute__((cleanup(fn)))

#define HM_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Moves a pointer or fd out of an AUTO_ variable, leaving the empty value. */
#define HM_TAKE(var, empty)                                                    \
	({                                                                     \
		__typeof__(var) hm_taken_ = (var);                             \
		(var) = (empty);                                               \
		hm_taken_;                                                     \
	})
#define HM_TAKE_FD(var) HM_TAKE(var, -1)
#define HM_TAKE_PTR(var) HM_TAKE(var, NULL)

static inline void hm_cleanup_fd(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
	errno = saved;
}

static inline void hm_cleanup_free(void *p)
{
	int saved = errno;

	free(*(void **)p);
	*(void **)p = NULL;
	errno = saved;
}

#define AUTO_CLOSE HM_CLEANUP(hm_cleanup_fd)
#define AUTO_FREE HM_CLEANUP(hm_cleanup_free)
