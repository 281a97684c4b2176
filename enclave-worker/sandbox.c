/*
 * Life cycle of the sandbox.
 *
 * Theory of operation. hm_sandbox_new() lays the root once; each command is a
 * container of its own in that same root: create (only the runtime's code has
 * run, its init waits), put into the cgroups, start. The container's init is our
 * child, since we are PID 1 (or subreaper) and `create` has ended: its status is
 * collected like any child's. It is also PID 1 of the container's pid namespace,
 * so the kernel has killed and reaped everything in there before we can collect
 * it; the cgroup is killed and waited for besides, for what a runtime may have
 * started outside that namespace.
 *
 * Must: nothing untrusted runs before the limits hold; no output is looked at
 * before hm_sandbox_finish() or _kill() returned HM_OK.
 */
#include "enclave-worker/sandbox.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "enclave-worker/oci.h"
#include "enclave-worker/probe/probe.h"
#include "enclave-worker/runtime.h"
#include "enclave-worker/sandbox_env.h"
#include "enclave-worker/sandbox_group.h"
#include "enclave-worker/sandbox_root.h"
#include "enclave-worker/sandbox_watch.h"
#include "enclave-worker/selftest.h"
#include "enclave-worker/strays.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/path.h"

#define BUNDLE HM_ROOM_STATE "/bundle"
#define PID_FILE HM_ROOM_STATE "/pid"
/* A runtime takes 12 to 170 ms; an emulated machine 50 times that. */
#define RUNTIME_MS 30000
/* Freeing the memory of a big build takes the kernel a second or two. */
#define KILL_MS 20000
/* config.json is 12 KB and the command, which wire limits hold below 1 MB. */
#define CONFIG_MAX (4U << 20)
/* What linkers of big projects need; more is refused where it is over our own. */
#define NOFILE_MAX 65536U
#define BUILD_UID 1000U
/* HM_CLI_LIST_MAX toolchains of HM_PATH_MAX would not fit an exec either. */
#define PATH_VALUE_MAX 65536U
/* The probe's place while it runs; a build never sees it. */
#define PROBE_NAME ".hallmark-probe"
/* It takes a few milliseconds. */
#define PROBE_MS 10000

struct hm_sandbox {
	struct hm_sandbox_spec spec;
	const struct hm_runtime *runtime;
	char version[HM_RUNTIME_VERSION_MAX];
	struct hm_sandbox_owner owner;
	uint32_t id_inside, id_first, id_count, uid;
	int root_fd;
	bool networked;		/* the container that is */
	bool over_memory;	/* the watch killed it */
	int64_t watched_ms;
	struct hm_sandbox_group group;
	struct hm_process init;
	struct hm_strays strays;	/* what the runtime left beside it */
	char id[32];		/* of the container; "" = none exists */
	unsigned int serial;
};

static struct hm_runtime_paths paths(const struct hm_sandbox *s)
{
	return (struct hm_runtime_paths){
		.root = HM_ROOM_STATE "/runtime",
		.bundle = BUNDLE,
		.pid_file = PID_FILE,
		.log = HM_ROOM_STATE "/runtime.log",
		.id = s->id,
		.network = s->networked ? "sandbox" : "none",
	};
}

/*
 * Ids inside and outside. With one id only, it is the build's; runtimes that
 * cannot do without a root id then call it 0, still without capabilities.
 */
static void choose_ids(struct hm_sandbox *s)
{
	if (s->spec.room->many_ids) {
		s->id_inside = 0;
		s->id_first = HM_ROOM_ID_FIRST;
		s->id_count = HM_ROOM_ID_COUNT;
		s->uid = BUILD_UID;
		s->owner = (struct hm_sandbox_owner){HM_ROOM_ID_FIRST + BUILD_UID,
						     HM_ROOM_ID_FIRST + BUILD_UID};
		return;
	}
	s->uid = hm_runtime_needs_root_id(s->runtime) ? 0 : BUILD_UID;
	s->id_inside = s->uid;
	s->id_first = 0;
	s->id_count = 1;
	s->owner = (struct hm_sandbox_owner){0, 0};
}

