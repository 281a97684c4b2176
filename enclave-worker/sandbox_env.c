/*
 * Environment of the build. The fixed part makes equal inputs give equal
 * outputs: names, places, languages, seeds and time never come from the host.
 */
#include "enclave-worker/sandbox_env.h"

#include <stdio.h>

#include "enclave-worker/sandbox_root.h"
#include "lib/log.h"

#define EPOCH "SOURCE_DATE_EPOCH"

static const char *const fixed[] = {
	"HOME=" HM_SANDBOX_HOME,
	"USER=build",
	"LOGNAME=build",
	"SHELL=/bin/sh",
	"TERM=dumb",
	"LANG=C.UTF-8",
	"LC_ALL=C.UTF-8",
	"TZ=UTC",
	/* order of hash tables, which finds its way into outputs */
	"PYTHONHASHSEED=0",
	"PERL_HASH_SEED=0",
	/* build paths and partial results */
	"CARGO_INCREMENTAL=0",
	"GOFLAGS=-trimpath",
	/* caches: in the private home */
	"CARGO_HOME=" HM_SANDBOX_HOME "/.cargo",
	"GOPATH=" HM_SANDBOX_HOME "/go",
	"GOCACHE=" HM_SANDBOX_HOME "/.cache/go-build",
	"XDG_CACHE_HOME=" HM_SANDBOX_HOME "/.cache",
	"npm_config_cache=" HM_SANDBOX_HOME "/.npm",
	/* requests that are no part of a build */
	"npm_config_audit=false",
	"npm_config_fund=false",
	"npm_config_update_notifier=false",
	"PIP_DISABLE_PIP_VERSION_CHECK=1",
};

static size_t name_length(const char *pair)
{
	const char *equals = strchr(pair, '=');

	return equals ? (size_t)(equals - pair) : 0;
}

static int put(struct hm_sandbox_env *e, const char *pair, struct hm_err *err)
{
	size_t len = name_length(pair), i;
	char *copy;

	if (len == 0)
		return hm_fail(err, HM_E_POLICY, 0, "environment: '%s' is not NAME=value",
			       HM_ESC(hm_slice_str(pair)));
	for (i = 0; i < e->count; i++) {
		if (name_length(e->items[i]) == len && memcmp(e->items[i], pair, len) == 0)
			break;
	}
	if (i == HM_SANDBOX_ENV_MAX)
		return hm_fail(err, HM_E_TOO_LARGE, 0, "environment: more than %d variables",
			       HM_SANDBOX_ENV_MAX);
	copy = hm_slice_dup(hm_slice_str(pair));
	if (!copy)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "environment");
	free(e->items[i]);
	e->items[i] = copy;
	if (i == e->count)
		e->count++;
	return HM_OK;
}

int hm_sandbox_env_make(const char *path, int64_t source_date_epoch,
			const char *const *added, struct hm_sandbox_env *ret_env,
			struct hm_err *err)
{
	struct hm_sandbox_env e = {0};
	char epoch[48];
	int rc = put(&e, path, err);

	for (size_t i = 0; rc == HM_OK && i < HM_ARRAY_LEN(fixed); i++)
		rc = put(&e, fixed[i], err);
	(void)snprintf(epoch, sizeof(epoch), EPOCH "=%lld", (long long)source_date_epoch);
	if (rc == HM_OK)
		rc = put(&e, epoch, err);
	for (size_t i = 0; rc == HM_OK && added && added[i]; i++) {
		if (strncmp(added[i], EPOCH "=", strlen(EPOCH "=")) == 0)
			rc = hm_fail(err, HM_E_POLICY, 0,
				     "environment: " EPOCH " is the commit's time and can't be set");
		else
			rc = put(&e, added[i], err);
	}
	if (rc != HM_OK) {
		hm_sandbox_env_release(&e);
		return rc;
	}
	*ret_env = e;
	return HM_OK;
}

void hm_sandbox_env_release(struct hm_sandbox_env *e)
{
	for (size_t i = 0; i < e->count; i++)
		free(e->items[i]);
	*e = (struct hm_sandbox_env){0};
}
