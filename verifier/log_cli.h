/*
 * `hallmark log`: a transparency log of one's own, and checking the log evidence
 * of any bundle. Each verb gets argv without the verb and returns the exit
 * status.
 */
#pragma once

#include "lib/cli.h"
#include "lib/trusted_root.h"

int hm_log_cmd_init(int argc, char **argv);
int hm_log_cmd_append(int argc, char **argv);
int hm_log_cmd_prove(int argc, char **argv);
int hm_log_cmd_check(int argc, char **argv);
int hm_log_cmd_trusted_root(int argc, char **argv);
int hm_log_cmd_verify_bundle(int argc, char **argv);
int hm_log_cmd_verify_proof(int argc, char **argv);

/*
 * Parses, and answers --help: *ret_help is then true and nothing else is to be
 * done. operands: how many there must be, from..to.
 */
int hm_log_args(const char *help, const struct hm_cli_option *options,
		size_t count, const bool *help_flag, int argc, char **argv,
		size_t from, size_t to, size_t *ret_operands,
		struct hm_err *err) HM_MUST_CHECK;
/* A verifier key as text, or the file that holds one. */
int hm_log_read_vkey(const char *text_or_file, struct hm_log_keys *keys,
		     struct hm_err *err) HM_MUST_CHECK;
/* The key of --log-key, else of DIR/log.vkey. */
int hm_log_find_vkey(const char *dir, const char *log_key,
		     struct hm_log_keys *keys, struct hm_err *err) HM_MUST_CHECK;
