/*
 * One table for the command line, the environment and --help, so that the three
 * cannot differ. What is read here is only stored; config.c judges it.
 */
#include "runner-hook/config_options.h"

#include <ctype.h>
#include <stdio.h>

#include "lib/buildspec.h"
#include "lib/log.h"
#include "lib/num.h"

#define ENV_PREFIX "HALLMARK_"

struct hm_host_options hm_host_options(struct hm_host_config *c, struct hm_host_raw *r)
{
	return (struct hm_host_options){.at = {
		{"config", 0, HM_CLI_STRING, "PATH",
		 "what to build, below the source root (build.json)",
		 &c->config_path, 0, 0},
		{"output", 'o', HM_CLI_STRING, "FILE",
		 "release tar to write (release.tar)",
		 &c->output, 0, 0},
		{"enclave", 0, HM_CLI_STRING, "KIND",
		 "local, qemu or nitro\n"
		 "(nitro where /dev/nitro_enclaves exists, else local)",
		 &c->enclave, 0, 0},
		{"eif", 0, HM_CLI_STRING, "FILE",
		 "enclave image, for qemu and nitro",
		 &c->eif, 0, 0},
		{"worker", 0, HM_CLI_STRING, "FILE",
		 "enclave-worker program, for local",
		 &c->worker, 0, 0},
		{"ref", 0, HM_CLI_STRING, "REV",
		 "branch, tag or revision to build (HEAD)",
		 &r->ref, 0, 0},
		{"commit", 0, HM_CLI_STRING, "ID",
		 "full id of the commit to build",
		 &r->commit, 0, 0},
		{"repository", 0, HM_CLI_STRING, "URL",
		 "name to record (URL of the remote \"origin\")",
		 &c->repository, 0, 0},
		{"timeout-minutes", 0, HM_CLI_U64, "N",
		 "end the build after N minutes",
		 &c->timeout_minutes, 1, HM_TIMEOUT_MINUTES_MAX},
		{"memory-mib", 0, HM_CLI_U64, "N",
		 "memory of the build",
		 &c->memory_mib, HM_MEMORY_MIB_MIN, HM_MEMORY_MIB_MAX},
		{"cpus", 0, HM_CLI_U64, "N",
		 "processors of the build",
		 &c->cpus, 1, HM_CPUS_MAX},
		{"nonce", 0, HM_CLI_STRING, "HEX",
		 "bytes that the attestation must repeat",
		 &r->nonce, 0, 0},
		{"toolchain", 0, HM_CLI_LIST, "DIR",
		 "show DIR to the build, read-only (repeatable)",
		 &c->toolchains, 0, 0},
		{"runtime", 0, HM_CLI_STRING, "NAME",
		 "sandbox: crun, runc or runsc (crun)",
		 &c->runtime, 0, 0},
		{"network", 0, HM_CLI_STRING, "none",
		 "no network, whatever build.json says",
		 &c->network, 0, 0},
		{"allow-private-egress", 0, HM_CLI_LIST, "HOST:PORT",
		 "let the build reach this private address\n"
		 "(repeatable)",
		 &c->allow_private, 0, 0},
		{"dev-root", 0, HM_CLI_STRING, "DIR",
		 "where the development root is kept\n"
		 "(~/.config/hallmark/dev-root)",
		 &c->dev_root, 0, 0},
		{"log", 0, HM_CLI_LIST, "DIR",
		 "log the release in this log (see hallmark-log(1);\n"
		 "repeatable); a log that cannot be reached is tried later",
		 &c->logs, 0, 0},
		{"log-public", 0, HM_CLI_FLAG, NULL,
		 "also publish the evidence in the log, for monitors:\n"
		 "it names repository, commit and files",
		 &c->log_public, 0, 0},
		{"quiet", 'q', HM_CLI_FLAG, NULL,
		 "say nothing but errors",
		 &c->quiet, 0, 0},
		{"verbose", 'v', HM_CLI_FLAG, NULL,
		 "say more",
		 &c->verbose, 0, 0},
		{"json", 0, HM_CLI_FLAG, NULL,
		 "print the result as JSON on stdout",
		 &c->json, 0, 0},
		{"help", 'h', HM_CLI_FLAG, NULL,
		 "show this help",
		 &r->help, 0, 0},
	}};
}

void hm_host_options_print(void)
{
	struct hm_host_config c = {0};
	struct hm_host_raw r = {0};
	struct hm_host_options options = hm_host_options(&c, &r);

	(void)printf(
		"Usage: runner-hook build [OPTIONS] [DIR]\n\n"
		"Builds the commit of the repository at DIR (here) in an enclave, as its\n"
		"build.json says, and writes the outputs with their attestation to a tar.\n\n");
	hm_cli_print_options(options.at, HM_HOST_OPTIONS);
	(void)printf(
		"\nAn option that is not given is taken from the variable HALLMARK_<OPTION>,\n"
		"e.g. HALLMARK_TIMEOUT_MINUTES=30. See runner-hook(1).\n");
}

const char *hm_host_env(const char *const *envp, const char *name)
{
	size_t n = strlen(name);

	for (; envp && *envp; envp++)
		if (strncmp(*envp, name, n) == 0 && (*envp)[n] == '=')
			return (*envp)[n + 1] != '\0' ? *envp + n + 1 : NULL;
	return NULL;
}

