/*
 * Theory of operation. The host is hostile: it may send any frame at any time,
 * or nothing. lib/wire.c refuses what the state does not allow; here each state
 * has a deadline, and the only way from one state to the next is the step
 * between them. The commit is proved before build.json is believed, latched
 * before untrusted code runs, and outputs are looked at only when the sandbox is
 * dead. Any failure is told once and ends the session; there is no second try.
 *
 * Should:    take everything that decides the build from the verified tree.
 * Mustn't:   read build.json, a path or a limit of the host's after the latch;
 *            keep a partial result; talk to a second client.
 */
#include "session.h"

#include <fcntl.h>
#include <stdio.h>

#include "lib/gitobject.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/path.h"

/* A host that has opened a connection says hello at once. */
#define GREETING_MS 10000
/* A warm enclave may wait for its build; the host that keeps it pings nothing. */
#define ACCEPT_MS (24LL * 3600 * 1000)
/* Silence while source comes in: git may have to unpack a delta chain. */
#define SOURCE_SILENCE_MS 120000
/* Where a locked build's record stands in the tree. */
#define LOCK_FILE "hallmark.lock.json"
/* 16 TiB and 65536 processors: more than any machine, and far from wrapping. */
#define SIZE_MIB_MAX (1ULL << 24)
#define CPUS_MAX 65536U
/* The kernel's own limit for a 64-bit machine. */
#define PIDS_MAX (1ULL << 22)

void hm_session_phase(struct hm_session *s, const char *name, int64_t since_ms)
{
	struct hm_build_facts *f = &s->facts;

	if (f->phase_count == HM_PHASES_MAX)
		return;
	f->phases[f->phase_count++] =
		(struct hm_phase){.name = name, .ms = hm_now_ms() - since_ms};
}

/*
 * Takes connections until one says HELLO. Lanes before that, and clients that
 * say anything else, are closed: they are not the build's.
 */
static int greet(struct hm_session *s, struct hm_err *err)
{
	struct hm_msg_hello hello = {0};
	struct hm_frame frame;
	int rc;

	s->step = "greeting";
	for (;;) {
		rc = hm_port_accept(s->port, hm_deadline_in(ACCEPT_MS),
				    &s->control_fd, err);
		if (rc < 0)
			return rc;
		hm_link_init(&s->link, s->control_fd);
		rc = hm_wire_receive(&s->link.wire, hm_deadline_in(GREETING_MS),
				     &frame, err);
		if (rc == HM_OK && frame.type == HM_F_HELLO)
			break;
		hm_link_release(&s->link);
		hm_cleanup_fd(&s->control_fd);
	}
	rc = hm_msg_decode(HM_MSG_HELLO, frame.body, &hello, err);
	if (rc < 0)
		return rc;
	if (hello.version_min > HM_WIRE_VERSION ||
	    hello.version_max < HM_WIRE_VERSION)
		rc = hm_fail(err, HM_E_PROTOCOL, 0,
			     "the host speaks versions %llu to %llu, this "
			     "worker %u; install matching versions",
			     (unsigned long long)hello.version_min,
			     (unsigned long long)hello.version_max,
			     HM_WIRE_VERSION);
	hm_msg_release(HM_MSG_HELLO, &hello);
	return rc;
}

static int welcome(struct hm_session *s, struct hm_err *err)
{
	char attester[8], name[64], version[64], worker[] = HM_VERSION;
	struct hm_msg_welcome msg = {
		.attester = attester, .image_name = name,
		.image_version = version, .worker_version = worker,
		.version = HM_WIRE_VERSION};
	int rc;

	(void)snprintf(attester, sizeof(attester), "%s", s->image->attester);
	(void)snprintf(name, sizeof(name), "%s", s->image->name);
	(void)snprintf(version, sizeof(version), "%s", s->image->version);
	rc = hm_link_send(&s->link, HM_F_WELCOME, HM_MSG_WELCOME, &msg, err);
	return rc < 0 ? rc : hm_wire_advance(&s->link.wire, HM_ST_GREETED, err);
}

