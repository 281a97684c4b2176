/*
 * The last words of a build: what was built, the tar and its digest, and the
 * command that verifies it, for people; JSON for machines; on a GitHub runner
 * step outputs and annotations.
 */
#pragma once

#include "lib/err.h"

struct hm_host;
int hm_summary_write(const struct hm_host *h, struct hm_err *err) HM_MUST_CHECK;
/* `::error file=...,line=...::message`, escaped as the runner wants it. */
void hm_summary_annotate(const char *file, unsigned int line, const char *text);