const char *hm_sandbox_runtime_version(const struct hm_sandbox *s)
{
	return s->version;
}

const char *hm_sandbox_limits(const struct hm_sandbox *s)
{
	return hm_sandbox_group_kind(&s->group);
}

int hm_sandbox_pidfd(const struct hm_sandbox *s)
{
	return s->init.pidfd;
}

int hm_sandbox_watch_ms(const struct hm_sandbox *s)
{
	return s->group.memory || s->init.pid <= 0 ? -1 : HM_SANDBOX_WATCH_MS;
}

void hm_sandbox_watch(struct hm_sandbox *s)
{
	int64_t now = hm_now_ms();

	if (hm_sandbox_watch_ms(s) < 0 || now - s->watched_ms < HM_SANDBOX_WATCH_MS)
		return;
	s->watched_ms = now;
	if (hm_sandbox_memory_used(s->init.pid, HM_SANDBOX_ROOT, s->spec.build_dir) <=
	    s->spec.memory_bytes)
		return;
	s->over_memory = true;
	(void)syscall(SYS_pidfd_send_signal, s->init.pidfd, SIGKILL, NULL, 0);
}

static bool makes_cgroup(const struct hm_sandbox *s)
{
	return s->group.dir[HM_ROOM_UNIFIED] >= 0 && hm_runtime_makes_cgroup(s->runtime);
}

static int write_config(const struct hm_sandbox *s, const char *const *argv,
			const char *const *envp, const char *cwd, struct hm_err *err)
{
	static const char *const writable[] = {"/tmp", "/var/tmp", "/home"};
	AUTO_BUF struct hm_buf text;
	AUTO_CLOSE int dir = open(BUNDLE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct rlimit files = {0};
	char cgroup[sizeof(HM_SANDBOX_GROUP_NAME) + sizeof(s->id) + 2];
	struct hm_oci c = {
		.root = HM_SANDBOX_ROOT, .build = s->spec.build_dir,
		.netns = s->networked ? s->spec.netns : NULL,
		.cgroup = makes_cgroup(s) ? cgroup : NULL,
		.argv = argv, .envp = envp, .cwd = cwd, .id_inside = s->id_inside,
		.id_first = s->id_first, .id_count = s->id_count, .uid = s->uid,
		.shm_bytes = s->spec.disk_bytes,
		.nproc_max = s->group.pids ? 0 : s->spec.pids_max,
	};
	int rc;

	(void)snprintf(cgroup, sizeof(cgroup), "/%s/%s", HM_SANDBOX_GROUP_NAME, s->id);
	if (hm_runtime_has_kernel(s->runtime)) {
		c.binds = writable;
		c.bind_count = HM_ARRAY_LEN(writable);
	}
	if (dir < 0 || getrlimit(RLIMIT_NOFILE, &files) != 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "sandbox");
	/* Above our own hard limit a root without CAP_SYS_RESOURCE may not go. */
	c.nofile_max = files.rlim_max < NOFILE_MAX ? files.rlim_max : NOFILE_MAX;
	hm_buf_init(&text, CONFIG_MAX);
	rc = hm_oci_write(&c, &text, err);
	if (rc == HM_OK)
		rc = hm_file_write_atomic(dir, "config.json", hm_buf_slice(&text), 0600, err);
	return rc;
}

static int read_pid(struct hm_process *ret_p, struct hm_err *err)
{
	AUTO_BUF struct hm_buf text;
	uint64_t pid;
	int fd, rc;

	hm_buf_init(&text, 32);
	rc = hm_file_read_user(PID_FILE, &text, err);
	if (rc != HM_OK)
		return rc;
	while (text.len > 0 && text.data[text.len - 1] == '\n')
		text.len--;
	if (!hm_parse_u64(hm_buf_slice(&text), INT32_MAX, &pid) || pid <= 1)
		return hm_fail(err, HM_E_FORMAT, 0, "the runtime's pid file is not a pid");
	fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "the container's first process");
	*ret_p = (struct hm_process){.pid = (pid_t)pid, .pidfd = fd};
	return HM_OK;
}

