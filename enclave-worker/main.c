/*
 * enclave-worker: the measured side. As PID 1 of an enclave (or of the local
 * back end's namespace) it makes its room, serves one build, and ends; with
 * --interceptor it is its own helper, re-executed beside the sandbox.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "enclave-worker/interceptor/interceptor.h"
#include "enclave-worker/session.h"
#include "lib/log.h"

static void usage(FILE *f)
{
	(void)fprintf(f,
		"Usage: enclave-worker --local\n"
		"       enclave-worker [--help|--version]\n"
		"\n"
		"The measured side of Hallmark. runner-hook starts it; it is of\n"
		"no use by hand. --local serves one build as an ordinary\n"
		"process, with its port on file descriptor 3.\n");
}

/* Nobody may read our memory or a core of it: it holds the one-time key. */
static int close_up(struct hm_err *err)
{
	struct rlimit none = {0, 0};

	if (prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "close up the process");
	(void)signal(SIGPIPE, SIG_IGN);
	(void)umask(022);
	return HM_OK;
}

static int serve_local(struct hm_err *err)
{
	static const struct hm_image host = {
		.name = "host", .version = "", .attester = "dev"};
	struct hm_port port;
	struct hm_room room;
	int rc = hm_port_local(HM_PORT_LOCAL_FD, &port, err);

	if (rc < 0)
		return rc;
	rc = close_up(err);
	if (rc == HM_OK)
		rc = hm_room_prepare(HM_ROOM_LOCAL, &room, err);
	if (rc == HM_OK)
		rc = hm_session_serve(&port, &host, &room, err);
	hm_port_close(&port);
	return rc;
}

int main(int argc, char **argv)
{
	struct hm_err err = {0};
	const char *mode = argc > 1 ? argv[1] : "";

	hm_log_init("enclave-worker", HM_LOG_INFO);
	if (strcmp(mode, "--help") == 0) {
		usage(stdout);
		return 0;
	}
	if (strcmp(mode, "--version") == 0) {
		(void)printf("enclave-worker %s\n", HM_VERSION);
		return 0;
	}
	if (strcmp(mode, "--interceptor") == 0)
		return hm_interceptor_main(argc - 2, argv + 2);
	if (strcmp(mode, "--local") != 0 || argc != 2) {
		usage(stderr);
		return 2;
	}
	if (serve_local(&err) == HM_OK)
		return 0;
	hm_log(HM_LOG_ERROR, "%s", err.msg);
	return hm_code_exit(err.code);
}
