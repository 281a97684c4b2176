/*
 * The option table of `runner-hook build` and its first two sources, command
 * line and environment. Private to config.c and config_options.c.
 */
#pragma once

#include "runner-hook/config.h"

/* Destinations that are not the configuration's own fields. */
struct hm_host_raw {
	const char *ref;
	const char *commit;
	const char *nonce;
	bool help;
};

#define HM_HOST_OPTIONS 23
struct hm_host_options {
	struct hm_cli_option at[HM_HOST_OPTIONS];
	bool from_env[HM_HOST_OPTIONS];
};

/* `runner-hook build --help`, on stdout. */
void hm_host_options_print(void);
/* The table, with destinations in *c and *r, which must outlive it. */
struct hm_host_options hm_host_options(struct hm_host_config *c,
				       struct hm_host_raw *r);
/* NULL when unset or empty: a workflow passes "" for an input not given. */
const char *hm_host_env(const char *const *envp, const char *name);
/* Fills what the command line left open from HALLMARK_*. */
int hm_host_options_env(struct hm_host_config *c, struct hm_host_raw *r,
			struct hm_host_options *options,
			const char *const *envp, struct hm_err *err) HM_MUST_CHECK;
bool hm_host_option_from_env(const struct hm_host_options *options,
			     const void *dest);
/* "--ref X: problem", or "HALLMARK_REF=X: problem" when it came from there. */
int hm_host_option_refuse(const struct hm_host_options *options,
			  const void *dest, const char *value,
			  const char *problem, struct hm_err *err);
/* Takes s (NULL = no memory) and frees it with c. */
int hm_host_config_own(struct hm_host_config *c, char *s, struct hm_err *err);