/*
 * The first N processors of those we have. A build sees it in nproc; it could
 * widen it again, which costs nobody but itself: cpu.max is the limit.
 */
static int set_affinity(const struct hm_sandbox *s, struct hm_err *err)
{
	cpu_set_t have, want;
	uint32_t left = s->spec.cpus;

	if (left == 0)
		return HM_OK;
	if (sched_getaffinity(0, sizeof(have), &have) != 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "processors");
	CPU_ZERO(&want);
	for (size_t i = 0; i < CPU_SETSIZE && left > 0; i++) {
		if (CPU_ISSET(i, &have)) {
			CPU_SET(i, &want);
			left--;
		}
	}
	if (sched_setaffinity(s->init.pid, sizeof(want), &want) != 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "processors of the build");
	return HM_OK;
}

/* Ends whatever there is of the container. */
static int destroy(struct hm_sandbox *s, struct hm_exit *ret_exit, struct hm_err *err)
{
	hm_deadline_t deadline = hm_deadline_in(KILL_MS);
	struct hm_runtime_paths p = paths(s);
	struct hm_exit status = {0};
	struct hm_err ignored;
	int rc = HM_OK;

	if (s->init.pid > 0) {
		/* Pid 1 of its namespace: none in there outlives it. */
		(void)syscall(SYS_pidfd_send_signal, s->init.pidfd, SIGKILL, NULL, 0);
		rc = hm_process_wait(&s->init, deadline, &status, err);
	}
	if (rc == HM_OK)
		rc = hm_sandbox_group_kill(&s->group, deadline, err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "sandbox");
	hm_strays_end(&s->strays);
	if (s->id[0] != 0 &&
	    hm_runtime_run(s->runtime, HM_RUNTIME_DELETE, &p, -1, -1, deadline, &ignored) != HM_OK)
		hm_log(HM_LOG_DEBUG, "ignoring %s", ignored.msg);
	s->id[0] = 0;
	if (ret_exit)
		*ret_exit = status;
	return HM_OK;
}

/* Into the cgroups, with what the runtime has made around it already. */
static int limit(const struct hm_sandbox *s, struct hm_err *err)
{
	struct hm_children all = {.pids = {s->init.pid}, .count = 1};
	int rc = HM_OK;

	if (hm_runtime_has_kernel(s->runtime))
		hm_children_below(s->init.pid, &all);
	for (size_t i = 0; rc == HM_OK && i < all.count; i++)
		rc = hm_sandbox_group_add(&s->group, all.pids[i], makes_cgroup(s), err);
	return rc;
}

/* From config.json to a running first process; -1 fds are /dev/null. */
static int launch(struct hm_sandbox *s, int stdout_fd, int stderr_fd, struct hm_err *err)
{
	hm_deadline_t deadline = hm_deadline_in(RUNTIME_MS);
	struct hm_runtime_paths p = paths(s);
	struct hm_children before;
	struct hm_err ignored;
	int rc;

	(void)unlink(PID_FILE);
	hm_children_list(&before);
	rc = hm_runtime_run(s->runtime, HM_RUNTIME_CREATE, &p, stdout_fd, stderr_fd, deadline, err);
	if (rc == HM_OK)
		rc = read_pid(&s->init, err);
	hm_strays_note(&s->strays, &before, s->init.pid);
	if (rc == HM_OK)
		rc = limit(s, err);
	if (rc == HM_OK)
		rc = set_affinity(s, err);
	if (rc == HM_OK)
		rc = hm_runtime_run(s->runtime, HM_RUNTIME_START, &p, -1, -1, deadline, err);
	if (rc != HM_OK && destroy(s, NULL, &ignored) != HM_OK)
		return hm_err_prefix(err, "%s; and then", ignored.msg);
	return rc;
}

/* One pipe whose write end the build may open again by name (/dev/stderr). */
static int make_pipe(const struct hm_sandbox *s, int *ret_read, int *ret_write,
		     struct hm_err *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "pipe");
	*ret_read = fds[0];
	*ret_write = fds[1];
	if (fchown(fds[1], s->owner.uid, s->owner.gid) != 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "pipe of the build");
	return HM_OK;
}

