/*
 * Progress and the live log. The log is hostile text: the worker made it
 * harmless already, and is not believed. On a runner everything between
 * ::stop-commands::TOKEN and ::TOKEN:: is data, and the token is random, so no
 * line of a build can be a command (facts of actions/runner: ActionCommand.cs).
 */
#include "progress.h"

#include <stdio.h>
#include <sys/random.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "lib/log.h"

#define BAR_MS 100

struct hm_progress {
	enum hm_verbosity verbosity;
	bool on_runner;
	bool terminal;
	bool bar_shown;
	bool in_step;
	bool stopped;	/* runner commands are off: inside the log */
	char token[33];
	int64_t step_at_ms;
	int64_t bar_at_ms;
	const char *title;
};

struct hm_progress *hm_progress_new(enum hm_verbosity verbosity, bool on_runner)
{
	struct hm_progress *p = calloc(1, sizeof(*p));
	uint8_t random[16];

	if (!p)
		return NULL;
	/* Without randomness there is no safe token: then no live log either. */
	if (getrandom(random, sizeof(random), 0) == (ssize_t)sizeof(random))
		hm_hex(random, sizeof(random), p->token);
	p->verbosity = verbosity;
	p->on_runner = on_runner;
	p->terminal = !on_runner && isatty(STDERR_FILENO) == 1;
	return p;
}

static void bar_clear(struct hm_progress *p)
{
	if (p->bar_shown)
		(void)fputs("\r\033[K", stderr);
	p->bar_shown = false;
}

static void log_leave(struct hm_progress *p)
{
	if (p->stopped)
		(void)fprintf(stderr, "::%s::\n", p->token);
	p->stopped = false;
}

static void step_end(struct hm_progress *p)
{
	if (!p->in_step)
		return;
	bar_clear(p);
	log_leave(p);
	if (p->verbosity == HM_VERBOSE)
		(void)fprintf(stderr, "  %s: %lld ms\n", p->title,
			      (long long)(hm_now_ms() - p->step_at_ms));
	if (p->on_runner)
		(void)fputs("::endgroup::\n", stderr);
	p->in_step = false;
}

void hm_progress_free(struct hm_progress *p)
{
	if (!p)
		return;
	step_end(p);
	free(p);
}

void hm_progress_step(struct hm_progress *p, const char *title)
{
	step_end(p);
	p->title = title;
	p->step_at_ms = hm_now_ms();
	p->in_step = true;
	if (p->verbosity == HM_QUIET)
		return;
	if (p->on_runner)
		(void)fprintf(stderr, "::group::%s\n", title);
	else if (!p->terminal)
		(void)fprintf(stderr, "%s\n", title);
}

static void human_bytes(uint64_t n, char *out, size_t size)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	size_t u = 0;
	double v = (double)n;

	while (v >= 1024 && u + 1 < HM_ARRAY_LEN(units)) {
		v /= 1024;
		u++;
	}
	(void)snprintf(out, size, u == 0 ? "%.0f %s" : "%.1f %s", v, units[u]);
}

void hm_progress_update(struct hm_progress *p, uint64_t done, uint64_t total,
			const char *unit)
{
	int64_t now = hm_now_ms(), spent = now - p->step_at_ms;
	bool bytes = strcmp(unit, "bytes") == 0;
	char amount[32], rate[48] = "";

	if (!p->terminal || p->verbosity == HM_QUIET ||
	    now - p->bar_at_ms < BAR_MS)
		return;
	p->bar_at_ms = now;
	if (bytes)
		human_bytes(done, amount, sizeof(amount));
	else
		(void)snprintf(amount, sizeof(amount), "%llu %.12s",
			       (unsigned long long)done, unit);
	if (bytes && spent > 0) {
		char per_second[32];

		human_bytes(done * 1000 / (uint64_t)spent, per_second,
			    sizeof(per_second));
		(void)snprintf(rate, sizeof(rate), "  %s/s", per_second);
	}
	(void)fprintf(stderr, "\r\033[K%s  %s%s", p->title, amount, rate);
	if (total > 0 && done <= total) {
		int filled = (int)(done * 20 / total);

		(void)fprintf(stderr, "  [%.*s%.*s] %3d%%", filled,
			      "####################", 20 - filled,
			      "                    ", (int)(done * 100 / total));
	}
	(void)fflush(stderr);
	p->bar_shown = true;
}

static void say(struct hm_progress *p, const char *before, struct hm_slice text)
{
	AUTO_BUF struct hm_buf safe;
	const char *s = "";

	hm_buf_init(&safe, 65536);
	if (hm_escape_add(&safe, text, NULL) < 0 ||
	    hm_buf_cstr(&safe, &s, NULL) < 0)
		s = "(a line that is too long)";
	bar_clear(p);
	log_leave(p);
	(void)fprintf(stderr, "%s%s\n", before, s);
}

void hm_progress_result(struct hm_progress *p, struct hm_slice text)
{
	if (p->verbosity == HM_QUIET || text.len == 0)
		return;
	/* A terminal shows the step and its result as one line. */
	if (p->terminal) {
		bar_clear(p);
		(void)fprintf(stderr, "%s: ", p->title);
		say(p, "", text);
	} else {
		/* The dash: after blanks alone a runner would read "::". */
		say(p, "  - ", text);
	}
}

void hm_progress_notice(struct hm_progress *p, struct hm_slice text)
{
	char line[HM_ERR_MSG_MAX];

	if (p->verbosity == HM_QUIET)
		return;
	if (!p->on_runner) {
		say(p, "  note: ", text);
		return;
	}
	/* Data of a workflow command: only '%', CR and LF need care. */
	(void)hm_escape(text, line, sizeof(line));
	log_leave(p);
	(void)fputs("::warning title=hallmark::", stderr);
	for (const char *c = line; *c; c++) {
		if (*c == '%')
			(void)fputs("%25", stderr);
		else
			(void)fputc(*c, stderr);
	}
	(void)fputc('\n', stderr);
}

/* The worker's longest line, every byte of it escaped once more. */
#define LINE_MAX_BYTES (4U * 4U * 8192U + 64U)

static void log_line(struct hm_slice line)
{
	AUTO_BUF struct hm_buf safe;

	hm_buf_init(&safe, LINE_MAX_BYTES);
	if (hm_escape_line_add(&safe, line, NULL) < 0)
		return;
	(void)fprintf(stderr, "  | %.*s\n", (int)safe.len,
		      (const char *)safe.data);
}

void hm_progress_log(struct hm_progress *p, bool is_stderr, struct hm_slice lines)
{
	(void)is_stderr;
	if (p->verbosity == HM_QUIET || (p->on_runner && p->token[0] == 0))
		return;
	bar_clear(p);
	if (p->on_runner && !p->stopped) {
		(void)fprintf(stderr, "::stop-commands::%s\n", p->token);
		p->stopped = true;
	}
	while (lines.len > 0) {
		const uint8_t *end = memchr(lines.ptr, '\n', lines.len);
		size_t n = end ? (size_t)(end - lines.ptr) : lines.len;

		log_line(hm_slice(lines.ptr, n));
		n += end ? 1 : 0;
		lines.ptr += n;
		lines.len -= n;
	}
}
