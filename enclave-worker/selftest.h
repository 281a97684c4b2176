/*
 * The sandbox proves itself from the inside: a static program that we carry
 * tries every door under the configuration that the build will have. What it is
 * and what it must say.
 */
#pragma once

#include "lib/process.h"

/* The probe's bytes (an ELF file). */
struct hm_slice hm_selftest_probe(void);
/*
 * HM_E_POLICY naming every door that was open, or when the probe did not say
 * exactly what it says when all are closed.
 */
int hm_selftest_judge(struct hm_slice said, const struct hm_exit *status,
		      struct hm_err *err) HM_MUST_CHECK;
