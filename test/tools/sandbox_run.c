/*
 * Runs commands in the sandbox exactly as a build would, without the rest of
 * the product: the local back end starts this very program as the worker, which
 * prepares its room and the sandbox. For tests of escape and of limits.
 *
 *   sandbox_run [OPTIONS] -- COMMAND...
 *
 * Each COMMAND runs after the other in the same root. The exit status is the
 * last command's (128 + signal), or 99 when the sandbox itself failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "enclave-worker/port.h"
#include "enclave-worker/sandbox.h"
#include "lib/cli.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/path.h"
#include "runner-hook/enclave.h"

#define SANDBOX_FAILED 99
#define REQUEST_MAX 65536
#define START_MS 10000

struct request {
	const char *runtime;
	uint64_t memory_mib, disk_mib, pids, cpus, seconds, settle_ms;
	struct hm_cli_list toolchains, env, cat, commands;
	bool info, move_root;
};

static const char *arg_runtime = "crun";
static uint64_t arg_memory = 1024, arg_disk = 512, arg_pids = 512, arg_cpus;
static uint64_t arg_seconds = 30, arg_settle, arg_room_memory;
static struct hm_cli_list arg_toolchains, arg_env, arg_cat;
static bool arg_info, arg_move_root, arg_hold;

static const struct hm_cli_option options[] = {
	{"runtime", 0, HM_CLI_STRING, "NAME", "crun, runc or runsc", &arg_runtime, 0, 0},
	{"memory", 0, HM_CLI_U64, "MIB", "of the sandbox", &arg_memory, 1, 1U << 20},
	{"room-memory", 0, HM_CLI_U64, "MIB", "of the whole enclave", &arg_room_memory, 1, 1U << 20},
	{"disk", 0, HM_CLI_U64, "MIB", "of each tmpfs", &arg_disk, 1, 1U << 20},
	{"pids", 0, HM_CLI_U64, "N", "processes", &arg_pids, 1, 1U << 20},
	{"cpus", 0, HM_CLI_U64, "N", "processors", &arg_cpus, 1, 4096},
	{"seconds", 0, HM_CLI_U64, "N", "kill a command after", &arg_seconds, 1, 3600},
	{"toolchain", 0, HM_CLI_LIST, "DIR", "read-only at its path", &arg_toolchains, 0, 0},
	{"env", 0, HM_CLI_LIST, "K=V", "for the commands", &arg_env, 0, 0},
	{"cat", 0, HM_CLI_LIST, "FILE", "print it when the sandbox is dead", &arg_cat, 0, 0},
	{"settle", 0, HM_CLI_U64, "MS", "print --cat again after", &arg_settle, 0, 60000},
	{"info", 0, HM_CLI_FLAG, NULL, "say version, limits, times", &arg_info, 0, 0},
	{"move-root", 0, HM_CLI_FLAG, NULL, "the room as PID 1 of an enclave makes it",
	 &arg_move_root, 0, 0},
	{"hold", 0, HM_CLI_FLAG, NULL, "do nothing, wait to be killed", &arg_hold, 0, 0},
};

/* ---- as the worker ------------------------------------------------------- */

/* One message: letter, u32 length, bytes. */
static int say(int fd, char tag, struct hm_slice s, struct hm_err *err)
{
	uint8_t head[5];
	int rc;

	head[0] = (uint8_t)tag;
	hm_put_u32be(head + 1, (uint32_t)s.len);
	rc = hm_io_write_all(fd, head, sizeof(head), HM_NO_DEADLINE, err);
	return rc == HM_OK ? hm_io_write_all(fd, s.ptr, s.len, HM_NO_DEADLINE, err) : rc;
}

static int pump(int from, int control, char tag, bool *open, struct hm_err *err)
{
	char data[65536];
	size_t n = 0;
	int rc = hm_io_read_some(from, data, sizeof(data), HM_NO_DEADLINE, &n, err);

	*open = rc == HM_OK && n > 0;
	return rc == HM_OK && n > 0 ? say(control, tag, hm_slice(data, n), err) : rc;
}

static int run_one(struct hm_sandbox *s, const struct request *r, const char *cmd, int control,
		   struct hm_err *err)
{
	const struct hm_sandbox_command c = {.cmd = cmd, .envp = r->env.items,
					     .source_date_epoch = 1700000000};
	hm_deadline_t deadline = hm_deadline_in((int64_t)r->seconds * 1000);
	bool out_open = true, err_open = true, oom = false, late = false;
	AUTO_CLOSE int out = -1;
	AUTO_CLOSE int errors = -1;
	struct hm_exit status;
	char text[128];
	int rc = hm_sandbox_start(s, &c, &out, &errors, err);

