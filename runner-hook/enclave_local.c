/*
 * The local back end: the worker as PID 1 of its own namespaces on this host.
 *
 * Theory of operation. One clone3() makes the process with new pid, mount, ipc,
 * uts and network namespaces (and a user namespace when we are not root), inside
 * a cgroup of its own. It waits on a pipe until its ids and groups are set, then
 * executes the worker with four descriptors: 0 = /dev/null, 1 and 2 = console,
 * 3 = the port. As PID 1 of its pid namespace its death kills everything below
 * it at once, and it dies with us (PR_SET_PDEATHSIG, and end of file on the
 * pipe for the moment before that is set), so SIGKILL of runner-hook at any
 * step leaves nothing but an empty cgroup, which the next start removes.
 *
 * Must: no name in any file system, no listening socket, nothing inherited.
 */
#include "runner-hook/enclave.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/sched.h>

#include "lib/log.h"
#include "lib/path.h"
#include "lib/process.h"
#include "runner-hook/host_cgroup.h"
#include "runner-hook/id_map.h"

/* Where the worker finds its port. */
#define PORT_FD 3
/* A connection waits here until the worker takes it. */
#define STOP_MS 2000
/* Of the whole enclave when nobody says; a kernel build with -j16 needs 600. */
#define PIDS_DEFAULT 4096U
/* Kept for the host when nobody says how much memory an enclave may have. */
#define HOST_SHARE 4U

struct hm_enclave {
	pid_t pid;
	int pidfd;
	int port;
	int console;
	struct hm_host_cgroup cgroup;
};

/* What the child needs; everything is prepared before the clone. */
struct birth {
	const char *worker_path;
	int go_read;		/* one byte: ids and groups are set */
	int go_write;		/* the parent's end: closed in the child */
	int status_write;	/* CLOEXEC: an exec that works says nothing */
	int port;
	int console;
};

static HM_NORETURN void child_fail(int fd, const char *what)
{
	char msg[256];
	int n = snprintf(msg, sizeof(msg), "%s: %s", what, strerror(errno));

	if (n > 0)
		(void)!write(fd, msg, (size_t)n < sizeof(msg) ? (size_t)n : sizeof(msg) - 1);
	_exit(127);
}

/* Supplementary groups (docker, sudo, ...) open doors that the uid does not. */
static void drop_groups(int status_fd)
{
	char text[8] = "";
	int fd = open("/proc/self/setgroups", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		(void)!read(fd, text, sizeof(text) - 1);
		(void)close(fd);
	}
	if (strncmp(text, "deny", 4) == 0)
		return;	/* single-id user namespace: the kernel forbids it */
	if (setgroups(0, NULL) != 0 || setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0)
		child_fail(status_fd, "drop groups");
}

static HM_NORETURN void child_run(const struct birth *b)
{
	static char arg0[] = "enclave-worker", arg1[] = "--local";
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *argv[] = {arg0, arg1, NULL}, *envp[] = {path, NULL};
	enum { STATUS_FD = PORT_FD + 1, HIGH = 16 };
	sigset_t none;
	int fds[STATUS_FD + 1];
	char go;

	(void)close(b->go_write);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		child_fail(b->status_write, "PR_SET_PDEATHSIG");
	if (read(b->go_read, &go, 1) != 1)
		_exit(127);	/* the parent is gone or gave up */
	drop_groups(b->status_write);
	if (setsid() < 0 || chdir("/") != 0)
		child_fail(b->status_write, "new session");
	/* Again, since a change of credentials may have cleared it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		child_fail(b->status_write, "PR_SET_PDEATHSIG");
	(void)umask(022);

	fds[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
	fds[1] = b->console;
	fds[2] = b->console;
	fds[PORT_FD] = b->port;
	fds[STATUS_FD] = b->status_write;
	for (int i = 0; i <= STATUS_FD; i++) {
		fds[i] = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD_CLOEXEC, HIGH);
		if (fds[i] < 0)
			child_fail(b->status_write, "duplicate a descriptor");
	}
	for (int i = 0; i <= STATUS_FD; i++) {
		if (dup3(fds[i], i, i == STATUS_FD ? O_CLOEXEC : 0) < 0)
			child_fail(fds[STATUS_FD], "place a descriptor");
	}
	if (syscall(SYS_close_range, STATUS_FD + 1U, ~0U, 0) != 0)
		child_fail(STATUS_FD, "close_range");
	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);	/* KILL and STOP refuse: fine */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execve(b->worker_path, argv, envp);
	child_fail(STATUS_FD, b->worker_path);
}

