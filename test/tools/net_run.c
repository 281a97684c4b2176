/*
 * Runs a command in the build's network without the rest of the product: the
 * real interceptor, the real lanes, no sandbox. For tests and for looking at
 * what a package manager does.
 *
 *   net_run [--json FILE] [--state DIR] [--allow HOST:PORT]... [--proxy URL]
 *           [--uid N] [--mode MODE] -- COMMAND [ARGS]
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "enclave-worker/interceptor/conn.h"
#include "enclave-worker/interceptor/interceptor.h"
#include "enclave-worker/network.h"
#include "lib/cli.h"
#include "lib/log.h"
#include "lib/path.h"
#include "lib/wire.h"
#include "runner-hook/lanes.h"

static const char *arg_json, *arg_state, *arg_proxy, *arg_no_proxy, *arg_ca;
static const char *arg_mode = "record";
static struct hm_cli_list arg_allow, arg_only;
static uint64_t arg_uid = 65534, arg_build_uid;
static uint64_t arg_body_max, arg_head_ms, arg_window_ms;
static bool arg_counts;

static const struct hm_cli_option options[] = {
	{"json", 0, HM_CLI_STRING, "FILE", "network.json", &arg_json, 0, 0},
	{"state", 0, HM_CLI_STRING, "DIR", "state directory", &arg_state, 0, 0},
	{"ca", 0, HM_CLI_STRING, "FILE", "upstream roots", &arg_ca, 0, 0},
	{"mode", 0, HM_CLI_STRING, "MODE", "none or record", &arg_mode, 0, 0},
	{"proxy", 0, HM_CLI_STRING, "URL", "https_proxy", &arg_proxy, 0, 0},
	{"no-proxy", 0, HM_CLI_STRING, "LIST", "no_proxy", &arg_no_proxy, 0, 0},
	{"allow", 0, HM_CLI_LIST, "H:P", "private egress", &arg_allow, 0, 0},
	{"only", 0, HM_CLI_LIST, "H", "nothing but this", &arg_only, 0, 0},
	{"uid", 0, HM_CLI_U64, "N", "of the interceptor", &arg_uid, 0, 1U << 30},
	{"build-uid", 0, HM_CLI_U64, "N", "of the command", &arg_build_uid, 0,
	 1U << 30},
	{"body-max", 0, HM_CLI_U64, "N", "bytes of a body", &arg_body_max, 1,
	 1ULL << 40},
	{"head-ms", 0, HM_CLI_U64, "N", "for an answer", &arg_head_ms, 1, 1U << 30},
	{"window-ms", 0, HM_CLI_U64, "N", "for 1024 bytes", &arg_window_ms, 1,
	 1U << 30},
	{"counts", 0, HM_CLI_FLAG, NULL, "print the lanes' counters",
	 &arg_counts, 0, 0},
};

struct runner {
	struct hm_network *net;
	struct hm_lanes *lanes;
	int pending[HM_LANES_IDLE];	/* accepted, frame not read yet */
	size_t pending_count;
};

static int connect_lane(void *ctx, int *ret_fd, struct hm_err *err)
{
	struct runner *r = ctx;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "socketpair");
	HM_BUG_ON(r->pending_count == HM_LANES_IDLE);
	r->pending[r->pending_count++] = pair[1];
	*ret_fd = pair[0];
	return HM_OK;
}

static int give_lanes(struct runner *r, struct hm_err *err)
{
	uint8_t frame[HM_WIRE_HEADER];

	while (r->pending_count > 0) {
		int fd = r->pending[--r->pending_count];

		if (hm_io_read_full(fd, frame, sizeof(frame),
				    hm_deadline_in(1000), err) != HM_OK ||
		    hm_network_give_lane(r->net, fd, err) != HM_OK)
			return err->code;
	}
	return HM_OK;
}

static void print_notice(void *ctx, struct hm_slice line)
{
	(void)ctx;
	fprintf(stderr, "notice: %s\n", HM_ESC(line));
}

static void bind_over(const char *what, const char *where)
{
	if (what && mount(what, where, NULL, MS_BIND, NULL) < 0) {
		perror(where);
		_exit(126);
	}
}

static HM_NORETURN void run_command(struct hm_network *net, char **argv)
{
	const char *netns = hm_network_netns_path(net);
	const char *const *env = hm_network_env(net);
	int fd = netns ? open(netns, O_RDONLY | O_CLOEXEC) : -1;

	if (unshare(CLONE_NEWNS | (netns ? 0 : CLONE_NEWNET)) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    (fd >= 0 && setns(fd, CLONE_NEWNET) < 0)) {
		perror("net_run: namespaces");
		_exit(126);
	}
	bind_over(hm_network_resolv_conf(net), "/etc/resolv.conf");
	bind_over(hm_network_ca_dir(net), "/etc/ssl/certs");
	for (; *env; env++) {
		char *copy = strdup(*env);

		if (copy)
			(void)putenv(copy);
	}
	if (arg_build_uid != 0 && (setgid((gid_t)arg_build_uid) < 0 ||
				   setuid((uid_t)arg_build_uid) < 0))
		_exit(126);
	(void)syscall(SYS_close_range, 3U, ~0U, 0);
	execvp(argv[0], argv);
	perror(argv[0]);
	_exit(127);
}

