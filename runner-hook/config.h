/*
 * What the operator wants of `runner-hook build [DIR]`: the command line over
 * HALLMARK_<OPTION> environment variables (action.yml passes its inputs so; an
 * empty one counts as not given, a list has one item per line) over GITHUB_*
 * over defaults. Parsed and validated here, acted on elsewhere. Strings are
 * borrowed from argv, the environment or this object.
 *
 * GITHUB_REPOSITORY, GITHUB_REF and GITHUB_SHA describe what the runner checked
 * out into GITHUB_WORKSPACE, so they count only when that directory is built.
 */
#pragma once

#include "lib/cli.h"

/* What the attestation document and the wire take, with room to spare. */
#define HM_NONCE_MIN 8
#define HM_NONCE_MAX 64

struct hm_host_config {
	const char *dir;		/* inside the repository; default "." */
	const char *config_path;	/* below the root; default "build.json" */
	const char *output;		/* default "release.tar" */
	const char *enclave;		/* "local", "qemu", "nitro" */
	const char *eif;		/* NULL = by language, from the store */
	const char *worker;		/* local: the program; never NULL then */
	const char *rev;		/* what to build; default "HEAD" */
	const char *ref;		/* full name, or NULL = derive from rev */
	const char *repository;		/* URL, or NULL = from origin */
	const char *runtime;		/* "crun" (default), "runc", "runsc" */
	const char *network;		/* "none" narrows; NULL = as build.json */
	const char *dev_root;		/* directory of the development root */
	const char *proxy;		/* operator's https_proxy; NULL = none */
	const char *no_proxy;
	uint64_t timeout_minutes;	/* 0 = build.json's, else the default */
	uint64_t memory_mib;
	uint64_t cpus;
	uint8_t nonce[HM_NONCE_MAX];
	size_t nonce_len;		/* 0 = none */
	struct hm_cli_list toolchains;		/* absolute directories */
	struct hm_cli_list allow_private;	/* "host:port" */
	struct hm_cli_list logs;		/* directories of logs of ours */
	bool log_public;		/* publish the evidence there, too */
	bool quiet;
	bool verbose;			/* also by RUNNER_DEBUG=1 */
	bool json;			/* result on stdout as JSON */
	bool on_runner;			/* GITHUB_ACTIONS=true */

	char *owned[8];			/* strings made here */
	size_t owned_count;
};
void hm_host_config_release(struct hm_host_config *c);
#define AUTO_HOST_CONFIG HM_CLEANUP(hm_host_config_release)

/* What is not in argv. */
struct hm_host_facts {
	const char *const *envp;
	const char *self_dir;	/* where runner-hook itself is; NULL = unknown */
	bool has_nitro;		/* /dev/nitro_enclaves exists */
};

/*
 * argv without the program and the word "build"; reordered. *ret_help: --help
 * was given and printed, nothing else is filled in. HM_E_USAGE names option or
 * variable.
 */
int hm_host_config_parse(int argc, char **argv, struct hm_host_config *ret_c,
			 bool *ret_help, struct hm_err *err) HM_MUST_CHECK;
/* The same with the facts given instead of looked up, and nothing printed. */
int hm_host_config_parse_with(int argc, char **argv,
			      const struct hm_host_facts *facts,
			      struct hm_host_config *ret_c, bool *ret_help,
			      struct hm_err *err) HM_MUST_CHECK;
