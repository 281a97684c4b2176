/*
 * The build's environment: fixed names of ours, then what the caller adds. No
 * variable of the host gets in.
 */
#pragma once

#include "lib/buf.h"

/* build.json may add 64, the network some 20; ours are about 25. */
#define HM_SANDBOX_ENV_MAX 256

struct hm_sandbox_env {
	char *items[HM_SANDBOX_ENV_MAX + 1];	/* "K=V", owned, NULL-ended */
	size_t count;
};

/*
 * path: "PATH=..."; added: NULL-ended or NULL. An added name replaces ours, save
 * SOURCE_DATE_EPOCH: it is the commit's time, which S vouches for (HM_E_POLICY).
 */
int hm_sandbox_env_make(const char *path, int64_t source_date_epoch,
			const char *const *added, struct hm_sandbox_env *ret_env,
			struct hm_err *err) HM_MUST_CHECK;
void hm_sandbox_env_release(struct hm_sandbox_env *e);
