/*
 * The host's end of the control connection. The worker is measured, but which
 * worker this is only the verifier finds out; so frames are checked here as if
 * from a stranger, and everything textual is escaped before it is shown.
 *
 * While the source goes out the worker may already have something to say (it
 * refuses, above all): between frames the connection is looked at.
 */
#include "runner-hook/host.h"

#include <poll.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/sysinfo.h>

#include "lib/dev_root.h"
#include "lib/hex.h"
#include "lib/log.h"
#include "runner-hook/object_sender.h"

/* Threads and processes of a parallel build of a large project. */
#define PIDS_MAX 4096U
#define TIMEOUT_MINUTES 60U
/*
 * What a worker may put into the job's log. An honest one stops its build log at
 * 32 MiB; the rest is notices. A runner keeps and uploads every line.
 */
#define TALK_MAX (40ULL << 20)
/* Frames looked at between two of the source; an honest worker sends one. */
#define LOOK_MAX 64U

static hm_deadline_t answer_by(void)
{
	return hm_deadline_in(HM_HOST_ANSWER_MS);
}

/* HM_F_FAILED, in the words the worker chose for the user. */
static int on_failed(struct hm_host *h, struct hm_slice body, struct hm_err *err)
{
	struct hm_msg_failed msg = {0};
	int rc = hm_msg_decode(HM_MSG_FAILED, body, &msg, err);
	static const enum hm_code codes[] = {
		HM_E_SYSTEM,  HM_E_NOMEM,   HM_E_TOO_LARGE, HM_E_FORMAT,
		HM_E_PROTOCOL, HM_E_POLICY, HM_E_CRYPTO,    HM_E_TIMEOUT,
		HM_E_CANCELLED, HM_E_BUILD};
	enum hm_code code = HM_E_PROTOCOL;

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < HM_ARRAY_LEN(codes); i++) {
		if (strcmp(msg.code, hm_code_name(codes[i])) == 0)
			code = codes[i];
	}
	h->build_status = msg.exit_status > 255 ? 255 :
						  (unsigned int)msg.exit_status;
	rc = hm_fail(err, code, 0, "%s: %s", msg.step, msg.message);
	hm_msg_release(HM_MSG_FAILED, &msg);
	return rc;
}

static int on_state(struct hm_host *h, struct hm_slice body, struct hm_err *err)
{
	static const char *const titles[HM_ST_COUNT] = {
		[HM_ST_LATCHED] = "preparing the sandbox",
		[HM_ST_BUILDING] = "building",
		[HM_ST_MEASURED] = "attesting",
		[HM_ST_PACKED] = "receiving the release tar",
	};
	struct hm_msg_state msg = {0};
	int rc = hm_msg_decode(HM_MSG_STATE, body, &msg, err);

	if (rc < 0)
		return rc;
	rc = msg.state < HM_ST_COUNT && msg.state < HM_ST_DONE ?
		     hm_wire_advance(&h->wire, (enum hm_state)msg.state, err) :
		     hm_fail(err, HM_E_PROTOCOL, 0, "state %llu",
			     (unsigned long long)msg.state);
	if (rc == HM_OK) {
		if (msg.state != HM_ST_BUILDING && msg.state != HM_ST_ATTESTED)
			hm_progress_result(h->progress,
					   hm_slice_str(msg.detail));
		if (titles[msg.state])
			hm_progress_step(h->progress, titles[msg.state]);
	}
	hm_msg_release(HM_MSG_STATE, &msg);
	return rc;
}

static int on_progress(struct hm_host *h, struct hm_slice body,
		       struct hm_err *err)
{
	struct hm_msg_progress msg = {0};
	int rc = hm_msg_decode(HM_MSG_PROGRESS, body, &msg, err);

	if (rc < 0)
		return rc;
	hm_progress_update(h->progress, msg.done, msg.total, msg.unit);
	hm_msg_release(HM_MSG_PROGRESS, &msg);
	return HM_OK;
}

