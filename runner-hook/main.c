/*
 * runner-hook: the host side. A table of subcommands; only main() prints
 * errors, once, and turns codes into exit statuses.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>

#include "lib/io.h"
#include "lib/log.h"
#include "runner-hook/build.h"
#include "runner-hook/image.h"
#include "runner-hook/publish.h"
#include "runner-hook/summary.h"

static int cmd_build(int argc, char **argv)
{
	AUTO_HOST_CONFIG struct hm_host_config config = {0};
	struct hm_err err = {0};
	unsigned int status = 0;
	bool help = false;
	int rc = hm_host_config_parse(argc, argv, &config, &help, &err);

	if (rc == HM_OK && help)
		return 0;
	if (rc == HM_OK) {
		hm_log_init("runner-hook", config.verbose ? HM_LOG_DEBUG :
			    config.quiet ? HM_LOG_ERROR : HM_LOG_INFO);
		rc = hm_build(&config, &status, &err);
	}
	if (rc == HM_OK)
		return 0;
	hm_log(HM_LOG_ERROR, "%s", err.msg);
	if (rc == HM_E_USAGE)
		(void)fprintf(stderr, "see runner-hook build --help\n");
	if (config.on_runner && rc != HM_E_CANCELLED)
		hm_summary_annotate(NULL, 0, err.msg);
	return hm_code_exit(err.code);
}

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"build", cmd_build, "build a commit in an enclave, write a release tar"},
	{"publish", hm_cmd_publish, "log releases, or what is still queued"},
	{"image", hm_cmd_image, "measure, inspect, make and sign enclave images"},
};

static void usage(FILE *f)
{
	(void)fprintf(f, "Usage: runner-hook [--help|--version] COMMAND "
			 "[OPTIONS]\n\nThe host side of Hallmark: builds a "
			 "Git commit inside an enclave.\n\nCommands:\n");
	for (size_t i = 0; i < HM_ARRAY_LEN(commands); i++)
		(void)fprintf(f, "  %-14s %s\n", commands[i].name,
			      commands[i].help);
	(void)fprintf(f, "\nrunner-hook COMMAND --help tells more.\n");
}

/*
 * SIGINT and SIGTERM become a readable descriptor that ends every wait; the
 * steps then unwind as after any error, and nothing runs in a handler.
 */
static int catch_signals(void)
{
	sigset_t set;
	int fd;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -1;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	hm_io_set_cancel_fd(fd);
	return fd;
}

int main(int argc, char **argv)
{
	hm_log_init("runner-hook", HM_LOG_INFO);
	if (argc < 2) {
		usage(stderr);
		return 2;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		usage(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		(void)printf("runner-hook %s\n", HM_VERSION);
		return 0;
	}
	for (size_t i = 0; i < HM_ARRAY_LEN(commands); i++) {
		int status;

		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		if (catch_signals() < 0) {
			hm_log(HM_LOG_ERROR, "signals cannot be caught");
			return 3;
		}
		status = commands[i].run(argc - 2, argv + 2);
		if (fflush(stdout) != 0 && status == 0) {
			hm_log(HM_LOG_ERROR, "standard output is not writable");
			return 3;
		}
		return status;
	}
	hm_log(HM_LOG_ERROR, "unknown command '%s'",
	       HM_ESC(hm_slice_str(argv[1])));
	(void)fprintf(stderr, "see runner-hook --help\n");
	return 2;
}
