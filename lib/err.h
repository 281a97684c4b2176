/*
 * The one error object. Fallible functions take `struct hm_err *err` last and
 * return 0 or a negative code; err is set exactly when they fail. No function
 * here allocates. A caller adds context on the way up with hm_err_prefix() and
 * returns the code unchanged; only main() prints.
 */
#pragma once

#include "lib/attr.h"

/* What the caller can do about it; never what module it came from. */
enum hm_code {
	HM_OK = 0,
	HM_E_SYSTEM = -1,	/* a system call failed: sys_errno says how */
	HM_E_NOMEM = -2,
	HM_E_TOO_LARGE = -3,	/* over one of our documented limits */
	HM_E_FORMAT = -4,	/* bytes are not what the format says */
	HM_E_PROTOCOL = -5,	/* the peer broke the wire protocol */
	HM_E_POLICY = -6,	/* well formed, and refused */
	HM_E_CRYPTO = -7,	/* a signature, digest or key is wrong */
	HM_E_TIMEOUT = -8,
	HM_E_CLOSED = -9,	/* the other end went away */
	HM_E_CANCELLED = -10,	/* the user or the host asked to stop */
	HM_E_BUILD = -11,	/* the user's build command failed */
	HM_E_USAGE = -12,	/* the command line is wrong */
	HM_E_BUG = -13,
};

/* Long enough for one sentence with a path; longer text is cut with "...". */
#define HM_ERR_MSG_MAX 512

struct hm_err {
	enum hm_code code;
	int sys_errno;
	char msg[HM_ERR_MSG_MAX];
};

/*
 * Sets *err and returns code, so that `return hm_fail(err, ...)` is one line.
 * sys_errno may be 0; when it is not, ": strerror" is appended to the message.
 * err may be NULL.
 */
int hm_fail(struct hm_err *err, enum hm_code code, int sys_errno,
	    const char *fmt, ...) HM_PRINTF(4, 5);

/* Puts "prefix: " in front of the message. Returns err->code. */
int hm_err_prefix(struct hm_err *err, const char *fmt, ...) HM_PRINTF(2, 3);

/* Stable lower-case name of a code ("format", "policy", ...) for machines. */
const char *hm_code_name(enum hm_code code);

/* Exit status for a code as documented in every man page (0,1,2,3,4,70). */
int hm_code_exit(enum hm_code code);

/* Programmer errors only: prints file and line, aborts. */
void hm_bug(const char *file, int line, const char *what) HM_NORETURN;
#define HM_BUG_ON(cond)                                                        \
	do {                                                                   \
		if (cond)                                                      \
			hm_bug(__FILE__, __LINE__, #cond);                     \
	} while (0)
