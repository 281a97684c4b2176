/*
 * What the checks of one verification share: verify.c runs them in order,
 * check_*.c hold them. A check ends with hm_proved() or hm_not_asked() and
 * HM_OK, or with hm_refuse() / hm_refused() and their return value.
 */
#pragma once

#include "verifier/verify.h"

struct hm_case {
	const struct hm_intake *in;
	const struct hm_expect *want;
	struct hm_verdict *v;
	struct hm_check *now;	/* the one being made */
};

void hm_proved(struct hm_case *c, const char *fmt, ...) HM_PRINTF(2, 3);
void hm_not_asked(struct hm_case *c, const char *fmt, ...) HM_PRINTF(2, 3);
/* Refuses with this reason and sentence. */
int hm_refuse(struct hm_case *c, enum hm_reason why, struct hm_err *err,
	      const char *fmt, ...) HM_PRINTF(4, 5);
/*
 * A lib function said no: a refusal if it was about the bytes; memory and system
 * errors stay errors.
 */
int hm_refused(struct hm_case *c, enum hm_reason why, int rc,
	       struct hm_err *err);

/* What the image is, or that nobody knows it. */
int hm_check_image(struct hm_case *c, struct hm_err *err) HM_MUST_CHECK;
/* The rest needs S, and comes after its signature and binding. */
int hm_check_latch(struct hm_case *c, struct hm_err *err) HM_MUST_CHECK;
int hm_check_files(struct hm_case *c, struct hm_err *err) HM_MUST_CHECK;
int hm_check_nonce(struct hm_case *c, struct hm_err *err) HM_MUST_CHECK;
int hm_check_time(struct hm_case *c, struct hm_err *err) HM_MUST_CHECK;
int hm_check_source(struct hm_case *c, struct hm_err *err) HM_MUST_CHECK;
int hm_check_environment(struct hm_case *c, struct hm_err *err) HM_MUST_CHECK;
int hm_check_log(struct hm_case *c, struct hm_err *err) HM_MUST_CHECK;
int hm_check_votes(struct hm_case *c, struct hm_err *err) HM_MUST_CHECK;
int hm_check_policy(struct hm_case *c, struct hm_err *err) HM_MUST_CHECK;
