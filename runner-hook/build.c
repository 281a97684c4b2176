/*
 * The steps of a build on the host, in order, on one screen:
 *
 *   1 trigger     find the repository, the commit and its build.json
 *   2 enclave     start the back end, say hello, hand over the configuration
 *   3, 4 source   stream the commit's objects; the worker proves them
 *   5 to 7        are the worker's: this side shows what it says
 *   8 package     the release tar arrives and gets its name
 *   9 publish     its statements go into the logs, if there are any
 *
 * Every step may fail; what was begun is undone in build_release().
 */
#include "runner-hook/build.h"

#include <stdio.h>
#include <sys/stat.h>

#include "lib/hex.h"
#include "lib/log.h"
#include "runner-hook/host.h"
#include "runner-hook/summary.h"

static const struct hm_enclave_backend *const backends[] = {
	&hm_enclave_local,
};

static int choose_backend(struct hm_host *h, struct hm_err *err)
{
	for (size_t i = 0; i < HM_ARRAY_LEN(backends); i++) {
		if (strcmp(backends[i]->name, h->config->enclave) == 0) {
			h->backend = backends[i];
			return HM_OK;
		}
	}
	return hm_fail(err, HM_E_USAGE, 0,
		       "--enclave %s: this version has no such back end; it "
		       "has: local", h->config->enclave);
}

/* Where the commit comes from, as far as the host can say. */
static int describe_source(struct hm_host *h, struct hm_err *err)
{
	const struct hm_host_config *c = h->config;
	int rc;

	if (c->repository)
		rc = hm_buf_add_str(&h->repository, c->repository, err);
	else
		rc = hm_repo_origin(&h->repo, &h->repository, err);
	if (rc == HM_OK && c->ref)
		rc = hm_buf_add_str(&h->ref, c->ref, err);
	else if (rc == HM_OK)
		rc = hm_repo_ref(&h->repo, c->rev, &h->ref, err);
	return rc;
}

/* build.json of the commit, not of the work tree. */
static int read_spec(struct hm_host *h, struct hm_err *err)
{
	const char *path = h->config->config_path;
	unsigned int line = 0;
	int rc = hm_repo_file(&h->repo, &h->commit, path, &h->spec_text, err);

	if (rc < 0)
		return rc;
	rc = hm_buildspec_parse(hm_buf_slice(&h->spec_text), &h->spec, &line,
				err);
	if (rc == HM_OK)
		return HM_OK;
	if (h->config->on_runner)
		hm_summary_annotate(path, line, err->msg);
	return hm_err_prefix(err, "%s:%u", path, line);
}

static int step_trigger(struct hm_host *h, struct hm_err *err)
{
	char hex[HM_GIT_HEX_MAX], line[256];
	bool dirty = false;
	int rc;

	hm_progress_step(h->progress, "reading the commit");
	rc = choose_backend(h, err);
	if (rc == HM_OK)
		rc = hm_repo_open(h->config->dir, &h->repo, err);
	if (rc == HM_OK)
		rc = hm_repo_resolve(&h->repo, h->config->rev, &h->commit, err);
	if (rc == HM_OK)
		rc = describe_source(h, err);
	if (rc == HM_OK)
		rc = read_spec(h, err);
	if (rc == HM_OK)
		rc = hm_repo_dirty(&h->repo, &dirty, err);
	if (rc < 0)
		return rc;
	hm_git_id_hex(&h->commit, hex);
	(void)snprintf(line, sizeof(line), "%s, language %s", hex,
		       h->spec.language);
	hm_progress_result(h->progress, hm_slice_str(line));
	if (dirty)
		hm_progress_notice(h->progress, hm_slice_str(
			"the work tree has changes that are not committed; "
			"they are not part of this build"));
	return HM_OK;
}

static int lane_connect(void *ctx, int *ret_fd, struct hm_err *err)
{
	struct hm_host *h = ctx;

	return h->backend->connect(h->enclave, hm_deadline_in(5000), ret_fd,
				   err);
}

static int step_enclave(struct hm_host *h, struct hm_err *err)
{
	const struct hm_host_config *c = h->config;
	struct hm_enclave_spec spec = {
		.worker_path = c->worker, .eif_path = c->eif,
		.memory_mib = (uint32_t)c->memory_mib,
		.cpus = (uint32_t)c->cpus, .verbose = c->verbose};
	hm_deadline_t deadline = hm_deadline_in(HM_HOST_START_MS);
	int64_t since = hm_now_ms();
	int rc;

	hm_progress_step(h->progress, "starting the enclave");
	h->started_ms = hm_wall_ms();
	rc = h->backend->reap(err);
	if (rc == HM_OK)
		rc = h->backend->start(&spec, deadline, &h->enclave, err);
	if (rc == HM_OK)
		rc = h->backend->connect(h->enclave, deadline, &h->control_fd,
					 err);
	if (rc < 0)
		return rc;
	hm_wire_init(&h->wire, h->control_fd, HM_SIDE_HOST);
	rc = hm_host_greet(h, err);
	h->start_ms = hm_now_ms() - since;
	if (rc == HM_OK)
		rc = hm_host_configure(h, err);
	return rc;
}

static int step_source(struct hm_host *h, struct hm_err *err)
{
	hm_progress_step(h->progress, "sending the source");
	return hm_host_send_source(h, err);
}