/* The programs whose bytes stand for the image when there is none. */
static int attester_local(struct hm_session *s, struct hm_err *err)
{
	char runtime[128];
	const char *measured[] = {"/proc/self/exe", runtime};
	struct hm_attester_dev_spec spec = {
		.root_cert_pem = hm_buf_slice(&s->config.dev_root_cert),
		.root_key_pem = hm_buf_slice(&s->config.dev_root_key),
		.measured = measured,
		.measured_count = HM_ARRAY_LEN(measured),
	};

	(void)snprintf(runtime, sizeof(runtime), "/usr/bin/%s",
		       s->config.runtime);
	return hm_attester_dev(&spec, &s->attester, err);
}

static int attester_open(struct hm_session *s, struct hm_err *err)
{
	struct hm_attester *nsm = NULL;
	int rc;

	if (strcmp(s->image->name, "host") == 0)
		return attester_local(s, err);
	rc = hm_attester_nsm("/dev/nsm", &nsm, err);
	if (rc < 0)
		return rc;
	if (strcmp(s->image->attester, "dev") != 0) {
		s->attester = nsm;
		return HM_OK;
	}
	/* A development image: the machine's PCRs under a development root. */
	struct hm_attester_dev_spec spec = {
		.root_cert_pem = hm_buf_slice(&s->config.dev_root_cert),
		.root_key_pem = hm_buf_slice(&s->config.dev_root_key),
		.under = nsm,
	};
	return hm_attester_dev(&spec, &s->attester, err);
}

static int runtime_check(const char *runtime, struct hm_err *err)
{
	static const char *const known[] = {"crun", "runc", "runsc"};

	for (size_t i = 0; i < HM_ARRAY_LEN(known); i++) {
		if (strcmp(runtime, known[i]) == 0)
			return HM_OK;
	}
	return hm_fail(err, HM_E_POLICY, 0,
		       "runtime '%s' is not one of crun, runc, runsc",
		       HM_ESC(hm_slice_str(runtime)));
}

/*
 * Numbers of the host become limits and stand in the statement; one that wraps
 * or is cut to 32 bits on its way would be enforced as another than is signed,
 * and 0 means "no limit" to a tmpfs.
 */
static int config_check(const struct hm_msg_config *c, struct hm_err *err)
{
	const struct {
		const char *name;
		uint64_t value, min, max;
	} numbers[] = {
		{"cpus", c->cpus, 1, CPUS_MAX},
		{"disk_mib", c->disk_mib, 1, SIZE_MIB_MAX},
		{"memory_mib", c->memory_mib, 1, SIZE_MIB_MAX},
		{"pids_max", c->pids_max, 1, PIDS_MAX},
		{"start_ms", c->start_ms, 0, HM_GIT_TIME_MAX},
		{"started_ms", c->started_ms, 0, HM_GIT_TIME_MAX * 1000ULL},
		{"timeout_minutes", c->timeout_minutes, 1,
		 HM_TIMEOUT_MINUTES_MAX},
	};
	static const char *const backends[] = {"local", "nitro", "qemu"};
	bool known = false;

	for (size_t i = 0; i < HM_ARRAY_LEN(numbers); i++) {
		if (numbers[i].value < numbers[i].min ||
		    numbers[i].value > numbers[i].max)
			return hm_fail(err, HM_E_POLICY, 0,
				       "%s is %llu, not %llu to %llu",
				       numbers[i].name,
				       (unsigned long long)numbers[i].value,
				       (unsigned long long)numbers[i].min,
				       (unsigned long long)numbers[i].max);
	}
	for (size_t i = 0; i < HM_ARRAY_LEN(backends); i++)
		known = known || strcmp(c->backend, backends[i]) == 0;
	if (!known)
		return hm_fail(err, HM_E_POLICY, 0, "backend '%s' is none",
			       HM_ESC(hm_slice_str(c->backend)));
	/* An operator may take the network away, never give it. */
	if (c->network[0] != 0 && strcmp(c->network, "none") != 0)
		return hm_fail(err, HM_E_POLICY, 0,
			       "network '%s' is not for the host to choose",
			       HM_ESC(hm_slice_str(c->network)));
	return HM_OK;
}