/* What the runtime said on the pipe that was to be the build's stderr. */
static void add_words(int fd, struct hm_err *err)
{
	AUTO_BUF struct hm_buf said;
	struct hm_err ignored;

	hm_buf_init(&said, 4096);
	if (hm_io_read_to_end(fd, &said, hm_deadline_in(1000), &ignored) == HM_OK && said.len > 0)
		(void)hm_err_prefix(err, "%s", HM_ESC(hm_buf_slice(&said)));
}

/* One container with these words, its stdout and stderr to be read. */
static int begin(struct hm_sandbox *s, const char *const *argv, const char *const *envp,
		 const char *cwd, bool offline, int *ret_stdout, int *ret_stderr,
		 struct hm_err *err)
{
	AUTO_CLOSE int out_read = -1;
	AUTO_CLOSE int out_write = -1;
	AUTO_CLOSE int err_read = -1;
	AUTO_CLOSE int err_write = -1;
	int rc;

	s->over_memory = false;
	s->networked = s->spec.netns && !offline;
	(void)snprintf(s->id, sizeof(s->id), "build-%u", ++s->serial);
	rc = write_config(s, argv, envp, cwd, err);
	if (rc == HM_OK)
		rc = make_pipe(s, &out_read, &out_write, err);
	if (rc == HM_OK)
		rc = make_pipe(s, &err_read, &err_write, err);
	if (rc != HM_OK)
		return rc;
	rc = launch(s, out_write, err_write, err);
	if (rc != HM_OK) {
		hm_cleanup_fd(&err_write);
		add_words(err_read, err);
		return rc;
	}
	*ret_stdout = HM_TAKE_FD(out_read);
	*ret_stderr = HM_TAKE_FD(err_read);
	return HM_OK;
}

static int put_probe(const struct hm_sandbox *s, struct hm_err *err)
{
	AUTO_CLOSE int fd = openat(s->root_fd, PROBE_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
				   0755);
	struct hm_slice probe = hm_selftest_probe();

	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "self-test");
	return hm_io_write_all(fd, probe.ptr, probe.len, HM_NO_DEADLINE, err);
}

/* Nothing of the build has run yet; nothing of it will, if this fails. */
static int self_test(struct hm_sandbox *s, bool offline, struct hm_err *err)
{
	const char *const argv[] = {
		"/" PROBE_NAME, s->spec.netns && !offline ? "network" : HM_PROBE_LOOPBACK,
		hm_runtime_has_kernel(s->runtime) ? HM_PROBE_OWN_KERNEL : NULL, NULL};
	const char *const envp[] = {NULL};
	hm_deadline_t deadline = hm_deadline_in(PROBE_MS);
	AUTO_CLOSE int out = -1;
	AUTO_CLOSE int errors = -1;
	AUTO_BUF struct hm_buf said;
	struct hm_exit status;
	int rc = put_probe(s, err);

	hm_buf_init(&said, 65536);
	if (rc == HM_OK)
		rc = begin(s, argv, envp, "/", offline, &out, &errors, err);
	if (rc == HM_OK)
		rc = hm_io_read_to_end(out, &said, deadline, err);
	if (rc == HM_OK)
		rc = hm_io_wait(s->init.pidfd, POLLIN, deadline, "the self-test", err);
	if (rc == HM_OK)
		rc = destroy(s, &status, err);
	if (rc == HM_OK)
		rc = hm_selftest_judge(hm_buf_slice(&said), &status, err);
	if (rc == HM_OK && unlinkat(s->root_fd, PROBE_NAME, 0) != 0)
		rc = hm_fail(err, HM_E_SYSTEM, errno, "self-test");
	return rc;
}