static int on_done(struct hm_host *h, struct hm_slice body, struct hm_err *err)
{
	struct hm_msg_done msg = {0};
	int rc = hm_msg_decode(HM_MSG_DONE, body, &msg, err);

	if (rc < 0)
		return rc;
	h->tar_size = msg.size;
	rc = hm_package_finish(h->package, msg.size, hm_buf_slice(&msg.sha256),
			       h->tar_sha256, err);
	hm_msg_release(HM_MSG_DONE, &msg);
	if (rc == HM_OK)
		rc = hm_wire_advance(&h->wire, HM_ST_DONE, err);
	h->done = rc == HM_OK;
	return rc;
}

/* What is shown is counted: a log that never ends fills the runner's disk. */
static int count_talk(struct hm_host *h, const struct hm_frame *f,
		      struct hm_err *err)
{
	if (f->type != HM_F_LOG && f->type != HM_F_NOTICE)
		return HM_OK;
	/* A notice is a line, however little it says. */
	h->talk += f->body.len + (f->type == HM_F_NOTICE ? 64 : 0);
	if (h->talk > TALK_MAX)
		return hm_fail(err, HM_E_PROTOCOL, 0,
			       "the worker says more than %llu MiB",
			       TALK_MAX >> 20);
	return HM_OK;
}

static int on_tar(struct hm_host *h, struct hm_slice part, struct hm_err *err)
{
	/* Each part moves the time limit, so each must bring something. */
	if (part.len == 0)
		return hm_fail(err, HM_E_PROTOCOL, 0,
			       "an empty part of the release tar");
	return hm_package_add(h->package, part, err);
}

static int on_frame(struct hm_host *h, const struct hm_frame *f,
		    struct hm_err *err)
{
	int rc = count_talk(h, f, err);

	if (rc < 0)
		return rc;
	switch (f->type) {
	case HM_F_PROGRESS:
		return on_progress(h, f->body, err);
	case HM_F_STATE:
		return on_state(h, f->body, err);
	case HM_F_LOG:
		hm_progress_log(h->progress, (f->flags & HM_FF_STDERR) != 0,
				f->body);
		return HM_OK;
	case HM_F_NOTICE:
		hm_progress_notice(h->progress, f->body);
		return HM_OK;
	case HM_F_TAR:
		return on_tar(h, f->body, err);
	case HM_F_DONE:
		return on_done(h, f->body, err);
	case HM_F_FAILED:
		return on_failed(h, f->body, err);
	case HM_F_WELCOME:
	case HM_F_READY:
	case HM_F_HELLO:
	case HM_F_CONFIG:
	case HM_F_OBJECT:
	case HM_F_CANCEL:
	case HM_F_LANE:
		break;
	}
	return hm_fail(err, HM_E_PROTOCOL, 0, "unexpected frame type %u",
		       (unsigned int)f->type);
}

/* Waits for one frame of this type; failures and notices may come instead. */
static int await(struct hm_host *h, enum hm_frame_type type,
		 struct hm_frame *ret, struct hm_err *err)
{
	/* One limit for all of them: talking is no answer. */
	hm_deadline_t by = answer_by();

	for (;;) {
		int rc = hm_wire_receive(&h->wire, by, ret, err);

		if (rc < 0 || ret->type == type)
			return rc;
		rc = on_frame(h, ret, err);
		if (rc < 0)
			return rc;
	}
}

static int send_msg(struct hm_host *h, enum hm_frame_type type,
		    enum hm_msg_kind kind, const void *msg, struct hm_err *err)
{
	AUTO_BUF struct hm_buf body;
	int rc;

	hm_buf_init_secret(&body, HM_WIRE_CHUNK);
	rc = hm_msg_encode(kind, msg, &body, err);
	if (rc == HM_OK)
		rc = hm_wire_send(&h->wire, type, 0, hm_buf_slice(&body),
				  answer_by(), err);
	return rc < 0 ? rc : hm_wire_flush(&h->wire, answer_by(), err);
}

