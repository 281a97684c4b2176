/*
 * Reading S back, for the verifier: every key is taken by name, and in the end
 * the facts are written again and compared with the text, so that whatever this
 * file overlooks (an unknown key, a second spelling, a URI that does not follow
 * from the facts) is still refused.
 */
#include "lib/provenance.h"

#include "lib/dsse.h"
#include "lib/intoto.h"
#include "lib/log.h"
#include "lib/when.h"

void hm_provenance_init(struct hm_provenance *p)
{
	*p = (struct hm_provenance){.root = NULL};
}

void hm_provenance_release(struct hm_provenance *p)
{
	for (size_t i = 0; i < p->facts.submodule_count && p->submodules; i++)
		free(p->submodules[i].path);
	for (size_t i = 0; i < p->facts.lfs_count && p->lfs; i++)
		free(p->lfs[i].path);
	free(p->submodules);
	free(p->lfs);
	free(p->toolchain_dirs);
	hm_json_free(p->downloads);
	hm_artifacts_release(&p->artifacts);
	hm_json_free(p->root);
	hm_provenance_init(p);
}

static void no_memory(struct hm_json_reading *reading)
{
	if (reading->rc == HM_OK)
		reading->rc = hm_fail(reading->err, HM_E_NOMEM, ENOMEM,
				      "read a statement");
}

/* --- buildDefinition --------------------------------------------------------- */

static void read_external(struct hm_json_fields *definition,
			  struct hm_build_facts *f)
{
	struct hm_json_fields p =
		hm_fields_object(definition, "externalParameters");
	struct hm_json_fields config = hm_fields_object(&p, "config");

	f->repository = hm_fields_string(&p, "repository");
	f->ref = hm_fields_string(&p, "ref");
	hm_intoto_read_git_id(&p, "commit", &f->commit);
	f->config_path = hm_fields_string(&config, "path");
	f->config_text = hm_slice_str(hm_fields_string(&config, "text"));
	hm_fields_done(&config);
	hm_fields_done(&p);
}

static void read_limits(struct hm_json_fields *parameters,
			struct hm_build_facts *f)
{
	struct hm_json_fields l = hm_fields_object(parameters, "limits");

	f->memory_mib = (uint32_t)hm_fields_uint(&l, "memoryMib", UINT32_MAX);
	f->cpus = (uint32_t)hm_fields_uint(&l, "cpus", UINT32_MAX);
	f->pids_max = (uint32_t)hm_fields_uint(&l, "pids", UINT32_MAX);
	f->disk_mib = hm_fields_uint(&l, "diskMib", INT64_MAX);
	f->timeout_minutes =
		(uint32_t)hm_fields_uint(&l, "timeoutMinutes", UINT32_MAX);
	f->limits_enforced_by = hm_fields_string(&l, "enforcedBy");
	hm_fields_done(&l);
}

static void read_toolchains(struct hm_json_fields *parameters,
			    struct hm_provenance *p)
{
	const struct hm_json *array =
		hm_fields_array(parameters, "toolchainDirs");
	size_t n = array ? hm_json_count(array) : 0;

	if (n == 0)
		return;
	p->toolchain_dirs = calloc(n, sizeof(*p->toolchain_dirs));
	if (!p->toolchain_dirs) {
		no_memory(parameters->reading);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		p->toolchain_dirs[i] = hm_json_string(hm_json_at(array, i));
		if (!p->toolchain_dirs[i]) {
			hm_fields_fail(parameters, "toolchainDirs",
				       "holds what is not a string");
			return;
		}
	}
	p->facts.toolchain_dirs = p->toolchain_dirs;
	p->facts.toolchain_count = n;
}

static void read_internal(struct hm_json_fields *definition,
			  struct hm_provenance *out)
{
	struct hm_build_facts *f = &out->facts;
	struct hm_json_fields p =
		hm_fields_object(definition, "internalParameters");
	struct hm_json_fields part = hm_fields_object(&p, "image");