	/* As long as the command lives; then what is left in the pipes. */
	while (rc == HM_OK && !late) {
		struct pollfd p[4] = {
			{.fd = out_open ? out : -1, .events = POLLIN},
			{.fd = err_open ? errors : -1, .events = POLLIN},
			{.fd = hm_sandbox_pidfd(s), .events = POLLIN},
			{.fd = control, .events = POLLIN},
		};
		int wait_ms = hm_sandbox_watch_ms(s), left = hm_deadline_left(deadline);
		int n = poll(p, 4, wait_ms >= 0 && wait_ms < left ? wait_ms : left);

		late = n == 0 && hm_deadline_left(deadline) == 0;
		hm_sandbox_watch(s);
		if (n > 0 && p[0].revents)
			rc = pump(out, control, 'o', &out_open, err);
		if (rc == HM_OK && n > 0 && p[1].revents)
			rc = pump(errors, control, 'e', &err_open, err);
		if (n > 0 && p[3].revents)
			_exit(0);	/* the host is gone */
		if (n > 0 && p[2].revents && !p[0].revents && !p[1].revents)
			break;
	}
	if (rc == HM_OK)
		rc = hm_sandbox_finish(s, &status, &oom, err);
	while (rc == HM_OK && out_open)
		rc = pump(out, control, 'o', &out_open, err);
	while (rc == HM_OK && err_open)
		rc = pump(errors, control, 'e', &err_open, err);
	if (rc != HM_OK)
		return rc;
	(void)snprintf(text, sizeof(text), "%d%s%s", status.signalled ? 128 + status.code : status.code,
		       oom ? " out-of-memory" : "", late ? " late" : "");
	return say(control, 'x', hm_slice_str(text), err);
}

static int show_files(const struct request *r, int build, int control, struct hm_err *err)
{
	for (size_t i = 0; i < r->cat.count; i++) {
		AUTO_BUF struct hm_buf b;
		int rc;

		hm_buf_init(&b, REQUEST_MAX);
		rc = hm_file_read(build, r->cat.items[i], &b, err);
		if (rc == HM_OK)
			rc = say(control, 'o', hm_buf_slice(&b), err);
		if (rc != HM_OK)
			return rc;
	}
	return HM_OK;
}

static int serve(const struct request *r, struct hm_room *room, int control, struct hm_err *err)
{
	struct hm_sandbox_spec spec = {
		.runtime = r->runtime, .room = room, .toolchains = r->toolchains.items,
		.toolchain_count = r->toolchains.count, .build_dir = HM_ROOM_BUILD,
		.memory_bytes = r->memory_mib << 20, .disk_bytes = r->disk_mib << 20,
		.cpus = (uint32_t)r->cpus, .pids_max = (uint32_t)r->pids,
	};
	int64_t began = hm_now_ms();
	struct hm_sandbox *s = NULL;
	AUTO_CLOSE int build = -1;
	char text[256];
	int rc = hm_room_open_build(room, r->disk_mib << 20, &build, err);

	if (rc == HM_OK)
		rc = hm_sandbox_new(&spec, &s, err);
	if (rc == HM_OK && r->info) {
		(void)snprintf(text, sizeof(text), "version: %s\nlimits: %s\nids: %s\nnew: %lld ms\n",
			       hm_sandbox_runtime_version(s), hm_sandbox_limits(s),
			       room->many_ids ? "many" : "one",
			       (long long)(hm_now_ms() - began));
		rc = say(control, 'e', hm_slice_str(text), err);
	}
	for (size_t i = 0; rc == HM_OK && i < r->commands.count; i++) {
		began = hm_now_ms();
		rc = run_one(s, r, r->commands.items[i], control, err);
		(void)snprintf(text, sizeof(text), "command: %lld ms\n",
			       (long long)(hm_now_ms() - began));
		if (rc == HM_OK && r->info)
			rc = say(control, 'e', hm_slice_str(text), err);
	}
	/* Twice, to see whether anything still writes. */
	if (rc == HM_OK)
		rc = show_files(r, build, control, err);
	if (rc == HM_OK && r->settle_ms > 0) {
		(void)usleep((useconds_t)r->settle_ms * 1000);
		rc = show_files(r, build, control, err);
	}
	hm_sandbox_free(s);
	return rc;
}