int hm_host_greet(struct hm_host *h, struct hm_err *err)
{
	char program[] = "runner-hook " HM_VERSION;
	struct hm_msg_hello hello = {.program = program,
				     .version_min = HM_WIRE_VERSION,
				     .version_max = HM_WIRE_VERSION};
	struct hm_msg_welcome welcome = {0};
	struct hm_frame frame;
	char line[256];
	int rc = send_msg(h, HM_F_HELLO, HM_MSG_HELLO, &hello, err);

	if (rc == HM_OK)
		rc = await(h, HM_F_WELCOME, &frame, err);
	if (rc == HM_OK)
		rc = hm_msg_decode(HM_MSG_WELCOME, frame.body, &welcome, err);
	if (rc < 0)
		return rc;
	(void)snprintf(line, sizeof(line), "%s back end, image %s%s%s, "
		       "attester %s, worker %s", h->backend->name,
		       welcome.image_name, welcome.image_version[0] ? "@" : "",
		       welcome.image_version, welcome.attester,
		       welcome.worker_version);
	hm_progress_result(h->progress, hm_slice_str(line));
	hm_msg_release(HM_MSG_WELCOME, &welcome);
	return hm_wire_advance(&h->wire, HM_ST_GREETED, err);
}

/* Three quarters of the machine, when nobody said anything. */
static uint64_t default_memory_mib(void)
{
	struct sysinfo si;
	uint64_t mib;

	if (sysinfo(&si) < 0)
		return 2048;
	mib = (uint64_t)si.totalram * si.mem_unit >> 20;
	return mib / 4 * 3 > 512 ? mib / 4 * 3 : 512;
}

/* The run on GitHub when there is one, else a fresh UUID. */
static int invocation_id(char *out, size_t size, struct hm_err *err)
{
	const char *server = getenv("GITHUB_SERVER_URL");
	const char *repository = getenv("GITHUB_REPOSITORY");
	const char *run = getenv("GITHUB_RUN_ID");
	const char *attempt = getenv("GITHUB_RUN_ATTEMPT");
	uint8_t r[16];
	char hex[33];

	if (server && repository && run && attempt &&
	    (size_t)snprintf(out, size, "%s/%s/actions/runs/%s/attempts/%s",
			     server, repository, run, attempt) < size &&
	    hm_slice_is_text(hm_slice_str(out)))
		return HM_OK;
	if (getrandom(r, sizeof(r), 0) != (ssize_t)sizeof(r))
		return hm_fail(err, HM_E_SYSTEM, errno, "getrandom");
	r[6] = (uint8_t)((r[6] & 0x0fU) | 0x40U);	/* RFC 9562: version 4 */
	r[8] = (uint8_t)((r[8] & 0x3fU) | 0x80U);
	hm_hex(r, sizeof(r), hex);
	(void)snprintf(out, size, "urn:uuid:%.8s-%.4s-%.4s-%.4s-%.12s", hex,
		       hex + 8, hex + 12, hex + 16, hex + 20);
	return HM_OK;
}

static uint64_t timeout_minutes(const struct hm_host *h)
{
	if (h->config->timeout_minutes != 0)
		return h->config->timeout_minutes;
	return h->spec.timeout_minutes ? h->spec.timeout_minutes :
					 TIMEOUT_MINUTES;
}

static int config_fill(struct hm_host *h, struct hm_msg_config *m,
		       struct hm_err *err)
{
	const struct hm_host_config *c = h->config;
	uint64_t memory = c->memory_mib ? c->memory_mib : h->spec.memory_mib;
	uint64_t cpus = c->cpus ? c->cpus : h->spec.cpus;
	char hex[HM_GIT_HEX_MAX], id[256];
	int rc = invocation_id(id, sizeof(id), err);

