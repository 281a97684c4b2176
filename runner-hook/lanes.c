/*
 * Keeps the idle lanes and the children that serve used ones. A child is forked
 * without exec: the caller is single-threaded, and the child only resolves,
 * dials and copies with what it inherited; it is killed by pidfd, never by
 * number. Distrusts the worker: it can use lanes up, not more than
 * HM_LANES_MAX at once.
 */
#include "runner-hook/lanes.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/log.h"
#include "lib/wire.h"
#include "runner-hook/lane_child.h"

#define HELLO_MS 5000

struct hm_lanes {
	hm_lane_connect_fn *connect;
	void *ctx;
	const struct hm_egress_policy *policy;
	int idle[HM_LANES_IDLE];
	size_t idle_count;
	struct {
		int pidfd;
		pid_t pid;
	} busy[HM_LANES_MAX];
	size_t busy_count;
	bool closed;		/* the worker wants no more lanes */
	struct hm_lanes_counts counts;
};

int hm_lanes_new(hm_lane_connect_fn *connect, void *ctx,
		 const struct hm_egress_policy *policy,
		 struct hm_lanes **ret_l, struct hm_err *err)
{
	struct hm_lanes *l;

	if (hm_egress_policy_check(policy, err) != HM_OK)
		return err->code;
	l = calloc(1, sizeof(*l));
	if (!l)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "lanes");
	l->connect = connect;
	l->ctx = ctx;
	l->policy = policy;
	*ret_l = l;
	return HM_OK;
}

void hm_lanes_free(struct hm_lanes *l)
{
	int status;

	if (!l)
		return;
	for (size_t i = 0; i < l->idle_count; i++)
		(void)close(l->idle[i]);
	for (size_t i = 0; i < l->busy_count; i++)
		(void)syscall(SYS_pidfd_send_signal, l->busy[i].pidfd, SIGKILL,
			      NULL, 0);
	for (size_t i = 0; i < l->busy_count; i++) {
		while (waitpid(l->busy[i].pid, &status, 0) < 0 && errno == EINTR)
			;
		(void)close(l->busy[i].pidfd);
	}
	free(l);
}

int hm_lanes_fill(struct hm_lanes *l, struct hm_err *err)
{
	uint8_t hello[HM_WIRE_HEADER] = {0};

	hello[5] = HM_F_LANE;	/* length 0, flags 0 */
	while (!l->closed && l->idle_count < HM_LANES_IDLE &&
	       l->idle_count + l->busy_count < HM_LANES_MAX) {
		AUTO_CLOSE int fd = -1;

		if (l->connect(l->ctx, &fd, err) != HM_OK)
			return hm_err_prefix(err, "lane");
		if (hm_io_write_all(fd, hello, sizeof(hello),
				    hm_deadline_in(HELLO_MS), err) != HM_OK)
			return hm_err_prefix(err, "lane");
		l->idle[l->idle_count++] = HM_TAKE_FD(fd);
		l->counts.opened++;
	}
	return HM_OK;
}

size_t hm_lanes_pollfds(const struct hm_lanes *l, struct pollfd *fds, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < l->idle_count && n < max; i++)
		fds[n++] = (struct pollfd){.fd = l->idle[i], .events = POLLIN};
	for (size_t i = 0; i < l->busy_count && n < max; i++)
		fds[n++] = (struct pollfd){.fd = l->busy[i].pidfd,
					   .events = POLLIN};
	return n;
}

static HM_NORETURN void child(struct hm_lanes *l, int lane, pid_t parent)
{
	sigset_t none;

	/* Only the lane and stderr: no enclave, no control connection. */
	/* The parent's signal descriptor is closed here; its number is not ours. */
	hm_io_set_cancel_fd(-1);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent ||
	    dup2(lane, 3) < 0 || syscall(SYS_close_range, 4U, ~0U, 0) < 0)
		_exit(HM_LANE_FAILED);
	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	/* The terminal's interrupt is for the parent, which ends us. */
	(void)signal(SIGINT, SIG_IGN);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* Closed above; a number that means something else by now. */
	hm_io_set_cancel_fd(-1);
	_exit((int)hm_lane_serve(3, l->policy));
}

/* Takes the lane: closes it here, whatever happens. */
static void start_child(struct hm_lanes *l, int fd)
{
	AUTO_CLOSE int lane = fd;
	pid_t parent = getpid();
	pid_t pid = fork();
	int pidfd;

	if (pid == 0)
		child(l, lane, parent);
	if (pid < 0) {
		hm_log(HM_LOG_WARN, "lane: fork: %s; ignoring the request",
		       strerror(errno));
		l->counts.failed++;
		return;
	}
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		l->counts.failed++;
		return;
	}
	l->busy[l->busy_count].pidfd = pidfd;
	l->busy[l->busy_count].pid = pid;
	l->busy_count++;
}

static void idle_ready(struct hm_lanes *l, size_t i)
{
	int fd = l->idle[i];
	char c;
	ssize_t n = recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	l->idle[i] = l->idle[--l->idle_count];
	if (n > 0) {
		start_child(l, fd);
		return;
	}
	/* Ended without a request: the worker's network is over. */
	(void)close(fd);
	l->closed = true;
}

static void busy_ready(struct hm_lanes *l, size_t i)
{
	int status = 0;

	if (waitpid(l->busy[i].pid, &status, WNOHANG) != l->busy[i].pid)
		return;
	(void)close(l->busy[i].pidfd);
	l->busy[i] = l->busy[--l->busy_count];
	switch (WIFEXITED(status) ? WEXITSTATUS(status) : HM_LANE_FAILED) {
	case HM_LANE_SERVED:
		l->counts.served++;
		break;
	case HM_LANE_REFUSED:
		l->counts.refused++;
		break;
	case HM_LANE_BROKEN:
		l->counts.broken++;
		break;
	default:
		l->counts.failed++;
	}
}

int hm_lanes_handle(struct hm_lanes *l, const struct pollfd *fds, size_t count,
		    struct hm_err *err)
{
	/* Downwards: taking one out moves only later ones. */
	for (size_t i = l->busy_count; i-- > 0;)
		for (size_t n = 0; n < count; n++)
			if (fds[n].fd == l->busy[i].pidfd &&
			    fds[n].revents != 0) {
				busy_ready(l, i);
				break;
			}
	for (size_t i = l->idle_count; i-- > 0;)
		for (size_t n = 0; n < count; n++)
			if (fds[n].fd == l->idle[i] && fds[n].revents != 0) {
				idle_ready(l, i);
				break;
			}
	/* Who opened none wants none: a build without network gets no lane. */
	return l->counts.opened > 0 ? hm_lanes_fill(l, err) : HM_OK;
}

struct hm_lanes_counts hm_lanes_counts(const struct hm_lanes *l)
{
	return l->counts;
}