static int configure(struct hm_session *s, struct hm_err *err)
{
	hm_deadline_t deadline = hm_deadline_in(GREETING_MS);
	struct hm_frame frame;
	int rc;

	s->step = "configuration";
	rc = hm_wire_receive(&s->link.wire, deadline, &frame, err);
	if (rc == HM_OK && frame.type != HM_F_CONFIG)
		rc = hm_fail(err, HM_E_CANCELLED, 0, "cancelled by the host");
	if (rc == HM_OK)
		rc = hm_msg_decode(HM_MSG_CONFIG, frame.body, &s->config, err);
	if (rc == HM_OK)
		rc = config_check(&s->config, err);
	if (rc == HM_OK)
		rc = hm_git_id_parse(hm_slice_str(s->config.commit), &s->commit,
				     err);
	if (rc == HM_OK)
		rc = hm_path_check(hm_slice_str(s->config.config_path), err);
	if (rc == HM_OK)
		rc = runtime_check(s->config.runtime, err);
	if (rc == HM_OK && s->config.nonce.len > 64)
		rc = hm_fail(err, HM_E_POLICY, 0,
			     "a nonce of %zu bytes; at most 64",
			     s->config.nonce.len);
	if (rc == HM_OK)
		rc = attester_open(s, err);
	/* Step 2 is the host's to time; everything after is ours. */
	if (rc == HM_OK)
		s->facts.phases[s->facts.phase_count++] = (struct hm_phase){
			.name = "start", .ms = (int64_t)s->config.start_ms};
	if (rc == HM_OK)
		rc = hm_wire_send(&s->link.wire, HM_F_READY, 0,
				  hm_slice(NULL, 0), deadline, err);
	if (rc == HM_OK)
		rc = hm_wire_flush(&s->link.wire, deadline, err);
	return rc < 0 ? rc : hm_wire_advance(&s->link.wire, HM_ST_SOURCE, err);
}

/* Steps 4 and 5, first half: the tree comes in and is what the id says. */
static int receive_source(struct hm_session *s, struct hm_err *err)
{
	struct hm_source_spec spec = {
		.dest_fd = s->root_fd, .commit = s->commit,
		.max_bytes = s->config.disk_mib << 20};
	int64_t since = hm_now_ms();
	uint64_t bytes = 0;
	int rc;

	s->step = "source";
	rc = hm_source_new(&spec, &s->source, err);
	while (rc == HM_OK && !hm_source_complete(s->source)) {
		struct hm_frame frame;

		rc = hm_wire_receive(&s->link.wire,
				     hm_deadline_in(SOURCE_SILENCE_MS), &frame,
				     err);
		if (rc == HM_OK && frame.type == HM_F_CANCEL)
			rc = hm_fail(err, HM_E_CANCELLED, 0,
				     "cancelled by the host");
		if (rc == HM_OK)
			rc = hm_source_frame(s->source, frame.flags, frame.body,
					     err);
		if (rc == HM_OK)
			bytes += frame.body.len;
		if (rc == HM_OK)
			rc = hm_link_progress(&s->link, "source", bytes, 0,
					      "bytes", err);
	}
	if (rc < 0)
		return rc;
	hm_session_phase(s, "source", since);
	return hm_link_progress(&s->link, "source", bytes, bytes, "bytes", err);
}

static int spec_check(struct hm_session *s, struct hm_err *err)
{
	const struct hm_image *image = s->image;

	if (image->language && strcmp(image->language, s->spec.language) != 0)
		return hm_fail(err, HM_E_POLICY, 0,
			       "language '%s' in the commit, but this is the "
			       "image for '%s'",
			       HM_ESC(hm_slice_str(s->spec.language)),
			       image->language);
	if (image->language && s->spec.version &&
	    strcmp(image->version, s->spec.version) != 0)
		return hm_fail(err, HM_E_POLICY, 0,
			       "version '%s' in the commit, but this image has "
			       "'%s'", HM_ESC(hm_slice_str(s->spec.version)),
			       image->version);
	s->network_mode = s->spec.network;
	if (strcmp(s->config.network, "none") == 0)
		s->network_mode = HM_NET_NONE;
	return HM_OK;
}

/* build.json again, from the verified tree: the only one that is obeyed. */
static int read_spec(struct hm_session *s, struct hm_err *err)
{
	AUTO_CLOSE int dir = -1;
	const char *path = s->config.config_path;
	const char *slash = strrchr(path, '/');
	unsigned int line = 0;
	int rc;

	s->step = "build.json";
	if (slash) {
		AUTO_FREE char *parent =
			hm_slice_dup(hm_slice(path, (size_t)(slash - path)));

		if (!parent)
			return hm_fail(err, HM_E_NOMEM, 0, "out of memory");
		rc = hm_openat_beneath(s->root_fd, parent,
				       O_RDONLY | O_DIRECTORY, 0, &dir, err);
		if (rc < 0)
			return rc;
	}
	rc = hm_file_read(slash ? dir : s->root_fd, slash ? slash + 1 : path,
			  &s->spec_text, err);
	if (rc < 0)
		return rc;
	rc = hm_buildspec_parse(hm_buf_slice(&s->spec_text), &s->spec, &line,
				err);
	if (rc < 0)
		return hm_err_prefix(err, "%s:%u", path, line);
	return spec_check(s, err);
}