	if (rc < 0)
		return rc;
	hm_git_id_hex(&h->commit, hex);
	m->backend = strdup(h->backend->name);
	m->commit = strdup(hex);
	m->config_path = strdup(c->config_path);
	m->cpus = cpus ? cpus : (uint64_t)get_nprocs();
	m->memory_mib = memory ? memory : default_memory_mib();
	m->disk_mib = m->memory_mib;	/* all of it is RAM */
	m->pids_max = PIDS_MAX;
	m->timeout_minutes = timeout_minutes(h);
	m->invocation_id = strdup(id);
	m->limits_by = strdup(h->backend->limits_enforced_by ?
				      h->backend->limits_enforced_by : "");
	m->network = strdup(c->network ? c->network : "");
	m->ref = hm_slice_dup(hm_buf_slice(&h->ref));
	m->repository = hm_slice_dup(hm_buf_slice(&h->repository));
	m->runtime = strdup(c->runtime);
	m->started_ms = (uint64_t)h->started_ms;
	m->start_ms = (uint64_t)h->start_ms;
	if (!m->backend || !m->commit || !m->config_path || !m->invocation_id ||
	    !m->limits_by || !m->network || !m->ref || !m->repository ||
	    !m->runtime)
		return hm_fail(err, HM_E_NOMEM, 0, "out of memory");
	m->toolchains.items = calloc(c->toolchains.count + 1,
				     sizeof(*m->toolchains.items));
	for (size_t i = 0; m->toolchains.items && i < c->toolchains.count; i++) {
		m->toolchains.items[i] = strdup(c->toolchains.items[i]);
		if (!m->toolchains.items[i])
			return hm_fail(err, HM_E_NOMEM, 0, "out of memory");
		m->toolchains.count++;
	}
	hm_buf_init(&m->nonce, 64);
	rc = hm_buf_add(&m->nonce, c->nonce, c->nonce_len, err);
	hm_buf_init(&m->dev_root_cert, 16384);
	hm_buf_init_secret(&m->dev_root_key, 16384);
	if (rc == HM_OK && strcmp(h->backend->name, "nitro") != 0)
		rc = hm_dev_root_load(c->dev_root, &m->dev_root_cert,
				      &m->dev_root_key, err);
	return rc;
}

int hm_host_configure(struct hm_host *h, struct hm_err *err)
{
	struct hm_msg_config m = {0};
	struct hm_frame frame;
	int rc = config_fill(h, &m, err);

	if (rc == HM_OK)
		rc = send_msg(h, HM_F_CONFIG, HM_MSG_CONFIG, &m, err);
	hm_msg_release(HM_MSG_CONFIG, &m);
	if (rc == HM_OK)
		rc = await(h, HM_F_READY, &frame, err);
	if (rc == HM_E_CLOSED)
		return hm_host_last_words(h, err);
	return rc < 0 ? rc : hm_wire_advance(&h->wire, HM_ST_SOURCE, err);
}

/* Reads what is there without waiting; who never stops talking waits his turn. */
static int look(void *ctx, struct hm_err *err)
{
	struct hm_host *h = ctx;

	for (unsigned int n = 0; n < LOOK_MAX; n++) {
		struct pollfd p = {.fd = h->control_fd, .events = POLLIN};
		struct hm_frame frame;
		int rc;

		if (!hm_wire_pending(&h->wire) && poll(&p, 1, 0) <= 0)
			return HM_OK;
		rc = hm_wire_receive(&h->wire, answer_by(), &frame, err);
		if (rc == HM_OK)
			rc = on_frame(h, &frame, err);
		if (rc < 0)
			return rc;
	}
	return HM_OK;
}

/*
 * The worker hung up while we were writing. What it said last, if it said
 * anything, is the reason; which write it was that failed is not.
 */
int hm_host_last_words(struct hm_host *h, struct hm_err *err)
{
	hm_deadline_t by = hm_deadline_in(1000);
	struct hm_err said;
	struct hm_frame frame;
	int rc;

	while (hm_wire_receive(&h->wire, by, &frame, &said) == HM_OK) {
		rc = on_frame(h, &frame, &said);
		if (rc < 0) {
			*err = said;
			return rc;
		}
	}
	if (said.code == HM_E_CLOSED)
		*err = said;
	return err->code;
}

int hm_host_send_source(struct hm_host *h, struct hm_err *err)
{
	struct hm_object_sender sender;
	struct hm_object_sink sink = hm_object_sender_init(&sender, &h->wire,
							   HM_HOST_ANSWER_MS);
	int rc;

	sender.look = look;
	sender.look_ctx = h;
	rc = hm_repo_stream(&h->repo, &h->commit, &sink, err);
	if (rc == HM_OK)
		rc = hm_wire_flush(&h->wire, answer_by(), err);
	return rc == HM_E_CLOSED || rc == HM_E_TIMEOUT ?
		       hm_host_last_words(h, err) : rc;
}

