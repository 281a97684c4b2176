/*
 * One command in the sandbox, and everything that goes on beside it: its output,
 * the network's records, new lanes, the host's cancel, the clock. One poll loop;
 * nothing in it waits for anything else.
 */
#include "session.h"

#include <poll.h>
#include <stdio.h>

#include "lib/log.h"

/* A lane says what it is at once; a stranger may not hold the loop. */
#define LANE_MS 2000
/* One read of build output. */
#define CHUNK 65536U

enum slot {
	SLOT_CONTROL,
	SLOT_STDOUT,
	SLOT_STDERR,
	SLOT_PIDFD,
	SLOT_NETWORK,
	SLOT_PORT,
	SLOT_COUNT,
};

struct run {
	struct hm_session *s;
	int out[HM_STREAM_COUNT];
	bool ended;
};

/* The host says cancel, breaks the rules, or is gone: each ends the build. */
static int on_control(struct hm_session *s, struct hm_err *err)
{
	struct hm_frame frame;
	int rc = hm_wire_receive(&s->link.wire, hm_deadline_in(LANE_MS), &frame,
				 err);

	if (rc < 0)
		return rc;
	return hm_fail(err, HM_E_CANCELLED, 0, "cancelled by the host");
}

static int on_output(struct run *r, enum hm_stream stream, struct hm_err *err)
{
	uint8_t chunk[CHUNK];
	size_t n = 0;
	int rc = hm_io_read_some(r->out[stream], chunk, sizeof(chunk),
				 hm_deadline_in(LANE_MS), &n, err);

	if (rc < 0)
		return rc;
	if (n == 0) {
		hm_cleanup_fd(&r->out[stream]);
		return HM_OK;
	}
	return hm_build_log_add(r->s->log, stream, hm_slice(chunk, n), err);
}

/*
 * A new connection during the build is a lane or nothing. What goes wrong with
 * it is the stranger's problem, not the build's.
 */
static int on_port(struct hm_session *s, struct hm_err *err)
{
	AUTO_CLOSE int fd = -1;
	struct hm_frame frame;
	struct hm_wire wire;
	struct hm_err ignored;
	int rc = hm_port_accept(s->port, hm_deadline_in(LANE_MS), &fd, err);

	if (rc == HM_E_CLOSED || rc == HM_E_SYSTEM)
		return rc;
	if (rc < 0)
		return HM_OK;
	hm_wire_init(&wire, fd, HM_SIDE_WORKER);
	rc = hm_wire_receive(&wire, hm_deadline_in(LANE_MS), &frame, &ignored);
	/* Bytes behind the frame would be lost: a lane waits for its answer. */
	if (rc == HM_OK && frame.type == HM_F_LANE && !hm_wire_pending(&wire))
		rc = hm_network_give_lane(s->network, HM_TAKE_FD(fd), err);
	else
		rc = HM_OK;
	hm_wire_release(&wire);
	return rc;
}

static void on_notice(void *ctx, struct hm_slice line)
{
	struct hm_session *s = ctx;

	(void)!hm_link_notice(&s->link, line, NULL);
}

static int handle(struct run *r, const struct pollfd *fds, struct hm_err *err)
{
	struct hm_session *s = r->s;
	int rc = HM_OK;

	if (fds[SLOT_CONTROL].revents != 0)
		rc = on_control(s, err);
	if (rc == HM_OK && fds[SLOT_STDOUT].revents != 0)
		rc = on_output(r, HM_STREAM_STDOUT, err);
	if (rc == HM_OK && fds[SLOT_STDERR].revents != 0)
		rc = on_output(r, HM_STREAM_STDERR, err);
	if (rc == HM_OK && fds[SLOT_NETWORK].revents != 0)
		rc = hm_network_handle(s->network, on_notice, s, err);
	if (rc == HM_OK && fds[SLOT_PORT].revents != 0)
		rc = on_port(s, err);
	if (fds[SLOT_PIDFD].revents != 0)
		r->ended = true;
	return rc;
}

/* To the build's limit, or to the next look at its memory. */
static int wait_ms(const struct hm_session *s)
{
	int left = hm_deadline_left(s->build_deadline);
	int watch = hm_sandbox_watch_ms(s->sandbox);

	return watch >= 0 && watch < left ? watch : left;
}

