/*
 * The subcommands of `hallmark`. Each gets argv without its own name and returns
 * the exit status; each prints, which nothing below this level does.
 */
#pragma once

#include "lib/buf.h"
#include "lib/cli.h"

int hm_cmd_verify(int argc, char **argv);
int hm_cmd_verify_document(int argc, char **argv);
int hm_cmd_inspect(int argc, char **argv);
/* verifier/log_cli.c; its verbs are in log_cli.h */
int hm_cmd_log(int argc, char **argv);

/* One line on stderr; the exit status that belongs to the error. */
int hm_cmd_fail(const char *command, const struct hm_err *err);
/* Everything to stdout; a full disk is an error, never a silent success. */
int hm_cmd_print(struct hm_slice text, struct hm_err *err) HM_MUST_CHECK;
/* Writes a file that the user named, whole or not at all. */
int hm_cmd_write_file(const char *path, struct hm_slice data,
		      struct hm_err *err) HM_MUST_CHECK;
/* Usage line, text and options on stdout. */
int hm_cmd_help(const char *text, const struct hm_cli_option *options,
		size_t count);
