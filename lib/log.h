/*
 * Talk to people on stderr, one line per event, "prog: message". Text from
 * outside is escaped: no control byte, no terminal sequence, and on a CI runner
 * no line that the runner would take for a command.
 */
#pragma once

#include "lib/buf.h"

enum hm_log_level {
	HM_LOG_ERROR,	/* we failed */
	HM_LOG_WARN,	/* going on; says "ignoring" */
	HM_LOG_INFO,	/* milestones */
	HM_LOG_DEBUG,
};

/* prog must outlive the process; call once from main(). */
void hm_log_init(const char *prog, enum hm_log_level level);
void hm_log(enum hm_log_level level, const char *fmt, ...) HM_PRINTF(2, 3);

/*
 * Appends s with every byte that is not printable UTF-8 as \xNN (newline and
 * tab included), so that it is safe in one line of a terminal.
 */
int hm_escape_add(struct hm_buf *b, struct hm_slice s,
		  struct hm_err *err) HM_MUST_CHECK;
/* The same for a line of a log: tabs are harmless there and kept. */
int hm_escape_line_add(struct hm_buf *b, struct hm_slice s,
		       struct hm_err *err) HM_MUST_CHECK;
/* Fixed-size convenience for messages; cut with "..." when too long. */
const char *hm_escape(struct hm_slice s, char *out, size_t out_size);
#define HM_ESC_MAX 200
#define HM_ESC(s) hm_escape((s), (char[HM_ESC_MAX]){0}, HM_ESC_MAX)