/* Until the first process ends, or something stops it. */
static int loop(struct run *r, struct hm_err *err)
{
	struct hm_session *s = r->s;

	while (!r->ended) {
		struct pollfd fds[SLOT_COUNT] = {
			[SLOT_CONTROL] = {s->control_fd, POLLIN, 0},
			[SLOT_STDOUT] = {r->out[HM_STREAM_STDOUT], POLLIN, 0},
			[SLOT_STDERR] = {r->out[HM_STREAM_STDERR], POLLIN, 0},
			[SLOT_PIDFD] = {hm_sandbox_pidfd(s->sandbox), POLLIN, 0},
			[SLOT_NETWORK] = {hm_network_pollfd(s->network), POLLIN,
					  0},
			[SLOT_PORT] = {s->port->fd, POLLIN, 0},
		};
		int n, rc;

		/* A frame that came with the source's last read: poll is blind. */
		if (hm_wire_pending(&s->link.wire))
			return on_control(s, err);
		n = poll(fds, SLOT_COUNT, wait_ms(s));
		if (n < 0 && errno != EINTR)
			return hm_fail(err, HM_E_SYSTEM, errno, "poll");
		if (hm_deadline_left(s->build_deadline) == 0)
			return hm_fail(err, HM_E_TIMEOUT, 0,
				       "the build took longer than its limit; "
				       "raise input.timeout_minutes or "
				       "--timeout-minutes");
		hm_sandbox_watch(s->sandbox);
		if (n <= 0)
			continue;
		rc = handle(r, fds, err);
		if (rc < 0)
			return rc;
	}
	return HM_OK;
}

/* Everything in the sandbox is dead, so both pipes come to their end. */
static int drain(struct run *r, struct hm_err *err)
{
	int rc = HM_OK;

	for (int i = 0; i < HM_STREAM_COUNT; i++) {
		while (rc == HM_OK && r->out[i] >= 0)
			rc = on_output(r, (enum hm_stream)i, err);
	}
	return rc;
}

/* "K=V" of the network's and of build.json, NULL-ended. Owned by the caller. */
static int environment(struct hm_session *s, char ***ret_env,
		       struct hm_err *err)
{
	const char *const *net = hm_network_env(s->network);
	size_t count = 0, n = 0;
	char **env;

	while (net && net[n])
		n++;
	env = calloc(n + s->spec.env_count + 1, sizeof(*env));
	if (!env)
		return hm_fail(err, HM_E_NOMEM, 0, "out of memory");
	*ret_env = env;
	for (size_t i = 0; i < n; i++) {
		env[count] = strdup(net[i]);
		if (!env[count++])
			return hm_fail(err, HM_E_NOMEM, 0, "out of memory");
	}
	for (size_t i = 0; i < s->spec.env_count; i++) {
		if (asprintf(&env[count], "%s=%s", s->spec.env_name[i],
			     s->spec.env_value[i]) < 0) {
			env[count] = NULL;
			return hm_fail(err, HM_E_NOMEM, 0, "out of memory");
		}
		count++;
	}
	return HM_OK;
}

static void environment_free(char **env)
{
	for (size_t i = 0; env && env[i]; i++)
		free(env[i]);
	free(env);
}

/* What the exit says, in the user's words. */
static int judge(struct hm_session *s, const struct hm_exit *e,
		 bool out_of_memory, const char *cmd, struct hm_err *err)
{
	if (out_of_memory)
		return hm_fail(err, HM_E_BUILD, 0,
			       "the build used more than its %llu MiB of "
			       "memory; raise input.memory_mib or --memory-mib",
			       (unsigned long long)s->config.memory_mib);
	if (!e->signalled && e->code == 0)
		return HM_OK;
	s->exit_status = (unsigned int)(e->signalled ? 128 + e->code : e->code);
	return hm_fail(err, HM_E_BUILD, 0, "'%s' %s %d",
		       HM_ESC(hm_slice_str(cmd)),
		       e->signalled ? "was killed by signal" :
				      "ended with exit status", e->code);
}

int hm_session_run(struct hm_session *s, const char *cmd, bool offline,
		   struct hm_err *err)
{
	struct run r = {.s = s, .out = {-1, -1}};
	struct hm_sandbox_command command = {
		.cmd = cmd, .dir = s->spec.dir, .offline = offline,
		.source_date_epoch = hm_source_result(s->source)->committer_s};
	bool out_of_memory = false;
	struct hm_exit e = {0};
	char **env = NULL;
	char note[512];
	int rc;

	(void)snprintf(note, sizeof(note), "+ %s", cmd);
	rc = hm_build_log_note(s->log, note, err);
	if (rc == HM_OK)
		rc = environment(s, &env, err);
	command.envp = (const char *const *)env;
	if (rc == HM_OK)
		rc = hm_sandbox_start(s->sandbox, &command,
				      &r.out[HM_STREAM_STDOUT],
				      &r.out[HM_STREAM_STDERR], err);
	if (rc == HM_OK)
		rc = loop(&r, err);
	if (rc == HM_OK)
		rc = hm_sandbox_finish(s->sandbox, &e, &out_of_memory, err);
	if (rc == HM_OK)
		rc = drain(&r, err);
	hm_cleanup_fd(&r.out[HM_STREAM_STDOUT]);
	hm_cleanup_fd(&r.out[HM_STREAM_STDERR]);
	environment_free(env);
	return rc < 0 ? rc : judge(s, &e, out_of_memory, cmd, err);
}