/* Step 5, second half: latched in our state and in the hardware. */
static int latch(struct hm_session *s, struct hm_err *err)
{
	const struct hm_source_result *r = hm_source_result(s->source);
	uint8_t digest[HM_SHA384_LEN];
	struct hm_latch l = {.commit = s->commit,
			     .network = hm_network_mode_name(s->network_mode),
			     .runtime = s->config.runtime};
	char hex[HM_GIT_HEX_MAX], detail[160];
	int rc;

	s->step = "latch";
	memcpy(l.tree_sha256, r->tree_sha256, sizeof(l.tree_sha256));
	rc = hm_sha256(hm_buf_slice(&s->spec_text), l.config_sha256, err);
	if (rc == HM_OK)
		rc = hm_latch_digest(&l, digest, err);
	if (rc == HM_OK)
		rc = s->attester->ops->latch(s->attester, HM_LATCH_PCR, digest,
					     err);
	if (rc < 0)
		return rc;
	hm_git_id_hex(&s->commit, hex);
	(void)snprintf(detail, sizeof(detail),
		       "commit %s proved: %llu files, %llu bytes", hex,
		       (unsigned long long)r->files,
		       (unsigned long long)r->bytes);
	return hm_link_state(&s->link, HM_ST_LATCHED, detail, err);
}

/* The build's own limit counts where it is tighter than the host's. */
static uint64_t tighter(uint64_t host, uint64_t own)
{
	return own != 0 && own < host ? own : host;
}

static int network_start(struct hm_session *s, struct hm_err *err)
{
	AUTO_BUF struct hm_buf lock;
	struct hm_network_spec spec = {.mode = s->network_mode,
				       .state_dir = HM_ROOM_STATE};
	int rc = HM_OK;

	hm_buf_init(&lock, HM_NETWORK_JSON_MAX);
	if (s->network_mode == HM_NET_LOCKED) {
		rc = hm_file_read(s->root_fd, LOCK_FILE, &lock, err);
		if (rc < 0)
			return hm_err_prefix(err, "input.network is \"locked\", "
					     "which needs the record");
		spec.lock = hm_buf_slice(&lock);
	}
	return hm_network_start(&spec, &s->network, err);
}

static int sandbox_start(struct hm_session *s, struct hm_err *err)
{
	int64_t since = hm_now_ms();
	struct hm_sandbox_spec spec = {
		.runtime = s->config.runtime,
		.room = s->room,
		.rootfs = s->image->rootfs,
		.toolchains = (const char *const *)s->config.toolchains.items,
		.toolchain_count = s->config.toolchains.count,
		.build_dir = HM_ROOM_BUILD,
		.netns = hm_network_netns_path(s->network),
		.ca_dir = hm_network_ca_dir(s->network),
		.resolv_conf = hm_network_resolv_conf(s->network),
		.memory_bytes = s->config.memory_mib << 20,
		.disk_bytes = s->config.disk_mib << 20,
		.cpus = (uint32_t)tighter(s->config.cpus, s->spec.cpus),
		.pids_max = (uint32_t)s->config.pids_max,
	};
	int rc = hm_sandbox_new(&spec, &s->sandbox, err);

	if (rc < 0)
		return rc;
	hm_session_phase(s, "sandbox", since);
	return HM_OK;
}

static int log_sink(void *ctx, enum hm_stream stream, struct hm_slice lines,
		    struct hm_err *err)
{
	struct hm_session *s = ctx;
	hm_deadline_t deadline = hm_deadline_in(HM_LINK_TIMEOUT_MS);
	uint16_t flags = stream == HM_STREAM_STDERR ? HM_FF_STDERR : 0;
	int rc = hm_wire_send(&s->link.wire, HM_F_LOG, flags, lines, deadline,
			      err);

	return rc < 0 ? rc : hm_wire_flush(&s->link.wire, deadline, err);
}