static int step_follow(struct hm_host *h, struct hm_err *err)
{
	int rc = hm_lanes_new(lane_connect, h, &h->egress, &h->lanes, err);

	if (rc == HM_OK && h->spec.network != HM_NET_NONE &&
	    (!h->config->network || strcmp(h->config->network, "none") != 0))
		rc = hm_lanes_fill(h->lanes, err);
	/* a worker that refused the source is gone before the first lane */
	if (rc == HM_E_CLOSED)
		rc = hm_host_last_words(h, err);
	return rc < 0 ? rc : hm_host_follow(h, err);
}

static int publish_to(struct hm_host *h, size_t i, struct hm_err *err)
{
	const struct hm_publish_options o = {
		.public_evidence = h->config->log_public,
		.wait_ms = HM_PUBLISH_WAIT_MS,
	};
	struct hm_published *p = &h->published[i];
	char line[512];
	int rc = hm_publish(&o, h->config->output, h->config->logs.items[i], p,
			    err);

	if (rc < 0)
		return hm_err_prefix(err, "the release is built and was not "
				     "logged, nor queued for it");
	if (!p->logged) {
		(void)snprintf(line, sizeof(line), "built, and not logged in %.100s "
			       "yet: %.300s", h->config->logs.items[i],
			       p->problem.msg);
		hm_progress_notice(h->progress, hm_slice_str(line));
		return HM_OK;
	}
	if (p->in_tar) {	/* the tar has the proof in it now */
		h->tar_size = p->tar_size;
		memcpy(h->tar_sha256, p->tar_sha256, sizeof(h->tar_sha256));
	}
	(void)snprintf(line, sizeof(line), "entry %llu of %s",
		       (unsigned long long)p->index, p->log_name);
	hm_progress_result(h->progress, hm_slice_str(line));
	return HM_OK;
}

/* A log that cannot be reached does not undo a build: see publish.h. */
static int step_publish(struct hm_host *h, struct hm_err *err)
{
	const struct hm_publish_options due = {.wait_ms = 0};
	size_t count = h->config->logs.count, left = 0;
	struct hm_err ignored;

	if (count == 0)
		return HM_OK;
	hm_progress_step(h->progress, "logging the release");
	h->published = calloc(count, sizeof(*h->published));
	if (!h->published)
		return hm_fail(err, HM_E_NOMEM, 0, "out of memory");
	for (size_t i = 0; i < count; i++) {
		int rc = publish_to(h, i, err);

		if (rc < 0)
			return rc;
	}
	if (hm_publish_pending(&due, false, NULL, NULL, &left, &ignored) ==
	    HM_OK && left > 0)
		hm_progress_notice(h->progress, hm_slice_str(
			"releases are waiting to be logged: see runner-hook "
			"publish --pending"));
	return HM_OK;
}

static int run(struct hm_host *h, struct hm_err *err)
{
	static int (*const steps[])(struct hm_host *, struct hm_err *) = {
		step_trigger, step_enclave, step_source, step_follow,
		step_publish,
	};

	for (size_t i = 0; i < HM_ARRAY_LEN(steps); i++) {
		int rc = steps[i](h, err);

		if (rc < 0)
			return rc;
	}
	return HM_OK;
}

static void host_init(struct hm_host *h, const struct hm_host_config *c)
{
	*h = (struct hm_host){.config = c, .control_fd = -1};
	hm_buf_init(&h->repository, 2048);
	hm_buf_init(&h->ref, 1024);
	hm_buf_init(&h->spec_text, HM_BUILDSPEC_MAX);
	hm_buf_init(&h->console, 4096);
	hm_buildspec_init(&h->spec);
	h->egress = (struct hm_egress_policy){
		.allow_private = c->allow_private.items,
		.allow_private_count = c->allow_private.count,
		.proxy = c->proxy, .no_proxy = c->no_proxy};
}

static void host_release(struct hm_host *h)
{
	/* The signal has been obeyed; it must not cut short the cleaning up. */
	hm_io_set_cancel_fd(-1);
	hm_lanes_free(h->lanes);
	hm_wire_release(&h->wire);
	hm_cleanup_fd(&h->control_fd);
	if (h->backend)
		h->backend->stop(h->enclave);
	hm_package_free(h->package);
	free(h->published);
	hm_buildspec_release(&h->spec);
	hm_buf_release(&h->spec_text);
	hm_buf_release(&h->console);
	hm_buf_release(&h->ref);
	hm_buf_release(&h->repository);
	hm_repo_release(&h->repo);
	hm_progress_free(h->progress);
}

int hm_build(const struct hm_host_config *config, unsigned int *ret_status,
	     struct hm_err *err)
{
	enum hm_verbosity v = config->quiet ? HM_QUIET :
			      config->verbose ? HM_VERBOSE : HM_NORMAL;
	struct hm_host h;
	int rc;

	host_init(&h, config);
	h.progress = hm_progress_new(v, config->on_runner);
	rc = h.progress ? HM_OK : hm_fail(err, HM_E_NOMEM, 0, "out of memory");
	hm_package_reap(config->output);
	/* Before anything runs: an output that cannot be written fails now. */
	if (rc == HM_OK)
		rc = hm_package_new(config->output, &h.package, err);
	if (rc == HM_OK)
		rc = run(&h, err);
	/* It ended without a word on the wire: the console may know why. */
	if (rc == HM_E_CLOSED || rc == HM_E_SYSTEM)
		hm_host_last_console(&h);
	if (rc == HM_OK) {
		hm_progress_free(HM_TAKE_PTR(h.progress));
		rc = hm_summary_write(&h, err);
	}
	if (ret_status)
		*ret_status = h.build_status;
	host_release(&h);
	return rc;
}