	f->backend = hm_fields_string(&p, "backend");
	f->attester = hm_fields_string(&p, "attester");
	f->image_name = hm_fields_string(&part, "name");
	f->image_version = hm_fields_string(&part, "version");
	hm_fields_done(&part);
	read_toolchains(&p, out);
	part = hm_fields_object(&p, "sandbox");
	f->runtime = hm_fields_string(&part, "runtime");
	f->runtime_version = hm_fields_string(&part, "version");
	hm_fields_done(&part);
	part = hm_fields_object(&p, "network");
	f->network = hm_fields_string(&part, "mode");
	f->network_recorded = hm_fields_bool(&part, "recorded");
	f->network_complete = hm_fields_bool(&part, "complete");
	hm_fields_done(&part);
	read_limits(&p, f);
	part = hm_fields_object(&p, "machine");
	f->cpu_model = hm_fields_string(&part, "cpu");
	f->kernel_release = hm_fields_string(&part, "kernel");
	hm_fields_done(&part);
	hm_fields_done(&p);
}

static void read_source(struct hm_json_fields *d, struct hm_build_facts *f)
{
	struct hm_json_fields digest = hm_fields_object(d, "digest");
	struct hm_json_fields notes = hm_fields_object(d, "annotations");
	struct hm_git_id commit;

	hm_fields_constant(d, "name", "source");
	/* Follows from repository and ref: compared by writing it again. */
	(void)hm_fields_string_or(d, "uri", "");
	hm_intoto_read_git_id(&digest, "gitCommit", &commit);
	hm_intoto_read_git_id(&digest, "gitTree", &f->tree);
	hm_fields_hex(&notes, "treeSha256", f->tree_sha256, HM_SHA256_LEN);
	f->committer_s = hm_fields_int(&notes, "committerTime");
	hm_fields_done(&digest);
	hm_fields_done(&notes);
	hm_fields_done(d);
}

static void read_submodule(struct hm_json_fields *d, struct hm_submodule *s)
{
	struct hm_json_fields digest = hm_fields_object(d, "digest");
	struct hm_json_fields notes = hm_fields_object(d, "annotations");

	hm_fields_constant(d, "name", "submodule");
	hm_intoto_read_git_id(&digest, "gitCommit", &s->commit);
	hm_fields_hex(&notes, "treeSha256", s->tree_sha256, HM_SHA256_LEN);
	s->path = hm_slice_dup(hm_slice_str(hm_fields_string(&notes, "path")));
	if (!s->path)
		no_memory(d->reading);
	hm_fields_done(&digest);
	hm_fields_done(&notes);
	hm_fields_done(d);
}

static void read_lfs(struct hm_json_fields *d, struct hm_lfs_object *l)
{
	struct hm_json_fields notes = hm_fields_object(d, "annotations");

	hm_fields_constant(d, "name", "lfs");
	hm_intoto_read_digest(d, "sha256", l->sha256, HM_SHA256_LEN);
	l->size = hm_fields_uint(&notes, "size", INT64_MAX);
	l->path = hm_slice_dup(hm_slice_str(hm_fields_string(&notes, "path")));
	if (!l->path)
		no_memory(d->reading);
	hm_fields_done(&notes);
	hm_fields_done(d);
}

/* The run of elements from i on that are called name. */
static size_t count_named(const struct hm_json *array, size_t i,
			  const char *name)
{
	size_t n = 0;

	for (; i < hm_json_count(array); i++, n++) {
		const struct hm_json *d = hm_json_at(array, i);
		const char *s = hm_json_get_string(d, "name");

		/* A download may have a name, and has a uri. */
		if (!s || strcmp(s, name) != 0 || hm_json_get(d, "uri"))
			break;
	}
	return n;
}

static void read_downloads(const struct hm_json *array, size_t from,
			   struct hm_json_reading *reading,
			   struct hm_provenance *p)
{
	size_t n = hm_json_count(array);

