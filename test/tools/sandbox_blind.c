/*
 * sandbox_open with a self-test that believes everything: the control of the
 * escape programs, which must find the doors that are open then.
 */
#include "enclave-worker/selftest.h"

#include "test/tools/sandbox_open.c"

int hm_selftest_judge(struct hm_slice said, const struct hm_exit *status, struct hm_err *err)
{
	(void)said;
	(void)status;
	(void)err;
	return HM_OK;
}