bool hm_host_console(struct hm_host *h)
{
	uint8_t chunk[4096];
	size_t n = 0, over;
	int fd = h->backend->console(h->enclave);

	if (fd < 0)
		return false;
	if (hm_io_read_some(fd, chunk, sizeof(chunk), hm_deadline_in(10), &n,
			    NULL) < 0)
		return true;
	if (n == 0)
		return false;
	if (h->config->verbose) {
		hm_progress_log(h->progress, true, hm_slice(chunk, n));
		return true;
	}
	/* Kept for hm_host_last_console(): only what came last. */
	over = h->console.len + n > h->console.max ?
		       h->console.len + n - h->console.max : 0;
	hm_buf_consume(&h->console, over);
	(void)!hm_buf_add(&h->console, chunk, n, NULL);
	return true;
}

void hm_host_last_console(struct hm_host *h)
{
	if (h->enclave)
		(void)hm_host_console(h);
	if (h->console.len == 0)
		return;
	hm_progress_notice(h->progress,
			   hm_slice_str("the enclave's last words:"));
	hm_progress_log(h->progress, true, hm_buf_slice(&h->console));
}

/*
 * How long the state at hand may last. A worker that talks without getting on is
 * as hung as a silent one, so only a new state moves the limit, or another part
 * of the tar, which has a maximum.
 */
static hm_deadline_t state_limit(const struct hm_host *h)
{
	/* Setting up, hashing and packing many GB are silent. */
	int64_t ms = 10 * HM_HOST_ANSWER_MS;

	if (h->wire.state == HM_ST_BUILDING)
		ms += (int64_t)timeout_minutes(h) * 60000;
	return hm_deadline_in(ms);
}

int hm_host_follow(struct hm_host *h, struct hm_err *err)
{
	enum { CONTROL, CANCEL, CONSOLE, LANES };
	struct pollfd fds[LANES + HM_LANES_POLLFDS];
	hm_deadline_t limit = state_limit(h);
	bool console_open = true;

	while (!h->done) {
		size_t lanes = hm_lanes_pollfds(h->lanes, fds + LANES,
						HM_LANES_POLLFDS);
		int n, rc = HM_OK;

		fds[CONTROL] = (struct pollfd){h->control_fd, POLLIN, 0};
		fds[CANCEL] = (struct pollfd){hm_io_cancel_fd(), POLLIN, 0};
		fds[CONSOLE] = (struct pollfd){
			console_open ? h->backend->console(h->enclave) : -1,
			POLLIN, 0};
		n = poll(fds, LANES + lanes, hm_wire_pending(&h->wire) ?
			 0 : hm_deadline_left(limit));
		if (n < 0 && errno != EINTR)
			return hm_fail(err, HM_E_SYSTEM, errno, "poll");
		if (fds[CANCEL].revents != 0)
			return hm_fail(err, HM_E_CANCELLED, 0, "cancelled");
		if (hm_deadline_left(limit) == 0)
			return hm_fail(err, HM_E_TIMEOUT, 0,
				       "the worker is for too long in state "
				       "'%s'", hm_state_name(h->wire.state));
		if (n > 0 && fds[CONSOLE].revents != 0)
			console_open = hm_host_console(h);
		if (n > 0)
			rc = hm_lanes_handle(h->lanes, fds + LANES, lanes, err);
		if (rc < 0)
			return rc == HM_E_CLOSED ? hm_host_last_words(h, err) :
						   rc;
		if (hm_wire_pending(&h->wire) ||
		    (n > 0 && fds[CONTROL].revents != 0)) {
			enum hm_state before = h->wire.state;
			struct hm_frame frame;

			rc = hm_wire_receive(&h->wire, answer_by(), &frame, err);
			if (rc == HM_OK)
				rc = on_frame(h, &frame, err);
			if (rc < 0)
				return rc;
			if (h->wire.state != before || frame.type == HM_F_TAR)
				limit = state_limit(h);
		}
	}
	return HM_OK;
}