	if (from == n)
		return;
	p->downloads = hm_json_new_array();
	for (; from < n; from++) {
		if (!hm_json_append(p->downloads,
				    hm_json_copy(hm_json_at(array, from))))
			no_memory(reading);
	}
	p->facts.downloads = p->downloads;
}

static void read_dependencies(struct hm_json_fields *definition,
			      struct hm_provenance *p)
{
	static const char key[] = "resolvedDependencies";
	struct hm_json_reading *reading = definition->reading;
	const struct hm_json *array = hm_fields_array(definition, key);
	struct hm_json_fields d = hm_fields_element(definition, key, 0);
	size_t modules, lfs;

	read_source(&d, &p->facts);
	if (reading->rc < 0)
		return;
	modules = count_named(array, 1, "submodule");
	lfs = count_named(array, 1 + modules, "lfs");
	p->submodules = calloc(modules + 1, sizeof(*p->submodules));
	p->lfs = calloc(lfs + 1, sizeof(*p->lfs));
	if (!p->submodules || !p->lfs) {
		no_memory(reading);
		return;
	}
	p->facts.submodules = p->submodules;
	p->facts.submodule_count = modules;
	p->facts.lfs = p->lfs;
	p->facts.lfs_count = lfs;
	for (size_t i = 0; i < modules; i++) {
		d = hm_fields_element(definition, key, 1 + i);
		read_submodule(&d, &p->submodules[i]);
	}
	for (size_t i = 0; i < lfs; i++) {
		d = hm_fields_element(definition, key, 1 + modules + i);
		read_lfs(&d, &p->lfs[i]);
	}
	read_downloads(array, 1 + modules + lfs, reading, p);
}

/* --- runDetails -------------------------------------------------------------- */

static void read_builder(struct hm_json_fields *run, struct hm_provenance *p)
{
	static const char key[] = "builderDependencies";
	struct hm_json_fields b = hm_fields_object(run, "builder");
	const struct hm_json *array = hm_fields_array(&b, key);
	struct hm_json_fields d = hm_fields_element(&b, key, 0);
	struct hm_json_fields notes = hm_fields_object(&d, "annotations");

	p->builder_id = hm_fields_string(&b, "id");
	hm_fields_constant(&d, "name", "enclave");
	(void)hm_fields_string(&d, "uri");
	hm_fields_hex(&notes, "pcr0", p->facts.pcr[0], HM_PCR_LEN);
	hm_fields_hex(&notes, "pcr1", p->facts.pcr[1], HM_PCR_LEN);
	hm_fields_hex(&notes, "pcr2", p->facts.pcr[2], HM_PCR_LEN);
	hm_fields_done(&notes);
	hm_fields_done(&d);
	if (array && hm_json_count(array) > 1) {
		p->facts.has_layer = true;
		d = hm_fields_element(&b, key, 1);
		hm_fields_constant(&d, "name", "toolchain-layer");
		hm_intoto_read_digest(&d, "sha256", p->facts.layer_sha256,
				      HM_SHA256_LEN);
		hm_fields_done(&d);
	}
	d = hm_fields_object(&b, "version");
	p->facts.worker_version = hm_fields_string(&d, "enclave-worker");
	hm_fields_done(&d);
	hm_fields_done(&b);
}

static int64_t read_time(struct hm_json_fields *f, const char *key)
{
	const char *s = hm_fields_string(f, key);
	int64_t ms = 0;

	if (f->reading->rc == HM_OK && !hm_when_parse(hm_slice_str(s), &ms))
		hm_fields_fail(f, key, "is not a time in UTC");
	return ms;
}

static void read_metadata(struct hm_json_fields *run, struct hm_build_facts *f)
{
	struct hm_json_fields m = hm_fields_object(run, "metadata");

	f->invocation_id = hm_fields_string(&m, "invocationId");
	f->started_ms = read_time(&m, "startedOn");
	f->finished_ms = read_time(&m, "finishedOn");
	hm_fields_done(&m);
}