static pid_t clone_once(uint64_t flags, int cgroup, const struct birth *b, int *ret_pidfd)
{
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
	};
	long pid;

	if (cgroup >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint32_t)cgroup;
	}
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		child_run(b);
	return (pid_t)pid;
}

/*
 * Root needs no user namespace, unless it is a container's root without
 * CAP_SYS_ADMIN; so root tries without first.
 */
static int clone_worker(struct hm_enclave *e, const struct birth *b,
			bool *ret_user_ns, struct hm_err *err)
{
	const uint64_t ns = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS |
			    CLONE_NEWNET;
	bool user_ns = geteuid() != 0;

	for (;;) {
		uint64_t flags = ns | (user_ns ? CLONE_NEWUSER : 0);

		e->pid = clone_once(flags, e->cgroup.unified, b, &e->pidfd);
		if (e->pid < 0 && e->cgroup.unified >= 0 &&
		    (errno == EACCES || errno == EPERM || errno == EBUSY || errno == EOPNOTSUPP))
			e->pid = clone_once(flags, -1, b, &e->pidfd);
		if (e->pid > 0) {
			*ret_user_ns = user_ns;
			return HM_OK;
		}
		e->pid = 0;
		if (errno != EPERM || user_ns)
			break;
		user_ns = true;
	}
	if (errno == EPERM || errno == ENOSPC)
		return hm_fail(err, HM_E_SYSTEM, errno,
			       "this host does not let its users make namespaces; allow it "
			       "(sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, "
			       "kernel.apparmor_restrict_unprivileged_userns=0) or run as root");
	return hm_fail(err, HM_E_SYSTEM, errno, "clone3");
}

static uint64_t default_memory(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	if (pages <= 0 || size <= 0)
		return 4ULL << 30;
	return (uint64_t)pages * (uint64_t)size / HOST_SHARE * (HOST_SHARE - 1);
}

/* Ids, groups, then the byte that lets it go; then the fate of its exec. */
static int release_child(struct hm_enclave *e, const struct birth *b, bool user_ns,
			 int status_read, hm_deadline_t deadline, struct hm_err *err)
{
	char why[256];
	size_t n = 0;
	int rc = hm_host_cgroup_add(&e->cgroup, e->pid, err);

	if (rc == HM_OK && user_ns)
		rc = hm_id_map_write(e->pid, deadline, err);
	if (rc == HM_OK)
		rc = hm_io_write_all(b->go_write, "g", 1, deadline, err);
	if (rc == HM_OK)
		rc = hm_io_read_some(status_read, why, sizeof(why) - 1, deadline, &n, err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "local enclave");
	why[n] = 0;
	if (n > 0)
		return hm_fail(err, HM_E_SYSTEM, 0, "local enclave: %s", why);
	return HM_OK;
}

static void local_stop(struct hm_enclave *e)
{
	if (!e)
		return;
	if (e->pid > 0) {
		struct hm_process p = {.pid = e->pid, .pidfd = e->pidfd};
		struct hm_exit status;
		struct hm_err err;

		/* PID 1 of its namespace: the kernel kills the rest with it. */
		(void)kill(e->pid, SIGKILL);
		if (hm_process_wait(&p, hm_deadline_in(STOP_MS), &status, &err) != HM_OK) {
			hm_log(HM_LOG_WARN, "ignoring that the local enclave lingers: %s", err.msg);
			hm_cleanup_fd(&p.pidfd);
		}
	}
	hm_cleanup_fd(&e->port);
	hm_cleanup_fd(&e->console);
	hm_host_cgroup_remove(&e->cgroup);
	free(e);
}

