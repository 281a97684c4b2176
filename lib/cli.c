/* Table-driven command lines. Strict: an unknown or repeated option is an error. */
#include "lib/cli.h"

#include <stdio.h>

#include "lib/log.h"
#include "lib/num.h"

/* One bit per table row tells "given already". */
#define OPTIONS_MAX 64

static const struct hm_cli_option *find_long(const struct hm_cli_option *opts,
					     size_t count, struct hm_slice name)
{
	for (size_t i = 0; i < count; i++) {
		if (hm_slice_eq_str(name, opts[i].name))
			return &opts[i];
	}
	return NULL;
}

static const struct hm_cli_option *
find_letter(const struct hm_cli_option *opts, size_t count, char letter)
{
	for (size_t i = 0; i < count; i++) {
		if (opts[i].letter != 0 && opts[i].letter == letter)
			return &opts[i];
	}
	return NULL;
}

static int store(const struct hm_cli_option *o, const char *value,
		 struct hm_err *err)
{
	struct hm_cli_list *list;

	switch (o->kind) {
	case HM_CLI_FLAG:
		*(bool *)o->dest = true;
		return HM_OK;
	case HM_CLI_STRING:
		*(const char **)o->dest = value;
		return HM_OK;
	case HM_CLI_U64:
		if (!hm_parse_u64(hm_slice_str(value), o->max,
				  (uint64_t *)o->dest) ||
		    *(uint64_t *)o->dest < o->min)
			return hm_fail(err, HM_E_USAGE, 0,
				       "--%s %s: not a number from %llu to %llu",
				       o->name, HM_ESC(hm_slice_str(value)),
				       (unsigned long long)o->min,
				       (unsigned long long)o->max);
		return HM_OK;
	case HM_CLI_LIST:
		list = o->dest;
		if (list->count == HM_CLI_LIST_MAX)
			return hm_fail(err, HM_E_USAGE, 0,
				       "--%s given more than %d times", o->name,
				       HM_CLI_LIST_MAX);
		list->items[list->count++] = value;
		return HM_OK;
	}
	HM_BUG_ON(true);
	return HM_E_BUG;
}

int hm_cli_parse(const struct hm_cli_option *opts, size_t count, int argc,
		 char **argv, size_t *ret_count, struct hm_err *err)
{
	uint64_t given = 0;
	size_t operands = 0;

	HM_BUG_ON(count > OPTIONS_MAX);
	for (int i = 0; i < argc; i++) {
		const struct hm_cli_option *o;
		const char *arg = argv[i], *value = NULL;
		uint64_t bit;
		int rc;

		if (strcmp(arg, "--") == 0) {
			for (i++; i < argc; i++)
				argv[operands++] = argv[i];
			break;
		}
		if (arg[0] != '-' || arg[1] == 0) {	/* "-" is stdin */
			argv[operands++] = argv[i];
			continue;
		}
		if (arg[1] == '-') {
			const char *eq = strchr(arg, '=');

			o = find_long(opts, count,
				      hm_slice(arg + 2, eq ? (size_t)(eq - arg) - 2 :
							     strlen(arg) - 2));
			value = eq ? eq + 1 : NULL;
		} else {
			o = arg[2] == 0 ? find_letter(opts, count, arg[1]) : NULL;
		}
		if (!o)
			return hm_fail(err, HM_E_USAGE, 0, "unknown option %s",
				       HM_ESC(hm_slice_str(arg)));
		if (o->kind == HM_CLI_FLAG && value)
			return hm_fail(err, HM_E_USAGE, 0,
				       "--%s takes no value", o->name);
		if (o->kind != HM_CLI_FLAG && !value) {
			if (i + 1 == argc)
				return hm_fail(err, HM_E_USAGE, 0,
					       "--%s needs a value: %s",
					       o->name, o->arg);
			value = argv[++i];
		}
		bit = 1ULL << (unsigned int)(o - opts);
		if ((given & bit) != 0 && o->kind != HM_CLI_LIST)
			return hm_fail(err, HM_E_USAGE, 0, "--%s given twice",
				       o->name);
		given |= bit;
		rc = store(o, value, err);
		if (rc < 0)
			return rc;
	}
	*ret_count = operands;
	return HM_OK;
}

void hm_cli_print_options(const struct hm_cli_option *opts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct hm_cli_option *o = &opts[i];
		const char *help = o->help;
		char left[64];

		if (o->letter != 0)
			(void)snprintf(left, sizeof(left), "-%c, --%s%s%s",
				       o->letter, o->name, o->arg ? " " : "",
				       o->arg ? o->arg : "");
		else
			(void)snprintf(left, sizeof(left), "    --%s%s%s",
				       o->name, o->arg ? " " : "",
				       o->arg ? o->arg : "");
		for (bool first = true; *help; first = false) {
			size_t n = strcspn(help, "\n");

			if (first && strlen(left) > 27)
				(void)printf("  %s\n  %-28s%.*s\n", left, "",
					     (int)n, help);
			else
				(void)printf("  %-28s%.*s\n", first ? left : "",
					     (int)n, help);
			help += n;
			help += *help == '\n';
		}
	}
}
