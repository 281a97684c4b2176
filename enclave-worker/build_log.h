/*
 * The build's output: split into lines, made harmless, capped, kept in a file
 * and sent to the host as it comes. A build may print anything (terminal escapes,
 * runner commands, 100 MB without a newline); what leaves here is printable
 * UTF-8 and newlines, in whole lines of bounded length.
 */
#pragma once

#include "lib/crypto.h"

/* GitHub shows a few MB of a log; a verbose kernel build is about 10 MB. */
#define HM_BUILD_LOG_MAX (32ULL << 20)
/* Longer lines are cut here, visibly. Link commands reach some KB. */
#define HM_BUILD_LOG_LINE_MAX 8192U

enum hm_stream {
	HM_STREAM_STDOUT,
	HM_STREAM_STDERR,
	HM_STREAM_COUNT,
};

/* Whole lines, newline included; sent while it is fresh. */
typedef int (*hm_build_log_sink_fn)(void *ctx, enum hm_stream stream,
				    struct hm_slice lines, struct hm_err *err);

struct hm_build_log;
/* file_fd is borrowed: an empty file opened for reading and writing. */
int hm_build_log_new(int file_fd, hm_build_log_sink_fn sink, void *ctx,
		     struct hm_build_log **ret_l, struct hm_err *err) HM_MUST_CHECK;
void hm_build_log_free(struct hm_build_log *l);
int hm_build_log_add(struct hm_build_log *l, enum hm_stream stream,
		     struct hm_slice bytes, struct hm_err *err) HM_MUST_CHECK;
/* A line of ours ("+ make"), marked as such. */
int hm_build_log_note(struct hm_build_log *l, const char *text,
		      struct hm_err *err) HM_MUST_CHECK;
/* Ends an unfinished last line of both streams. */
int hm_build_log_end(struct hm_build_log *l, struct hm_err *err) HM_MUST_CHECK;
/* SHA-256 and size of the file so far; call after _end(). */
int hm_build_log_digest(struct hm_build_log *l, uint8_t out[HM_SHA256_LEN],
			uint64_t *ret_size, struct hm_err *err) HM_MUST_CHECK;