static bool is_given(const struct hm_cli_option *o)
{
	switch (o->kind) {
	case HM_CLI_FLAG:
		return *(const bool *)o->dest;
	case HM_CLI_STRING:
		return *(const char *const *)o->dest != NULL;
	case HM_CLI_U64:
		return *(const uint64_t *)o->dest != 0;
	case HM_CLI_LIST:
		return ((const struct hm_cli_list *)o->dest)->count > 0;
	}
	hm_bug(__FILE__, __LINE__, "an option of no kind");
}

static int env_flag(const char *name, const char *value, bool *ret,
		    struct hm_err *err)
{
	if (strcmp(value, "true") == 0 || strcmp(value, "1") == 0)
		*ret = true;
	else if (strcmp(value, "false") != 0 && strcmp(value, "0") != 0)
		return hm_fail(err, HM_E_USAGE, 0,
			       "%s=%s: must be true or false", name,
			       HM_ESC(hm_slice_str(value)));
	return HM_OK;
}

int hm_host_config_own(struct hm_host_config *c, char *s, struct hm_err *err)
{
	if (!s)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "options");
	HM_BUG_ON(c->owned_count == HM_ARRAY_LEN(c->owned));
	c->owned[c->owned_count++] = s;
	return HM_OK;
}

/* One item per line; blank lines do not count. */
static int env_list(struct hm_host_config *c, const char *name,
		    const char *value, struct hm_cli_list *list,
		    struct hm_err *err)
{
	char *copy = strdup(value);
	int rc = hm_host_config_own(c, copy, err);

	while (rc == HM_OK && *copy) {
		size_t n = strcspn(copy, "\n");
		bool last = copy[n] == '\0';

		copy[n] = '\0';
		if (n > 0 && list->count == HM_CLI_LIST_MAX)
			return hm_fail(err, HM_E_USAGE, 0, "%s: more than %d lines",
				       name, HM_CLI_LIST_MAX);
		if (n > 0)
			list->items[list->count++] = copy;
		copy += n + !last;
	}
	return rc;
}

static int env_apply(struct hm_host_config *c, const struct hm_cli_option *o,
		     const char *name, const char *value, struct hm_err *err)
{
	uint64_t n = 0;

	switch (o->kind) {
	case HM_CLI_FLAG:
		return env_flag(name, value, o->dest, err);
	case HM_CLI_STRING:
		*(const char **)o->dest = value;
		return HM_OK;
	case HM_CLI_U64:
		if (!hm_parse_u64(hm_slice_str(value), o->max, &n) || n < o->min)
			return hm_fail(err, HM_E_USAGE, 0,
				       "%s=%s: not a number from %llu to %llu",
				       name, HM_ESC(hm_slice_str(value)),
				       (unsigned long long)o->min,
				       (unsigned long long)o->max);
		*(uint64_t *)o->dest = n;
		return HM_OK;
	case HM_CLI_LIST:
		return env_list(c, name, value, o->dest, err);
	}
	hm_bug(__FILE__, __LINE__, "an option of no kind");
}

static void env_name(const struct hm_cli_option *o, char *out, size_t size)
{
	(void)snprintf(out, size, ENV_PREFIX "%s", o->name);
	for (char *p = out; *p; p++)
		*p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
}

/* Options of which the command line's choice of one settles the other. */
static bool is_settled(const struct hm_host_config *c,
		       const struct hm_host_raw *r, const void *dest)
{
	if (dest == &c->quiet || dest == &c->verbose)
		return c->quiet || c->verbose;
	return dest == &r->commit && r->ref;
}

int hm_host_options_env(struct hm_host_config *c, struct hm_host_raw *r,
			struct hm_host_options *options,
			const char *const *envp, struct hm_err *err)
{
	bool settled[HM_HOST_OPTIONS];

	for (size_t i = 0; i < HM_HOST_OPTIONS; i++)
		settled[i] = is_given(&options->at[i]) ||
			     is_settled(c, r, options->at[i].dest) ||
			     options->at[i].dest == &r->help;
	for (size_t i = 0; i < HM_HOST_OPTIONS; i++) {
		const struct hm_cli_option *o = &options->at[i];
		const char *value;
		char name[64];
		int rc;

		env_name(o, name, sizeof(name));
		value = hm_host_env(envp, name);
		if (settled[i] || !value)
			continue;
		options->from_env[i] = true;
		rc = env_apply(c, o, name, value, err);
		if (rc < 0)
			return rc;
	}
	return HM_OK;
}

bool hm_host_option_from_env(const struct hm_host_options *options,
			     const void *dest)
{
	for (size_t i = 0; i < HM_HOST_OPTIONS; i++)
		if (options->at[i].dest == dest)
			return options->from_env[i];
	hm_bug(__FILE__, __LINE__, "no such option");
}

int hm_host_option_refuse(const struct hm_host_options *options,
			  const void *dest, const char *value,
			  const char *problem, struct hm_err *err)
{
	for (size_t i = 0; i < HM_HOST_OPTIONS; i++) {
		const struct hm_cli_option *o = &options->at[i];
		const char *shown = HM_ESC(hm_slice_str(value));
		char name[64];

		if (o->dest != dest)
			continue;
		env_name(o, name, sizeof(name));
		if (options->from_env[i])
			return hm_fail(err, HM_E_USAGE, 0, "%s=%s: %s", name,
				       shown, problem);
		return hm_fail(err, HM_E_USAGE, 0, "--%s %s: %s", o->name,
			       shown, problem);
	}
	hm_bug(__FILE__, __LINE__, "no such option");
}