static int loop(struct runner *r, int pidfd, struct hm_err *err)
{
	struct pollfd fds[2 + HM_LANES_POLLFDS];

	for (;;) {
		size_t n;

		if (give_lanes(r, err) != HM_OK)
			return err->code;
		fds[0] = (struct pollfd){.fd = pidfd, .events = POLLIN};
		fds[1] = (struct pollfd){.fd = hm_network_pollfd(r->net),
					 .events = POLLIN};
		n = hm_lanes_pollfds(r->lanes, fds + 2, HM_LANES_POLLFDS);
		if (poll(fds, n + 2, -1) < 0 && errno != EINTR)
			return hm_fail(err, HM_E_SYSTEM, errno, "poll");
		if (hm_network_handle(r->net, print_notice, NULL, err) != HM_OK ||
		    hm_lanes_handle(r->lanes, fds + 2, n, err) != HM_OK)
			return err->code;
		if (fds[0].revents != 0)
			return HM_OK;
	}
}

static int write_record(struct hm_network *net, struct hm_err *err)
{
	struct hm_buf json HM_CLEANUP(hm_buf_release);
	struct hm_network_facts facts;
	AUTO_CLOSE int out = -1;

	hm_buf_init(&json, HM_NETWORK_JSON_MAX);
	if (hm_network_finish(net, hm_deadline_in(10000), &json, &facts, err) !=
	    HM_OK)
		return err->code;
	fprintf(stderr, "net_run: recorded=%d complete=%d downloads=%zu\n",
		facts.recorded, facts.complete, hm_json_count(facts.downloads));
	hm_json_free(facts.downloads);
	if (!arg_json)
		return HM_OK;
	out = open(arg_json, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (out < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "'%s'", arg_json);
	return hm_io_write_all(out, json.data, json.len, HM_NO_DEADLINE, err);
}

static int run(char **argv, int *ret_status, struct hm_err *err)
{
	struct hm_egress_policy policy = {
		.allow_private = arg_allow.items,
		.allow_private_count = arg_allow.count,
		.allow = arg_only.items,
		.allow_count = arg_only.count,
		.proxy = arg_proxy,
		.no_proxy = arg_no_proxy,
	};
	struct hm_conn_limits limits = HM_CONN_LIMITS;
	struct hm_network_spec spec = {
		.mode = strcmp(arg_mode, "none") == 0 ? HM_NET_NONE
						      : HM_NET_RECORD,
		.state_dir = arg_state,
		.uid = (uid_t)arg_uid,
		.gid = (gid_t)arg_uid,
		.ca_bundle = arg_ca,
		.limits = &limits,
	};
	struct runner r = {0};
	struct hm_lanes_counts c;
	int status = 0, pidfd;
	pid_t pid;

	if (arg_body_max)
		limits.body_max = arg_body_max;
	if (arg_head_ms)
		limits.head_ms = (uint32_t)arg_head_ms;
	if (arg_window_ms)
		limits.window_ms = (uint32_t)arg_window_ms;
	if (hm_network_start(&spec, &r.net, err) != HM_OK ||
	    hm_lanes_new(connect_lane, &r, &policy, &r.lanes, err) != HM_OK ||
	    hm_lanes_fill(r.lanes, err) != HM_OK)
		return err->code;
	pid = fork();
	if (pid == 0)
		run_command(r.net, argv);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (loop(&r, pidfd, err) != HM_OK || waitpid(pid, &status, 0) < 0)
		return hm_err_prefix(err, "loop");
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 125;
	if (write_record(r.net, err) != HM_OK)
		return err->code;
	hm_network_free(r.net);
	c = hm_lanes_counts(r.lanes);
	hm_lanes_free(r.lanes);
	if (arg_counts)
		fprintf(stderr,
			"lanes: opened=%llu served=%llu failed=%llu "
			"refused=%llu broken=%llu\n",
			(unsigned long long)c.opened,
			(unsigned long long)c.served,
			(unsigned long long)c.failed,
			(unsigned long long)c.refused,
			(unsigned long long)c.broken);
	return HM_OK;
}

int main(int argc, char **argv)
{
	struct hm_err err;
	size_t count = 0;
	int status = 0, command;

	if (argc > 1 && strcmp(argv[1], HM_INTERCEPTOR_FLAG) == 0)
		return hm_interceptor_main(argc - 2, argv + 2);
	hm_log_init("net_run", HM_LOG_DEBUG);
	/* The command's own options are not ours: parse up to "--". */
	for (command = 1; command < argc && strcmp(argv[command], "--") != 0;)
		command++;
	if (command + 1 >= argc ||
	    hm_cli_parse(options, HM_ARRAY_LEN(options), command - 1, argv + 1,
			 &count, &err) != HM_OK ||
	    count != 0 || !arg_state) {
		fprintf(stderr, "net_run: bad arguments\n");
		return 2;
	}
	if (run(argv + command + 1, &status, &err) != HM_OK) {
		fprintf(stderr, "net_run: %s\n", err.msg);
		return 126;
	}
	return status;
}