static void read_phases(struct hm_json_fields *notes, struct hm_build_facts *f)
{
	const struct hm_json *array = hm_fields_array(notes, "phases");
	size_t n = array ? hm_json_count(array) : 0;

	if (n > HM_PHASES_MAX) {
		hm_fields_fail(notes, "phases", "has too many elements");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct hm_json_fields phase =
			hm_fields_element(notes, "phases", i);

		f->phases[i].name = hm_fields_string(&phase, "name");
		f->phases[i].ms = (int64_t)hm_fields_uint(&phase, "ms",
							  INT64_MAX);
		hm_fields_done(&phase);
	}
	f->phase_count = n;
}

static void read_byproducts(struct hm_json_fields *run,
			    struct hm_build_facts *f)
{
	const struct hm_json *array = hm_fields_array(run, "byproducts");
	struct hm_json_fields b, notes;

	if (array && hm_json_count(array) != 2) {
		hm_fields_fail(run, "byproducts", "does not have two elements");
		return;
	}
	b = hm_fields_element(run, "byproducts", 0);
	notes = hm_fields_object(&b, "annotations");
	hm_fields_constant(&b, "name", "build.log");
	hm_fields_constant(&b, "mediaType", "text/plain");
	hm_intoto_read_digest(&b, "sha256", f->log_sha256, HM_SHA256_LEN);
	f->log_size = hm_fields_uint(&notes, "size", INT64_MAX);
	read_phases(&notes, f);
	hm_fields_done(&notes);
	hm_fields_done(&b);
	b = hm_fields_element(run, "byproducts", 1);
	notes = hm_fields_object(&b, "annotations");
	hm_fields_constant(&b, "name", "network.json");
	hm_fields_constant(&b, "mediaType", "application/json");
	hm_intoto_read_digest(&b, "sha256", f->network_sha256, HM_SHA256_LEN);
	f->network_size = hm_fields_uint(&notes, "size", INT64_MAX);
	hm_fields_done(&notes);
	hm_fields_done(&b);
}

static int read_all(struct hm_provenance *p, struct hm_err *err)
{
	struct hm_json_reading reading = {.rc = HM_OK, .err = err};
	struct hm_json_fields predicate, part;

	hm_intoto_read(&reading, p->root, true, HM_PREDICATE_SLSA,
		       &p->artifacts, &predicate);
	p->facts.artifacts = &p->artifacts;
	part = hm_fields_object(&predicate, "buildDefinition");
	hm_fields_constant(&part, "buildType", HM_BUILD_TYPE);
	read_external(&part, &p->facts);
	read_internal(&part, p);
	read_dependencies(&part, p);
	hm_fields_done(&part);
	part = hm_fields_object(&predicate, "runDetails");
	read_builder(&part, p);
	read_metadata(&part, &p->facts);
	read_byproducts(&part, &p->facts);
	hm_fields_done(&part);
	hm_fields_done(&predicate);
	return reading.rc;
}

static int parse(struct hm_slice json, struct hm_provenance *p,
		 struct hm_err *err)
{
	AUTO_BUF struct hm_buf again;
	int rc;

	hm_buf_init(&again, HM_STATEMENT_MAX);
	rc = hm_json_parse(json, HM_STATEMENT_MAX, &p->root, err);
	if (rc == HM_OK)
		rc = read_all(p, err);
	if (rc == HM_OK)
		rc = hm_provenance_write(&p->facts, &again, err);
	if (rc == HM_OK)
		rc = hm_intoto_same("text", json, hm_buf_slice(&again), err);
	return rc;
}

int hm_provenance_parse(struct hm_slice json, struct hm_provenance *ret_p,
			struct hm_err *err)
{
	int rc = parse(json, ret_p, err);

	if (rc == HM_OK)
		return HM_OK;
	hm_provenance_release(ret_p);
	return hm_err_prefix(err, "provenance");
}
