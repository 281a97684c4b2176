/*
 * One line per event on stderr. Everything that did not come from our own
 * string literals is escaped before it gets here or by HM_ESC(): build output
 * and peers must not be able to move a cursor or talk to a CI runner.
 */
#include "lib/log.h"

#include <stdarg.h>
#include <stdio.h>

static const char *log_prog = "hallmark";
static enum hm_log_level log_level = HM_LOG_INFO;

void hm_log_init(const char *prog, enum hm_log_level level)
{
	log_prog = prog;
	log_level = level;
}

void hm_log(enum hm_log_level level, const char *fmt, ...)
{
	static const char *const words[] = {"error: ", "warning: ", "", ""};
	char line[HM_ERR_MSG_MAX * 2], safe[HM_ERR_MSG_MAX * 2 + 8];
	va_list ap;

	if (level > log_level)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "%s: %s%s\n", log_prog, words[level],
		      hm_escape(hm_slice_str(line), safe, sizeof(safe)));
}

/*
 * Length of the printable UTF-8 scalar at s, or 0 when it must be escaped. A
 * runner takes "##[command]" for its own wherever it stands in a line.
 */
static size_t printable(struct hm_slice s)
{
	if (s.len >= 3 && memcmp(s.ptr, "##[", 3) == 0)
		return 0;
	for (size_t n = 1; n <= 4 && n <= s.len; n++) {
		if (hm_slice_is_text(hm_slice(s.ptr, n)))
			return n;
	}
	return 0;
}

int hm_escape_add(struct hm_buf *b, struct hm_slice s, struct hm_err *err)
{
	while (s.len > 0) {
		size_t n = printable(s);
		int rc = n > 0 ? hm_buf_add(b, s.ptr, n, err) :
				 hm_buf_addf(b, err, "\\x%02x", s.ptr[0]);

		if (rc < 0)
			return rc;
		if (n == 0)
			n = 1;
		s.ptr += n;
		s.len -= n;
	}
	return HM_OK;
}

int hm_escape_line_add(struct hm_buf *b, struct hm_slice s, struct hm_err *err)
{
	int rc = HM_OK;

	while (rc == HM_OK && s.len > 0) {
		const uint8_t *tab = memchr(s.ptr, '\t', s.len);
		size_t n = tab ? (size_t)(tab - s.ptr) : s.len;

		rc = hm_escape_add(b, hm_slice(s.ptr, n), err);
		if (rc == HM_OK && tab)
			rc = hm_buf_add(b, "\t", 1, err);
		n += tab ? 1 : 0;
		s.ptr += n;
		s.len -= n;
	}
	return rc;
}

const char *hm_escape(struct hm_slice s, char *out, size_t out_size)
{
	size_t at = 0;

	HM_BUG_ON(out_size < 8);
	while (s.len > 0) {
		size_t n = printable(s), width = n > 0 ? n : 4;

		/* Keep room for "..." and the NUL. */
		if (at + width + 4 > out_size) {
			memcpy(out + at, "...", 3);
			at += 3;
			break;
		}
		if (n > 0)
			memcpy(out + at, s.ptr, n);
		else
			(void)snprintf(out + at, 5, "\\x%02x", s.ptr[0]);
		at += width;
		n = n > 0 ? n : 1;
		s.ptr += n;
		s.len -= n;
	}
	out[at] = 0;
	return out;
}