static struct hm_cli_list *list_of(struct request *r, char tag)
{
	switch (tag) {
	case 't':
		return &r->toolchains;
	case 'e':
		return &r->env;
	case 'c':
		return &r->cat;
	default:
		return &r->commands;
	}
}

/* The request: lines ended by NUL; a number line, the runtime, then lists. */
static int parse(char *text, size_t len, struct request *ret_r)
{
	unsigned long long n[8];
	unsigned int flags;
	char *at = text, *end = text + len;

	if (sscanf(at, "%llu %llu %llu %llu %llu %llu %u", &n[0], &n[1], &n[2], &n[3], &n[4],
		   &n[5], &flags) != 7)
		return -1;
	*ret_r = (struct request){.memory_mib = n[0], .disk_mib = n[1], .pids = n[2], .cpus = n[3],
				  .seconds = n[4], .settle_ms = n[5], .info = flags & 1,
				  .move_root = flags & 2};
	at += strlen(at) + 1;
	ret_r->runtime = at;
	for (at += strlen(at) + 1; at < end; at += strlen(at) + 1) {
		struct hm_cli_list *l = list_of(ret_r, at[0]);

		l->items[l->count++] = at + 1;
	}
	return 0;
}

static int worker_main(void)
{
	static char text[REQUEST_MAX + 1];
	struct hm_room room;
	struct hm_port port;
	struct request r;
	struct hm_err err;
	uint8_t size[4];
	int control = -1, rc;

	hm_log_init("sandbox_run worker", HM_LOG_INFO);
	(void)signal(SIGPIPE, SIG_IGN);
	rc = hm_port_local(HM_PORT_LOCAL_FD, &port, &err);
	if (rc == HM_OK)
		rc = hm_port_accept(&port, hm_deadline_in(START_MS), &control, &err);
	if (rc == HM_OK)
		rc = hm_io_read_full(control, size, sizeof(size), HM_NO_DEADLINE, &err);
	if (rc == HM_OK)
		rc = hm_io_read_full(control, text, hm_get_u32be(size), HM_NO_DEADLINE, &err);
	if (rc == HM_OK && parse(text, hm_get_u32be(size), &r) != 0)
		rc = hm_fail(&err, HM_E_FORMAT, 0, "request");
	/* In an enclave it is there, of our pid namespace, from the start. */
	if (rc == HM_OK && r.move_root &&
	    (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	     mount("proc", "/proc", "proc", 0, NULL) != 0))
		rc = hm_fail(&err, HM_E_SYSTEM, errno, "/proc");
	if (rc == HM_OK)
		rc = hm_room_prepare(r.move_root ? HM_ROOM_ENCLAVE : HM_ROOM_LOCAL, &room, &err);
	if (rc == HM_OK)
		rc = serve(&r, &room, control, &err);
	if (rc != HM_OK) {
		struct hm_err ignored;

		(void)!say(control, 'f', hm_slice_str(err.msg), &ignored);
		hm_log(HM_LOG_ERROR, "%s", err.msg);
	}
	return rc != HM_OK;
}

/* ---- as the host --------------------------------------------------------- */

static int add_list(struct hm_buf *b, char tag, const struct hm_cli_list *l, struct hm_err *err)
{
	int rc = HM_OK;

	for (size_t i = 0; rc == HM_OK && i < l->count; i++) {
		rc = hm_buf_add(b, &tag, 1, err);
		if (rc == HM_OK)
			rc = hm_buf_add(b, l->items[i], strlen(l->items[i]) + 1, err);
	}
	return rc;
}

