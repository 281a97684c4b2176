/*
 * Children. What a child inherits is listed, not subtracted: fds are put in
 * their places and close_range() drops the rest (class of runc CVE-2024-21626);
 * the environment is exactly what the caller gives; signal state is reset.
 */
#include "lib/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Enough for control, port, console, lanes; asserted, not discovered. */
#define KEEP_MAX 16

static void child_say(int fd, const char *what)
{
	char msg[256];
	int n = snprintf(msg, sizeof(msg), "%s: %s", what, strerror(errno));

	if (n > 0)
		(void)!write(fd, msg, (size_t)n < sizeof(msg) ? (size_t)n :
								sizeof(msg) - 1);
	_exit(127);
}

/* In the child. status_fd is CLOEXEC: an exec that works closes it silently. */
static HM_NORETURN void child_run(const struct hm_process_spec *spec,
				  int status_fd, pid_t parent)
{
	static const char *const only_path[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		NULL};
	int fds[3 + KEEP_MAX], high = 3 + (int)spec->keep_count;
	const char *const *envp = spec->envp ? spec->envp : only_path;
	char *const *argv, *const *env;
	sigset_t none;

	if (spec->die_with_parent) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
			child_say(status_fd, "prctl");
		if (getppid() != parent)	/* it died before we asked */
			_exit(127);
	}
	if (spec->new_session && setsid() < 0)
		child_say(status_fd, "setsid");
	if (spec->chdir_fd > 0 && fchdir(spec->chdir_fd) < 0)
		child_say(status_fd, "change directory");

	fds[0] = spec->stdin_fd;
	fds[1] = spec->stdout_fd;
	fds[2] = spec->stderr_fd;
	for (size_t i = 0; i < spec->keep_count; i++)
		fds[3 + i] = spec->keep_fds[i];
	/* Out of the way of the places first, then into them. */
	for (int i = 0; i < high; i++) {
		int from = fds[i];

		if (from < 0)
			from = open("/dev/null", O_RDWR | O_CLOEXEC);
		fds[i] = from < 0 ? -1 : fcntl(from, F_DUPFD_CLOEXEC, high + 1);
		if (fds[i] < 0)
			child_say(status_fd, "duplicate a file descriptor");
	}
	status_fd = fcntl(status_fd, F_DUPFD_CLOEXEC, high + 1);
	if (status_fd < 0)
		_exit(127);
	for (int i = 0; i < high; i++) {
		if (dup2(fds[i], i) < 0)
			child_say(status_fd, "place a file descriptor");
	}
	if (dup3(status_fd, high, O_CLOEXEC) < 0)
		_exit(127);
	if (syscall(SYS_close_range, (unsigned int)high + 1, ~0U, 0) < 0)
		child_say(high, "close_range");

	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);	/* KILL and STOP refuse: fine */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* execvpe does not write to its arrays; its type is older than const. */
	memcpy(&argv, &spec->argv, sizeof(argv));
	memcpy(&env, &envp, sizeof(env));
	(void)execvpe(spec->argv[0], argv, env);
	child_say(high, "exec");
	_exit(127);
}

int hm_process_start(const struct hm_process_spec *spec,
		     struct hm_process *ret_p, struct hm_err *err)
{
	AUTO_CLOSE int status_read = -1;
	AUTO_CLOSE int status_write = -1;
	char why[256];
	size_t n = 0;
	pid_t pid, parent = getpid();
	int pipefd[2], pidfd, rc;

	HM_BUG_ON(spec->keep_count > KEEP_MAX);
	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "pipe");
	status_read = pipefd[0];
	status_write = pipefd[1];
	pid = fork();
	if (pid < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "fork");
	if (pid == 0)
		child_run(spec, status_write, parent);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0) {
		rc = hm_fail(err, HM_E_SYSTEM, errno, "pidfd_open");
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return rc;
	}
	(void)close(HM_TAKE_FD(status_write));
	rc = hm_io_read_some(status_read, why, sizeof(why) - 1, HM_NO_DEADLINE,
			     &n, err);
	if (rc == HM_OK && n == 0) {
		*ret_p = (struct hm_process){.pid = pid, .pidfd = pidfd};
		return HM_OK;
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	(void)close(pidfd);
	if (rc < 0)
		return rc;
	why[n] = 0;
	return hm_fail(err, HM_E_SYSTEM, 0, "%s: %s", spec->argv[0], why);
}

static struct hm_exit decode_status(int status)
{
	if (WIFSIGNALED(status))
		return (struct hm_exit){true, WTERMSIG(status)};
	return (struct hm_exit){false, WEXITSTATUS(status)};
}

int hm_process_wait(struct hm_process *p, hm_deadline_t deadline,
		    struct hm_exit *ret_exit, struct hm_err *err)
{
	int status = 0, rc;
	pid_t got;