static int log_open(struct hm_session *s, struct hm_err *err)
{
	s->log_fd = open(HM_ROOM_STATE "/build.log", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC |
				       O_NOFOLLOW, 0600);
	if (s->log_fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "make the build log");
	return hm_build_log_new(s->log_fd, log_sink, s, &s->log, err);
}

/* One command; nothing of it is alive afterwards, whether it failed or not. */
static int run_phase(struct hm_session *s, const char *phase, const char *cmd,
		     bool offline, struct hm_err *err)
{
	int64_t since = hm_now_ms();
	struct hm_err kill_err;
	int rc;

	s->step = phase;
	rc = hm_session_run(s, cmd, offline, err);
	if (hm_sandbox_kill(s->sandbox, rc < 0 ? &kill_err : err) < 0 &&
	    rc == HM_OK)
		return err->code;
	hm_session_phase(s, phase, since);
	return rc;
}

/* What the statement says of the sandbox, kept before it is gone. */
static int sandbox_end(struct hm_session *s, struct hm_err *err)
{
	s->runtime_version = strdup(hm_sandbox_runtime_version(s->sandbox));
	if (!s->runtime_version)
		return hm_fail(err, HM_E_NOMEM, 0, "out of memory");
	(void)snprintf(s->limits_by, sizeof(s->limits_by), "%s",
		       hm_sandbox_limits(s->sandbox));
	hm_sandbox_free(HM_TAKE_PTR(s->sandbox));
	return HM_OK;
}

/* Steps 3 and 6: the untrusted part. */
static int build(struct hm_session *s, struct hm_err *err)
{
	uint64_t minutes = tighter(s->config.timeout_minutes,
				   s->spec.timeout_minutes);
	int rc;

	s->step = "sandbox";
	s->build_deadline = hm_deadline_in((int64_t)minutes * 60000);
	rc = log_open(s, err);
	if (rc == HM_OK)
		rc = network_start(s, err);
	if (rc == HM_OK)
		rc = sandbox_start(s, err);
	if (rc == HM_OK)
		rc = hm_link_state(&s->link, HM_ST_BUILDING, s->spec.cmd, err);
	/* With a vendor step only that one has the network. */
	if (rc == HM_OK && s->spec.vendor)
		rc = run_phase(s, "vendor", s->spec.vendor, false, err);
	if (rc == HM_OK)
		rc = run_phase(s, "build", s->spec.cmd, s->spec.vendor != NULL,
			       err);
	if (rc == HM_OK)
		rc = sandbox_end(s, err);
	if (rc == HM_OK)
		rc = hm_build_log_end(s->log, err);
	if (rc == HM_OK)
		rc = hm_network_finish(s->network, hm_deadline_in(10000),
				       &s->network_json, &s->network_facts,
				       err);
	return rc;
}

/* Step 6: outputs are hashed, now that nothing can change them. */
static int measure(struct hm_session *s, struct hm_err *err)
{
	struct hm_artifacts_limits limits = {
		.max_bytes = s->config.disk_mib << 20,
		.max_files = HM_ARTIFACTS_MAX};
	int64_t since = hm_now_ms();
	char detail[80];
	int rc;

	s->step = "outputs";
	rc = hm_artifacts_collect(s->root_fd, s->spec.files, s->spec.file_count,
				  &limits, &s->artifacts, err);
	if (rc < 0)
		return rc;
	hm_session_phase(s, "measure", since);
	(void)snprintf(detail, sizeof(detail), "%zu output file%s",
		       s->artifacts.count, s->artifacts.count == 1 ? "" : "s");
	return hm_link_state(&s->link, HM_ST_MEASURED, detail, err);
}

/* Step 7. */
static int attest(struct hm_session *s, struct hm_err *err)
{
	int rc;

	s->step = "attestation";
	rc = hm_session_facts(s, err);
	if (rc < 0)
		return rc;
	s->pack.facts = &s->facts;
	s->pack.root_fd = s->root_fd;
	s->pack.log_fd = s->log_fd;
	s->pack.network_json = hm_buf_slice(&s->network_json);
	s->pack.nonce = hm_buf_slice(&s->config.nonce);
	s->pack.attester = s->attester;
	rc = hm_pack_attest(&s->pack, err);
	if (rc < 0)
		return rc;
	return hm_link_state(&s->link, HM_ST_ATTESTED, s->attester->ops->name,
			     err);
}