static int send_request(int control, char **argv, size_t count, struct hm_err *err)
{
	AUTO_BUF struct hm_buf b;
	struct hm_cli_list commands = {.count = count};
	uint8_t size[4];
	int rc;

	hm_buf_init(&b, REQUEST_MAX);
	for (size_t i = 0; i < count; i++)
		commands.items[i] = argv[i];
	rc = hm_buf_addf(&b, err, "%llu %llu %llu %llu %llu %llu %u", (unsigned long long)arg_memory,
			 (unsigned long long)arg_disk, (unsigned long long)arg_pids,
			 (unsigned long long)arg_cpus, (unsigned long long)arg_seconds,
			 (unsigned long long)arg_settle,
			 (arg_info ? 1U : 0U) | (arg_move_root ? 2U : 0U));
	if (rc == HM_OK)
		rc = hm_buf_add(&b, "", 1, err);
	if (rc == HM_OK)
		rc = hm_buf_add(&b, arg_runtime, strlen(arg_runtime) + 1, err);
	if (rc == HM_OK)
		rc = add_list(&b, 't', &arg_toolchains, err);
	if (rc == HM_OK)
		rc = add_list(&b, 'e', &arg_env, err);
	if (rc == HM_OK)
		rc = add_list(&b, 'c', &arg_cat, err);
	if (rc == HM_OK)
		rc = add_list(&b, 'r', &commands, err);
	if (rc != HM_OK)
		return rc;
	hm_put_u32be(size, (uint32_t)b.len);
	rc = hm_io_write_all(control, size, sizeof(size), HM_NO_DEADLINE, err);
	return rc == HM_OK ? hm_io_write_all(control, b.data, b.len, HM_NO_DEADLINE, err) : rc;
}

static int relay(int control, int *ret_status, struct hm_err *err)
{
	static uint8_t data[REQUEST_MAX * 2];

	for (;;) {
		uint8_t head[5];
		uint32_t len;
		int rc = hm_io_read_full(control, head, sizeof(head), HM_NO_DEADLINE, err);

		if (rc == HM_E_CLOSED)
			return HM_OK;
		len = hm_get_u32be(head + 1);
		if (rc == HM_OK && len >= sizeof(data))
			rc = hm_fail(err, HM_E_TOO_LARGE, 0, "message of %u bytes", len);
		if (rc == HM_OK)
			rc = hm_io_read_full(control, data, len, HM_NO_DEADLINE, err);
		if (rc != HM_OK)
			return rc;
		data[len] = 0;
		if (head[0] == 'o' || head[0] == 'e') {
			rc = hm_io_write_all(head[0] == 'o' ? 1 : 2, data, len, HM_NO_DEADLINE, err);
			if (rc != HM_OK)
				return rc;
		} else if (head[0] == 'x') {
			(void)sscanf((const char *)data, "%d", ret_status);
			if (strchr((const char *)data, ' '))
				(void)fprintf(stderr, "sandbox_run: ended:%s\n",
					      strchr((const char *)data, ' '));
		} else {
			*ret_status = SANDBOX_FAILED;
			(void)fprintf(stderr, "sandbox_run: %s\n", (const char *)data);
		}
	}
}

static void show_console(struct hm_enclave *e)
{
	char data[4096];
	ssize_t n;

	while ((n = read(hm_enclave_local.console(e), data, sizeof(data))) > 0)
		(void)!write(2, data, (size_t)n);
}

int main(int argc, char **argv)
{
	struct hm_enclave_spec spec = {0};
	struct hm_enclave *e = NULL;
	char self[HM_PATH_MAX + 1];
	int status = SANDBOX_FAILED, control = -1, rc;
	size_t count;
	struct hm_err err;
	ssize_t n;

	if (argc > 1 && strcmp(argv[1], "--local") == 0)
		return worker_main();
	hm_log_init("sandbox_run", HM_LOG_INFO);
	rc = hm_cli_parse(options, HM_ARRAY_LEN(options), argc - 1, argv + 1, &count, &err);
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (rc == HM_OK && (n <= 0 || count > HM_CLI_LIST_MAX))
		rc = hm_fail(&err, HM_E_USAGE, 0, "arguments");
	if (rc == HM_OK) {
		self[n] = 0;
		spec.worker_path = self;
		spec.memory_mib = (uint32_t)arg_room_memory;
		rc = hm_enclave_local.reap(&err);
	}
	if (rc == HM_OK)
		rc = hm_enclave_local.start(&spec, hm_deadline_in(START_MS), &e, &err);
	if (rc == HM_OK)
		rc = hm_enclave_local.connect(e, hm_deadline_in(START_MS), &control, &err);
	if (rc == HM_OK)
		rc = send_request(control, argv + 1, count, &err);
	if (rc == HM_OK)
		rc = relay(control, &status, &err);
	if (arg_hold)
		(void)pause();
	if (e)
		show_console(e);
	hm_enclave_local.stop(e);
	if (rc != HM_OK) {
		hm_log(HM_LOG_ERROR, "%s", err.msg);
		return SANDBOX_FAILED;
	}
	return status;
}
