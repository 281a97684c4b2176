/*
 * Command lines, table driven. Long options first-class ("--name VALUE" and
 * "--name=VALUE"), single letters only where the table gives one; an option
 * given twice is an error unless it is a list; numbers are strict with a range.
 */
#pragma once

#include "lib/buf.h"

enum hm_cli_kind {
	HM_CLI_FLAG,	/* dest: bool * */
	HM_CLI_STRING,	/* dest: const char ** */
	HM_CLI_U64,	/* dest: uint64_t *, within min..max */
	HM_CLI_LIST,	/* dest: struct hm_cli_list * */
};

/* Enough for any sane command line; more is an error that says so. */
#define HM_CLI_LIST_MAX 64

struct hm_cli_list {
	const char *items[HM_CLI_LIST_MAX];
	size_t count;
};

struct hm_cli_option {
	const char *name;	/* without "--" */
	char letter;		/* 0 = none */
	enum hm_cli_kind kind;
	const char *arg;	/* name of the value in --help; NULL for flags */
	const char *help;	/* one line, or several separated by \n */
	void *dest;
	uint64_t min, max;	/* HM_CLI_U64 only */
};

/*
 * Fills the destinations and compacts the operands into argv[0..*ret_count-1]
 * (options may stand among operands; "--" ends them). HM_E_USAGE on failure.
 */
int hm_cli_parse(const struct hm_cli_option *opts, size_t count, int argc,
		 char **argv, size_t *ret_count, struct hm_err *err) HM_MUST_CHECK;
/* The option part of --help, on stdout. */
void hm_cli_print_options(const struct hm_cli_option *opts, size_t count);
