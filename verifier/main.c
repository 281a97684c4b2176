/*
 * The program `hallmark`: a table of subcommands. One that is not in the table
 * is a program of its own, `hallmark-NAME`, looked for beside this one and in
 * libexec and nowhere else: not in PATH, where anybody's directory may stand.
 * What needs a network lives in such programs; this one has no network code.
 */
#include <stdio.h>

#include "lib/log.h"
#include "verifier/commands.h"

#ifndef HM_LIBEXEC
#define HM_LIBEXEC HM_PREFIX "/libexec/hallmark"
#endif

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *about;
} commands[] = {
	{ "verify", hm_cmd_verify, "check files, or a whole release" },
	{ "inspect", hm_cmd_inspect, "show what a release's evidence says" },
	{ "verify-document", hm_cmd_verify_document,
	  "check a bare attestation document" },
	{ "log", hm_cmd_log, "keep a transparency log, and check what logs prove" },
};

static const struct {
	const char *name, *about;
} programs[] = {	/* ours that are programs of their own */
	{ "challenge", "rebuild a release from its report, and vote" },
};

static int usage(void)
{
	printf("Usage: hallmark [--help | --version] COMMAND [OPTIONS] ...\n\n"
	       "Checks where a file was built, and from what.\n\n");
	for (size_t i = 0; i < HM_ARRAY_LEN(commands); i++)
		printf("  %-16s %s\n", commands[i].name, commands[i].about);
	for (size_t i = 0; i < HM_ARRAY_LEN(programs); i++)
		printf("  %-16s %s\n", programs[i].name, programs[i].about);
	printf("\nhallmark COMMAND --help says more.\n");
	return fflush(stdout) == 0 ? 0 : 3;
}

/* Letters, digits and inner dashes: a name is never a path or an option. */
static bool is_command_name(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n <= 32 && s[0] != '-' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

/* Returns only when there is no such program. */
static void run_program(const char *name, char **argv)
{
	char self[4096], path[4096 + 64];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash) {
		slash[1] = '\0';
		snprintf(path, sizeof(path), "%shallmark-%s", self, name);
		(void)execv(path, argv);
		snprintf(path, sizeof(path), "%s../libexec/hallmark/hallmark-%s",
			 self, name);
		(void)execv(path, argv);
	}
	snprintf(path, sizeof(path), HM_LIBEXEC "/hallmark-%s", name);
	(void)execv(path, argv);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;

	hm_log_init("hallmark", HM_LOG_INFO);
	if (name && (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0))
		return usage();
	if (name && strcmp(name, "--version") == 0) {
		printf("hallmark " HM_VERSION "\n");
		return fflush(stdout) == 0 ? 0 : 3;
	}
	if (!name) {
		hm_log(HM_LOG_ERROR, "name a command; see hallmark --help");
		return 2;
	}
	for (size_t i = 0; i < HM_ARRAY_LEN(commands); i++)
		if (strcmp(name, commands[i].name) == 0)
			return commands[i].run(argc - 2, argv + 2);
	if (is_command_name(name))
		run_program(name, argv + 1);
	hm_log(HM_LOG_ERROR, "there is no command '%s'; see hallmark --help",
	       HM_ESC(hm_slice_str(name)));
	return 2;
}