struct tar_out {
	struct hm_session *s;
	struct hm_digest *digest;
	uint64_t size;
};

static int tar_sink(void *ctx, const void *p, size_t len, struct hm_err *err)
{
	struct tar_out *out = ctx;
	const uint8_t *at = p;
	int rc = hm_digest_update(out->digest, p, len, err);

	out->size += len;
	while (rc == HM_OK && len > 0) {
		size_t n = len < HM_WIRE_CHUNK ? len : HM_WIRE_CHUNK;

		rc = hm_wire_send(&out->s->link.wire, HM_F_TAR, 0,
				  hm_slice(at, n),
				  hm_deadline_in(HM_LINK_TIMEOUT_MS), err);
		at += n;
		len -= n;
	}
	return rc;
}

/* Step 8: AT goes back to the host, with everything it speaks of. */
static int deliver(struct hm_session *s, struct hm_err *err)
{
	AUTO_DIGEST struct hm_digest *digest = NULL;
	struct hm_msg_done done = {0};
	struct tar_out out = {.s = s};
	uint8_t sha256[HM_SHA256_LEN];
	int rc;

	s->step = "packing";
	rc = hm_link_state(&s->link, HM_ST_PACKED, "", err);
	if (rc == HM_OK)
		rc = hm_digest_new(HM_SHA256, &digest, err);
	if (rc < 0)
		return rc;
	out.digest = digest;
	rc = hm_pack_write(&s->pack, tar_sink, &out, err);
	if (rc == HM_OK)
		rc = hm_digest_final(digest, sha256, err);
	if (rc < 0)
		return rc;
	done.size = out.size;
	hm_buf_init(&done.sha256, sizeof(sha256));
	rc = hm_buf_add(&done.sha256, sha256, sizeof(sha256), err);
	if (rc == HM_OK)
		rc = hm_link_send(&s->link, HM_F_DONE, HM_MSG_DONE, &done, err);
	hm_buf_release(&done.sha256);
	return rc < 0 ? rc : hm_wire_advance(&s->link.wire, HM_ST_DONE, err);
}

static int root_open(struct hm_session *s, struct hm_err *err)
{
	return hm_room_open_build(s->room, s->config.disk_mib << 20,
				  &s->root_fd, err);
}

static int serve(struct hm_session *s, struct hm_err *err)
{
	static int (*const steps[])(struct hm_session *, struct hm_err *) = {
		welcome, configure, root_open, receive_source, read_spec,
		latch,	 build,	    measure,   attest,	       deliver,
	};

	for (size_t i = 0; i < HM_ARRAY_LEN(steps); i++) {
		int rc = steps[i](s, err);

		if (rc < 0)
			return rc;
	}
	return HM_OK;
}

static void session_release(struct hm_session *s)
{
	hm_sandbox_free(s->sandbox);
	hm_network_free(s->network);
	hm_json_free(s->network_facts.downloads);
	hm_buf_release(&s->network_json);
	hm_pack_release(&s->pack);
	hm_artifacts_release(&s->artifacts);
	hm_build_log_free(s->log);
	hm_source_free(s->source);
	hm_buildspec_release(&s->spec);
	hm_buf_release(&s->spec_text);
	if (s->attester)
		s->attester->ops->free(s->attester);
	hm_msg_release(HM_MSG_CONFIG, &s->config);
	free(s->runtime_version);
	hm_cleanup_fd(&s->log_fd);
	hm_cleanup_fd(&s->root_fd);
	hm_link_release(&s->link);
	hm_cleanup_fd(&s->control_fd);
}

int hm_session_serve(struct hm_port *port, const struct hm_image *image,
		     struct hm_room *room, struct hm_err *err)
{
	struct hm_session s = {
		.port = port, .image = image, .room = room,
		.control_fd = -1, .root_fd = -1, .log_fd = -1,
		.step = "start"};
	int rc;

	hm_buf_init(&s.spec_text, HM_BUILDSPEC_MAX);
	hm_buf_init(&s.network_json, HM_NETWORK_JSON_MAX);
	hm_buildspec_init(&s.spec);
	hm_pack_init(&s.pack);
	rc = greet(&s, err);
	if (rc == HM_OK)
		rc = serve(&s, err);
	if (rc < 0 && s.control_fd >= 0)
		hm_link_failed(&s.link, s.step, err, s.exit_status);
	session_release(&s);
	return rc;
}