static int local_start(const struct hm_enclave_spec *spec, hm_deadline_t deadline,
		       struct hm_enclave **ret_e, struct hm_err *err)
{
	AUTO_CLOSE int port = -1;
	AUTO_CLOSE int console = -1;
	AUTO_CLOSE int go_read = -1;
	AUTO_CLOSE int go_write = -1;
	AUTO_CLOSE int status_read = -1;
	AUTO_CLOSE int status_write = -1;
	int ports[2], pipes[3][2], rc;
	struct hm_enclave *e;
	struct birth b;
	bool user_ns = false;

	HM_BUG_ON(!spec->worker_path);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ports) != 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "socketpair");
	port = ports[1];
	e = calloc(1, sizeof(*e));
	if (!e) {
		(void)close(ports[0]);
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "local enclave");
	}
	*e = (struct hm_enclave){.pidfd = -1, .port = ports[0], .console = -1,
				 .cgroup = HM_HOST_CGROUP_NONE};
	for (size_t i = 0; i < 3; i++) {
		int *const ends[3][2] = {{&e->console, &console}, {&go_read, &go_write},
				   {&status_read, &status_write}};

		if (pipe2(pipes[i], O_CLOEXEC) != 0) {
			rc = hm_fail(err, HM_E_SYSTEM, errno, "pipe");
			local_stop(e);
			return rc;
		}
		*ends[i][0] = pipes[i][0];
		*ends[i][1] = pipes[i][1];
	}
	hm_host_cgroup_make(spec->memory_mib ? (uint64_t)spec->memory_mib << 20 :
					       default_memory(),
			    spec->pids_max ? spec->pids_max : PIDS_DEFAULT, &e->cgroup);
	b = (struct birth){.worker_path = spec->worker_path, .go_read = go_read,
			   .go_write = go_write, .status_write = status_write,
			   .port = port, .console = console};
	rc = clone_worker(e, &b, &user_ns, err);
	(void)close(HM_TAKE_FD(status_write));
	if (rc == HM_OK)
		rc = release_child(e, &b, user_ns, status_read, deadline, err);
	if (rc == HM_OK)
		rc = hm_io_set_nonblock(e->console, true, err);
	if (rc != HM_OK) {
		local_stop(e);
		return rc;
	}
	*ret_e = e;
	return HM_OK;
}

static int local_connect(struct hm_enclave *e, hm_deadline_t deadline, int *ret_fd,
			 struct hm_err *err)
{
	AUTO_CLOSE int ours = -1;
	AUTO_CLOSE int theirs = -1;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	char byte = 'c';
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "socketpair");
	ours = pair[0];
	theirs = pair[1];
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &theirs, sizeof(int));
	for (;;) {
		int rc;

		if (sendmsg(e->port, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) == 1)
			break;
		if (errno == EPIPE || errno == ECONNRESET)
			return hm_fail(err, HM_E_CLOSED, 0, "the local enclave ended");
		if (errno != EAGAIN && errno != EINTR && errno != ETOOMANYREFS)
			return hm_fail(err, HM_E_SYSTEM, errno, "connect to the local enclave");
		rc = hm_io_wait(e->port, POLLOUT, deadline, "the local enclave", err);
		if (rc != HM_OK)
			return rc;
	}
	*ret_fd = HM_TAKE_FD(ours);
	return HM_OK;
}

static int local_console(struct hm_enclave *e)
{
	return e->console;
}

static int local_reap(struct hm_err *err)
{
	size_t count = hm_host_cgroup_reap();

	(void)err;
	if (count > 0)
		hm_log(HM_LOG_INFO, "removed what %zu interrupted runs left behind", count);
	return HM_OK;
}

const struct hm_enclave_backend hm_enclave_local = {
	.name = "local",
	.start = local_start,
	.connect = local_connect,
	.console = local_console,
	.stop = local_stop,
	.reap = local_reap,
};
