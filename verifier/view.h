/*
 * A verdict in words and in JSON. Whatever came from outside is escaped here,
 * once, for the medium: a terminal, JSON, HTML. Functions append to a buffer;
 * printing is the program's business.
 */
#pragma once

#include "verifier/verify.h"

/* 100,000 subjects of a few hundred bytes each. */
#define HM_REPORT_MAX (64U << 20)

struct hm_view {
	const struct hm_intake *in;
	const struct hm_expect *want;
	const struct hm_verdict *v;
};

/* "`hello` was built from github.com/o/r at 1a2b... on 3 May 2026 by ..." */
int hm_view_sentence(const struct hm_view *r, struct hm_buf *b,
		       struct hm_err *err) HM_MUST_CHECK;
/* Criteria, a line per check, the sentence, and PASSED or FAILED last. */
int hm_view_text(const struct hm_view *r, struct hm_buf *b,
		   struct hm_err *err) HM_MUST_CHECK;
int hm_view_json(const struct hm_view *r, struct hm_buf *b,
		   struct hm_err *err) HM_MUST_CHECK;
/* What is there, verified or not, as a tree for people. */
int hm_inspect_text(const struct hm_view *r, struct hm_buf *b,
		    struct hm_err *err) HM_MUST_CHECK;
/* One page that needs nothing else: no script, no font, no network. */
int hm_view_html(const struct hm_view *r, struct hm_buf *b,
		   struct hm_err *err) HM_MUST_CHECK;

/*
 * What every document of a debug enclave shows: PCR0, PCR1 and PCR2 all zero.
 * (hm_nitro_is_debug(), which verify asks, refuses any one of them.)
 */
bool hm_document_is_debug(const struct hm_nitro_document *doc);
/* The fields of a document, in hex; the caller frees. */
struct hm_json *hm_document_json(const struct hm_nitro_document *doc);

/* SLSA verification summary of this verdict, as an in-toto statement. */
int hm_vsa_write(const struct hm_view *r, struct hm_buf *json,
		 struct hm_err *err) HM_MUST_CHECK;

/* What a PCR measures, in two or three words; "" when nobody assigned it. */
const char *hm_pcr_name(size_t index);
/* The files that the verdict is about: those asked for, else the tar's. */
const struct hm_artifacts *hm_view_files(const struct hm_view *r);
/* True once the chain was checked and ends at a development root. */
bool hm_view_no_hardware(const struct hm_view *r);
