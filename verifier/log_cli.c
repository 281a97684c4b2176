/*
 * `hallmark log`: the table of verbs, and what they share. None of them needs a
 * network: they work on directories and files.
 */
#include "verifier/log_cli.h"

#include <fcntl.h>
#include <stdio.h>

#include "lib/log.h"
#include "lib/path.h"
#include "verifier/commands.h"

#define VKEY_FILE_MAX 4096

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *about;
} verbs[] = {
	{"init", hm_log_cmd_init, "make an empty log in a directory"},
	{"append", hm_log_cmd_append,
	 "add bundles or files; put the proof into the bundles"},
	{"prove", hm_log_cmd_prove, "write the proof of one entry"},
	{"check", hm_log_cmd_check,
	 "audit a whole log, and compare it with an older checkpoint"},
	{"trusted-root", hm_log_cmd_trusted_root,
	 "what other tools need to trust a log"},
	{"verify-bundle", hm_log_cmd_verify_bundle,
	 "check a bundle's signature and log evidence offline"},
	{"verify-proof", hm_log_cmd_verify_proof,
	 "check a .tlog-proof offline"},
};

static int usage(void)
{
	printf("Usage: hallmark log VERB [OPTIONS] ...\n\n"
	       "Keeps a transparency log (C2SP tlog-tiles) and checks what logs "
	       "prove.\n\n");
	for (size_t i = 0; i < HM_ARRAY_LEN(verbs); i++)
		printf("  %-14s %s\n", verbs[i].name, verbs[i].about);
	printf("\nhallmark log VERB --help says more.\n");
	return fflush(stdout) == 0 ? 0 : 3;
}

int hm_cmd_log(int argc, char **argv)
{
	const char *name = argc > 0 ? argv[0] : NULL;

	if (name && (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0))
		return usage();
	if (!name) {
		hm_log(HM_LOG_ERROR, "log: name a verb; see hallmark log --help");
		return 2;
	}
	for (size_t i = 0; i < HM_ARRAY_LEN(verbs); i++) {
		if (strcmp(name, verbs[i].name) == 0)
			return verbs[i].run(argc - 1, argv + 1);
	}
	hm_log(HM_LOG_ERROR, "log: there is no verb '%s'; see hallmark log --help",
	       HM_ESC(hm_slice_str(name)));
	return 2;
}

int hm_log_args(const char *help, const struct hm_cli_option *options,
		size_t count, const bool *help_flag, int argc, char **argv,
		size_t from, size_t to, size_t *ret_operands,
		struct hm_err *err)
{
	size_t n = 0;
	int rc = hm_cli_parse(options, count, argc, argv, &n, err);

	if (rc != HM_OK)
		return rc;
	*ret_operands = n;
	if (*help_flag)
		return hm_cmd_help(help, options, count) == 0 ? HM_OK :
		       hm_fail(err, HM_E_SYSTEM, 0,
			       "standard output is not writable");
	if (n < from)
		return hm_fail(err, HM_E_USAGE, 0, "an operand is missing");
	if (n > to)
		return hm_fail(err, HM_E_USAGE, 0, "unexpected operand '%s'",
			       HM_ESC(hm_slice_str(argv[to])));
	return HM_OK;
}

int hm_log_read_vkey(const char *text_or_file, struct hm_log_keys *keys,
		     struct hm_err *err)
{
	AUTO_BUF struct hm_buf file;
	int rc;

	/* A verifier key has two '+' and no '/' in its name. */
	if (hm_log_keys_add_vkey(keys, hm_slice_str(text_or_file), err) ==
	    HM_OK)
		return HM_OK;
	if (strchr(text_or_file, '+') &&
	    faccessat(AT_FDCWD, text_or_file, F_OK, 0) < 0)
		return err->code;
	hm_buf_init(&file, VKEY_FILE_MAX);
	rc = hm_file_read_user(text_or_file, &file, err);
	if (rc == HM_OK)
		rc = hm_log_keys_add_vkey(keys, hm_buf_slice(&file), err);
	return rc == HM_OK ? rc : hm_err_prefix(err, "'%s'",
						HM_ESC(hm_slice_str(text_or_file)));
}

int hm_log_find_vkey(const char *dir, const char *log_key,
		     struct hm_log_keys *keys, struct hm_err *err)
{
	AUTO_FREE char *path = NULL;

	if (log_key)
		return hm_log_read_vkey(log_key, keys, err);
	if (asprintf(&path, "%s/log.vkey", dir) < 0) {
		path = NULL;
		return hm_fail(err, HM_E_NOMEM, 0, "log key");
	}
	if (faccessat(AT_FDCWD, path, F_OK, 0) < 0)
		return hm_fail(err, HM_E_USAGE, 0,
			       "'%s' does not hold the log's key: give --log-key",
			       HM_ESC(hm_slice_str(dir)));
	return hm_log_read_vkey(path, keys, err);
}
