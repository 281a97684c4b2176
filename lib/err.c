/*
 * The error object: a code, an errno and one sentence. No allocation, so that
 * an out-of-memory error can be reported like any other.
 */
#include "lib/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* vsnprintf into msg from offset; marks a cut with "...". */
static size_t msg_put(char *msg, size_t at, const char *fmt, va_list ap)
	HM_PRINTF(3, 0);
static size_t msg_put(char *msg, size_t at, const char *fmt, va_list ap)
{
	int n = vsnprintf(msg + at, HM_ERR_MSG_MAX - at, fmt, ap);

	if (n < 0)
		return at;
	if ((size_t)n >= HM_ERR_MSG_MAX - at) {
		memcpy(msg + HM_ERR_MSG_MAX - 4, "...", 4);
		return HM_ERR_MSG_MAX - 1;
	}
	return at + (size_t)n;
}

static void msg_printf(char *msg, size_t at, const char *fmt, ...) HM_PRINTF(3, 4);
static void msg_printf(char *msg, size_t at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)msg_put(msg, at, fmt, ap);
	va_end(ap);
}

int hm_fail(struct hm_err *err, enum hm_code code, int sys_errno,
	    const char *fmt, ...)
{
	/* Built aside: an argument may point into err->msg. */
	char msg[HM_ERR_MSG_MAX];
	va_list ap;
	size_t at;

	HM_BUG_ON(code >= HM_OK);
	if (!err)
		return code;
	va_start(ap, fmt);
	at = msg_put(msg, 0, fmt, ap);
	va_end(ap);
	if (sys_errno != 0)
		msg_printf(msg, at, ": %s", strerror(sys_errno));
	memcpy(err->msg, msg, sizeof(msg));
	err->code = code;
	err->sys_errno = sys_errno;
	return code;
}

int hm_err_prefix(struct hm_err *err, const char *fmt, ...)
{
	char msg[HM_ERR_MSG_MAX];
	va_list ap;
	size_t at;

	if (!err)
		return HM_E_BUG;
	va_start(ap, fmt);
	at = msg_put(msg, 0, fmt, ap);
	va_end(ap);
	msg_printf(msg, at, ": %s", err->msg);
	memcpy(err->msg, msg, sizeof(msg));
	return err->code;
}

const char *hm_code_name(enum hm_code code)
{
	switch (code) {
	case HM_OK:
		return "ok";
	case HM_E_SYSTEM:
		return "system";
	case HM_E_NOMEM:
		return "nomem";
	case HM_E_TOO_LARGE:
		return "too-large";
	case HM_E_FORMAT:
		return "format";
	case HM_E_PROTOCOL:
		return "protocol";
	case HM_E_POLICY:
		return "policy";
	case HM_E_CRYPTO:
		return "crypto";
	case HM_E_TIMEOUT:
		return "timeout";
	case HM_E_CLOSED:
		return "closed";
	case HM_E_CANCELLED:
		return "cancelled";
	case HM_E_BUILD:
		return "build";
	case HM_E_USAGE:
		return "usage";
	case HM_E_BUG:
		return "bug";
	}
	return "unknown";
}

int hm_code_exit(enum hm_code code)
{
	switch (code) {
	case HM_OK:
		return 0;
	case HM_E_BUILD:
	case HM_E_POLICY:
	case HM_E_CRYPTO:
		return 1;
	case HM_E_USAGE:
		return 2;
	case HM_E_SYSTEM:
	case HM_E_NOMEM:
	case HM_E_TIMEOUT:
	case HM_E_CLOSED:
	case HM_E_PROTOCOL:
		return 3;
	case HM_E_FORMAT:
	case HM_E_TOO_LARGE:
		return 4;
	case HM_E_CANCELLED:
		return 130;
	case HM_E_BUG:
		return 70;
	}
	return 70;
}

void hm_bug(const char *file, int line, const char *what)
{
	(void)fprintf(stderr, "bug: %s:%d: %s\n", file, line, what);
	abort();
}
