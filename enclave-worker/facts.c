/*
 * Gathers what the statement says about this build. Everything here was either
 * verified (source, artifacts), measured by us, or is named as the host's word
 * (repository, ref): see schema/statement.md.
 */
#include "session.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "lib/io.h"
#include "lib/log.h"

static int pcrs(struct hm_session *s, struct hm_err *err)
{
	for (unsigned int i = 0; i < 3; i++) {
		int rc = s->attester->ops->pcr(s->attester, i, s->facts.pcr[i],
					       err);

		if (rc < 0)
			return rc;
	}
	return HM_OK;
}

static void source_facts(struct hm_session *s)
{
	const struct hm_source_result *r = hm_source_result(s->source);
	struct hm_build_facts *f = &s->facts;

	f->repository = s->config.repository;
	f->ref = s->config.ref;
	f->commit = s->commit;
	f->tree = r->tree;
	memcpy(f->tree_sha256, r->tree_sha256, sizeof(f->tree_sha256));
	f->committer_s = r->committer_s;
	f->submodules = r->submodules;
	f->submodule_count = r->submodule_count;
	f->lfs = r->lfs;
	f->lfs_count = r->lfs_count;
	f->config_path = s->config.config_path;
	f->config_text = hm_buf_slice(&s->spec_text);
}

static void enclave_facts(struct hm_session *s)
{
	struct hm_build_facts *f = &s->facts;

	f->backend = s->config.backend;
	f->attester = s->attester->ops->name;
	f->image_name = s->image->name;
	f->image_version = s->image->version;
	f->worker_version = HM_VERSION;
	f->has_layer = s->image->has_layer;
	memcpy(f->layer_sha256, s->image->layer_sha256, sizeof(f->layer_sha256));
	f->toolchain_dirs = (const char *const *)s->config.toolchains.items;
	f->toolchain_count = s->config.toolchains.count;
	f->runtime = s->config.runtime;
	f->runtime_version = s->runtime_version;
	f->memory_mib = (uint32_t)s->config.memory_mib;
	f->cpus = (uint32_t)s->config.cpus;
	f->pids_max = (uint32_t)s->config.pids_max;
	f->timeout_minutes = (uint32_t)s->config.timeout_minutes;
	f->disk_mib = s->config.disk_mib;
	f->limits_enforced_by = s->limits_by;
	f->network = hm_network_mode_name(s->network_mode);
	f->network_recorded = s->network_facts.recorded;
	f->network_complete = s->network_facts.complete;
}

/*
 * "model name : X" of the first CPU. Compilers look at the CPU when they are told
 * to (-march=native), so it belongs to what a build depended on.
 */
static void cpu_model(char *out, size_t size)
{
	static const char key[] = "model name";
	char text[4096];
	size_t n = 0;
	AUTO_CLOSE int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
	const char *at, *end;

	out[0] = 0;
	if (fd < 0 || hm_io_read_some(fd, text, sizeof(text) - 1,
				      HM_NO_DEADLINE, &n, NULL) < 0)
		return;
	text[n] = 0;
	at = strstr(text, key);
	at = at ? strchr(at, ':') : NULL;
	end = at ? strchr(at, '\n') : NULL;
	if (!end || end - at < 2)
		return;
	(void)hm_escape(hm_slice(at + 2, (size_t)(end - at) - 2), out, size);
}

static void machine_facts(struct hm_session *s)
{
	struct utsname u;

	s->kernel_release[0] = 0;
	if (uname(&u) == 0)
		(void)hm_escape(hm_slice_str(u.release), s->kernel_release,
				sizeof(s->kernel_release));
	cpu_model(s->cpu_model, sizeof(s->cpu_model));
	s->facts.kernel_release = s->kernel_release;
	s->facts.cpu_model = s->cpu_model;
}

int hm_session_facts(struct hm_session *s, struct hm_err *err)
{
	struct hm_build_facts *f = &s->facts;
	int rc;

	source_facts(s);
	enclave_facts(s);
	machine_facts(s);
	f->artifacts = &s->artifacts;
	f->downloads = s->network_facts.downloads;
	f->invocation_id = s->config.invocation_id;
	f->started_ms = (int64_t)s->config.started_ms;
	f->finished_ms = hm_wall_ms();
	rc = pcrs(s, err);
	if (rc == HM_OK)
		rc = hm_build_log_digest(s->log, f->log_sha256, &f->log_size,
					 err);
	if (rc == HM_OK)
		rc = hm_sha256(hm_buf_slice(&s->network_json),
			       f->network_sha256, err);
	f->network_size = s->network_json.len;
	return rc;
}