int hm_sandbox_new(const struct hm_sandbox_spec *spec, struct hm_sandbox **ret_s,
		   struct hm_err *err)
{
	struct hm_sandbox *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "sandbox");
	s->spec = *spec;
	s->root_fd = -1;
	s->init = HM_PROCESS_NONE;
	s->group = (struct hm_sandbox_group){.room = spec->room, .dir = {-1, -1, -1}};
	rc = hm_runtime_find(spec->runtime, &s->runtime, err);
	if (rc == HM_OK)
		rc = hm_runtime_version(s->runtime, hm_deadline_in(RUNTIME_MS), s->version, err);
	if (rc == HM_OK) {
		choose_ids(s);
		rc = hm_sandbox_root_lay(spec, s->owner, hm_runtime_has_kernel(s->runtime),
					 &s->root_fd, err);
	}
	if (rc == HM_OK && mkdir(BUNDLE, 0700) != 0 && errno != EEXIST)
		rc = hm_fail(err, HM_E_SYSTEM, errno, "sandbox");
	if (rc == HM_OK)
		rc = hm_sandbox_group_make(spec->room, spec->memory_bytes, spec->pids_max,
					   spec->cpus, &s->group, err);
	if (rc == HM_OK)
		rc = self_test(s, false, err);
	if (rc != HM_OK) {
		hm_sandbox_free(s);
		return hm_err_prefix(err, "sandbox");
	}
	*ret_s = s;
	return HM_OK;
}

int hm_sandbox_start(struct hm_sandbox *s, const struct hm_sandbox_command *c,
		     int *ret_stdout, int *ret_stderr, struct hm_err *err)
{
	const char *const argv[] = {"/bin/sh", "-euc", c->cmd, NULL};
	HM_CLEANUP(hm_sandbox_env_release) struct hm_sandbox_env env = {0};
	AUTO_BUF struct hm_buf path;
	char cwd[HM_PATH_MAX + 8];
	const char *path_text;
	int rc = HM_OK;

	HM_BUG_ON(s->init.pid > 0);
	hm_buf_init(&path, PATH_VALUE_MAX);
	if (c->dir)
		rc = hm_path_check(hm_slice_str(c->dir), err);
	(void)snprintf(cwd, sizeof(cwd), c->dir ? "/build/%s" : "/build", c->dir);
	if (rc == HM_OK)
		rc = hm_sandbox_root_chown(s->spec.build_dir, s->owner, err);
	if (rc == HM_OK)
		rc = hm_sandbox_root_path(&s->spec, &path, err);
	if (rc == HM_OK)
		rc = hm_buf_cstr(&path, &path_text, err);
	if (rc == HM_OK)
		rc = hm_sandbox_env_make(path_text, c->source_date_epoch, c->envp, &env, err);
	/* Without the network it is another configuration than the one tested. */
	if (rc == HM_OK && c->offline && s->spec.netns)
		rc = self_test(s, true, err);
	if (rc == HM_OK)
		rc = begin(s, argv, (const char *const *)env.items, cwd, c->offline, ret_stdout,
			   ret_stderr, err);
	return rc == HM_OK ? HM_OK : hm_err_prefix(err, "sandbox");
}

int hm_sandbox_finish(struct hm_sandbox *s, struct hm_exit *ret_exit,
		      bool *ret_out_of_memory, struct hm_err *err)
{
	struct hm_exit status;
	int rc;

	HM_BUG_ON(s->init.pid <= 0);
	rc = destroy(s, &status, err);
	if (rc != HM_OK)
		return rc;
	*ret_out_of_memory = hm_sandbox_group_oom(&s->group) || s->over_memory;
	*ret_exit = status;
	return HM_OK;
}

int hm_sandbox_kill(struct hm_sandbox *s, struct hm_err *err)
{
	return destroy(s, NULL, err);
}

void hm_sandbox_free(struct hm_sandbox *s)
{
	struct hm_err err;

	if (!s)
		return;
	if (destroy(s, NULL, &err) != HM_OK)
		hm_log(HM_LOG_WARN, "ignoring: %s", err.msg);
	if (s->root_fd >= 0) {
		(void)close(s->root_fd);
		hm_sandbox_root_drop();
	}
	hm_sandbox_group_remove(&s->group);
	free(s);
}
