/* `runner-hook publish`: flags, and what is said about each item. */
#include <stdio.h>

#include "lib/cli.h"
#include "lib/log.h"
#include "runner-hook/publish.h"

static const char help_text[] =
"Usage: runner-hook publish --pending [--now] [OPTIONS]\n"
"       runner-hook publish --log DIR [--public] [OPTIONS] RELEASE.tar\n"
"\n"
"Logs releases: the second form one release, the first all that builds have left\n"
"in the queue because their log could not be reached. The proofs are written\n"
"into the bundles of the tar, and beside it. Exit status: 0 everything is logged,\n"
"3 something is still queued.\n";

struct arguments {
	struct hm_publish_options o;
	struct hm_cli_list logs;
	bool pending, now, help;
	uint64_t wait_s;
};

static void report(void *ctx, const char *tar, const char *log,
		   const struct hm_published *p)
{
	(void)ctx;
	if (!p->logged) {
		hm_log(HM_LOG_ERROR, "%s: not logged in %s yet: %s",
		       HM_ESC(hm_slice_str(tar)), HM_ESC(hm_slice_str(log)),
		       p->problem.msg);
		return;
	}
	(void)printf("%s: entry %llu of %s%s\n", HM_ESC(hm_slice_str(tar)),
		     (unsigned long long)p->index, p->log_name,
		     p->in_tar ? "" : "; the tar is gone or replaced, see "
		     "logged/ in the queue");
}

static int publish_one(const struct arguments *a, const char *tar,
		       size_t *ret_left, struct hm_err *err)
{
	*ret_left = 0;
	for (size_t i = 0; i < a->logs.count; i++) {
		struct hm_published p;
		int rc = hm_publish(&a->o, tar, a->logs.items[i], &p, err);

		if (rc != HM_OK)
			return rc;
		*ret_left += !p.logged;
		report(NULL, tar, a->logs.items[i], &p);
	}
	return HM_OK;
}

static int run(const struct arguments *a, size_t operands, char **argv,
	       size_t *ret_left, struct hm_err *err)
{
	if (a->pending && operands == 0 && a->logs.count == 0)
		return hm_publish_pending(&a->o, a->now, report, NULL, ret_left,
					  err);
	if (a->pending)
		return hm_fail(err, HM_E_USAGE, 0,
			       "--pending takes no tar and no --log: the queue knows them");
	if (operands != 1 || a->logs.count == 0)
		return hm_fail(err, HM_E_USAGE, 0,
			       "--pending, or --log DIR and one tar are needed");
	return publish_one(a, argv[0], ret_left, err);
}

int hm_cmd_publish(int argc, char **argv)
{
	struct arguments a = {.wait_s = HM_PUBLISH_WAIT_MS / 1000};
	const struct hm_cli_option options[] = {
		{"pending", 0, HM_CLI_FLAG, NULL, "log what is queued and due",
		 &a.pending, 0, 0},
		{"now", 0, HM_CLI_FLAG, NULL, "with --pending: due or not",
		 &a.now, 0, 0},
		{"log", 0, HM_CLI_LIST, "DIR", "the log (repeatable)", &a.logs, 0,
		 0},
		{"public", 0, HM_CLI_FLAG, NULL,
		 "publish the bundles too, for monitors", &a.o.public_evidence,
		 0, 0},
		{"queue", 0, HM_CLI_STRING, "DIR",
		 "the queue (~/.local/state/hallmark/queue)", &a.o.queue, 0, 0},
		{"wait", 0, HM_CLI_U64, "SECONDS", "spend on each (5)",
		 &a.wait_s, 0, 3600},
		{"help", 'h', HM_CLI_FLAG, NULL, "show this help", &a.help, 0, 0},
	};
	struct hm_err err = {0};
	size_t operands = 0, left = 0;
	int rc = hm_cli_parse(options, HM_ARRAY_LEN(options), argc, argv,
			      &operands, &err);

	if (rc == HM_OK && a.help) {
		(void)printf("%s\n", help_text);
		hm_cli_print_options(options, HM_ARRAY_LEN(options));
		return 0;
	}
	a.o.wait_ms = (int64_t)a.wait_s * 1000;
	if (rc == HM_OK)
		rc = run(&a, operands, argv, &left, &err);
	if (rc == HM_OK)
		return left == 0 ? 0 : 3;
	hm_log(HM_LOG_ERROR, "%s", err.msg);
	if (rc == HM_E_USAGE)
		(void)fprintf(stderr, "see runner-hook publish --help\n");
	return hm_code_exit(err.code);
}