	HM_BUG_ON(p->pid <= 0);
	rc = hm_io_wait(p->pidfd, POLLIN, deadline, "wait for a program", err);
	if (rc < 0)
		return rc;
	do {
		got = waitpid(p->pid, &status, 0);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "waitpid");
	(void)close(p->pidfd);
	*p = HM_PROCESS_NONE;
	*ret_exit = decode_status(status);
	return HM_OK;
}

void hm_process_kill(struct hm_process *p)
{
	int status;

	if (p->pid <= 0)
		return;
	(void)kill(p->pid, SIGKILL);
	while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
		;
	(void)close(p->pidfd);
	*p = HM_PROCESS_NONE;
}

/* Reads what is there; *open becomes false at end of file. */
static int drain(int fd, struct hm_buf *b, bool *open, struct hm_err *err)
{
	uint8_t *at;
	size_t n;
	int rc;

	/* One byte over the cap is read to tell "full" from "too large". */
	if (b->len == b->max) {
		uint8_t extra;

		rc = hm_io_read_some(fd, &extra, 1, HM_NO_DEADLINE, &n, err);
		if (rc < 0)
			return rc;
		if (n != 0)
			return hm_fail(err, HM_E_TOO_LARGE, 0,
				       "more than %zu bytes of output", b->max);
		*open = false;
		return HM_OK;
	}
	n = b->max - b->len < 65536 ? b->max - b->len : 65536;
	rc = hm_buf_reserve(b, n, &at, err);
	if (rc < 0)
		return rc;
	rc = hm_io_read_some(fd, at, n, HM_NO_DEADLINE, &n, err);
	if (rc < 0)
		return rc;
	hm_buf_grown(b, n);
	*open = n > 0;
	return HM_OK;
}

static int collect(int out_fd, int err_fd,
		   struct hm_buf *out, struct hm_buf *err_out,
		   hm_deadline_t deadline, struct hm_err *err)
{
	bool out_open = out_fd >= 0, err_open = err_fd >= 0;

	while (out_open || err_open) {
		struct pollfd fds[3] = {
			{.fd = out_open ? out_fd : -1, .events = POLLIN},
			{.fd = err_open ? err_fd : -1, .events = POLLIN},
			{.fd = hm_io_cancel_fd(), .events = POLLIN},
		};
		int n = poll(fds, 3, hm_deadline_left(deadline)), rc = HM_OK;

		if (n < 0 && errno != EINTR)
			return hm_fail(err, HM_E_SYSTEM, errno, "poll");
		if (n == 0 && hm_deadline_left(deadline) == 0)
			return hm_fail(err, HM_E_TIMEOUT, 0, "timed out");
		if (n > 0 && fds[2].revents != 0)
			return hm_fail(err, HM_E_CANCELLED, 0, "cancelled");
		if (n > 0 && fds[0].revents != 0)
			rc = drain(out_fd, out, &out_open, err);
		if (rc == HM_OK && n > 0 && fds[1].revents != 0)
			rc = drain(err_fd, err_out, &err_open, err);
		if (rc < 0)
			return rc;
	}
	return HM_OK;
}

int hm_process_run(const struct hm_process_spec *spec, struct hm_buf *out,
		   struct hm_buf *err_out, hm_deadline_t deadline,
		   struct hm_exit *ret_exit, struct hm_err *err)
{
	struct hm_process p = HM_PROCESS_NONE;
	struct hm_process_spec s = *spec;
	AUTO_CLOSE int out_read = -1;
	AUTO_CLOSE int out_write = -1;
	AUTO_CLOSE int err_read = -1;
	AUTO_CLOSE int err_write = -1;
	int fds[2], rc;

	if (out) {
		if (pipe2(fds, O_CLOEXEC) < 0)
			return hm_fail(err, HM_E_SYSTEM, errno, "pipe");
		out_read = fds[0];
		out_write = fds[1];
		s.stdout_fd = out_write;
	}
	if (err_out) {
		if (pipe2(fds, O_CLOEXEC) < 0)
			return hm_fail(err, HM_E_SYSTEM, errno, "pipe");
		err_read = fds[0];
		err_write = fds[1];
		s.stderr_fd = err_write;
	}
	rc = hm_process_start(&s, &p, err);
	if (rc < 0)
		return rc;
	hm_cleanup_fd(&out_write);
	hm_cleanup_fd(&err_write);
	rc = collect(out_read, err_read, out, err_out, deadline, err);
	if (rc == HM_OK)
		rc = hm_process_wait(&p, deadline, ret_exit, err);
	if (rc < 0) {
		hm_process_kill(&p);
		return hm_err_prefix(err, "%s", spec->argv[0]);
	}
	return HM_OK;
}
