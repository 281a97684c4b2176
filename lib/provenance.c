/*
 * Writing S. The facts come from the worker, but some of them were the host's
 * or the build's before (repository, paths, downloads): whatever JSON or the
 * format cannot say is refused here, before anything is signed.
 */
#include "lib/provenance.h"

#include <stdio.h>

#include "lib/dsse.h"
#include "lib/intoto.h"
#include "lib/log.h"
#include "lib/path.h"
#include "lib/when.h"

/* Repository URL plus ref; longer ones are nobody's. */
#define URI_MAX 4096
/* 9999-12-31T23:59:59.999Z, the last that RFC 3339 can say. */
#define YEAR_9999_MS 253402300799999

static void set_str(struct hm_json *o, const char *key, const char *s)
{
	(void)hm_json_set(o, key, hm_json_new_str(s));
}

static void set_uint(struct hm_json *o, const char *key, uint64_t v)
{
	(void)hm_json_set(o, key, hm_json_new_integer((int64_t)v));
}

/* A NULL string would be a programmer's; empty is how "unknown" is said. */
static int check_text(const char *what, const char *s, bool may_be_empty,
		      struct hm_err *err)
{
	HM_BUG_ON(!s);
	if (!hm_slice_is_text(hm_slice_str(s)))
		return hm_fail(err, HM_E_POLICY, 0,
			       "statement: %s '%s' is not plain UTF-8 text",
			       what, HM_ESC(hm_slice_str(s)));
	if (!may_be_empty && s[0] == 0)
		return hm_fail(err, HM_E_POLICY, 0, "statement: no %s", what);
	return HM_OK;
}

/* "local", "crun": a word that is safe inside a URI. */
static int check_word(const char *what, const char *s, bool may_be_empty,
		      struct hm_err *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._+-";
	int rc = check_text(what, s, may_be_empty, err);

	if (rc == HM_OK && s[strspn(s, allowed)] != 0)
		return hm_fail(err, HM_E_POLICY, 0,
			       "statement: %s '%s' is not a plain word", what,
			       HM_ESC(hm_slice_str(s)));
	return rc;
}

static int check_strings(const struct hm_build_facts *f, struct hm_err *err)
{
	const struct {
		const char *what, *s;
		bool word, may_be_empty;
	} strings[] = {
		{"repository", f->repository, false, true},
		{"ref", f->ref, false, true},
		{"config path", f->config_path, false, false},
		{"backend", f->backend, true, false},
		{"attester", f->attester, true, false},
		{"image name", f->image_name, true, false},
		{"image version", f->image_version, true, true},
		{"worker version", f->worker_version, true, false},
		{"runtime", f->runtime, true, false},
		{"runtime version", f->runtime_version, false, true},
		{"network mode", f->network, true, false},
		{"limits", f->limits_enforced_by, true, false},
		{"CPU model", f->cpu_model, false, true},
		{"kernel release", f->kernel_release, false, true},
		{"invocation id", f->invocation_id, false, false},
	};
	int rc = HM_OK;

	for (size_t i = 0; rc == HM_OK && i < HM_ARRAY_LEN(strings); i++)
		rc = strings[i].word ?
			     check_word(strings[i].what, strings[i].s,
					strings[i].may_be_empty, err) :
			     check_text(strings[i].what, strings[i].s,
					strings[i].may_be_empty, err);
	for (size_t i = 0; rc == HM_OK && i < f->submodule_count; i++)
		rc = check_text("submodule path", f->submodules[i].path, false,
				err);
	for (size_t i = 0; rc == HM_OK && i < f->lfs_count; i++)
		rc = check_text("LFS path", f->lfs[i].path, false, err);
	for (size_t i = 0; rc == HM_OK && i < f->toolchain_count; i++)
		rc = check_text("toolchain directory", f->toolchain_dirs[i],
				false, err);
	for (size_t i = 0; rc == HM_OK && i < f->phase_count; i++)
		rc = check_word("phase", f->phases[i].name, false, err);
	return rc;
}

static int check_facts(const struct hm_build_facts *f, struct hm_err *err)
{
	int rc = check_strings(f, err);

	if (rc < 0)
		return rc;
	HM_BUG_ON(!f->artifacts || f->phase_count > HM_PHASES_MAX);
	if (f->artifacts->count == 0)
		return hm_fail(err, HM_E_POLICY, 0, "statement: no output");
	if (f->config_text.len == 0 || f->config_text.len > HM_BUILDSPEC_MAX ||
	    !hm_slice_is_utf8(f->config_text) ||
	    memchr(f->config_text.ptr, 0, f->config_text.len))
		return hm_fail(err, HM_E_POLICY, 0,
			       "statement: %s is not text of 1 to %d bytes",
			       f->config_path, HM_BUILDSPEC_MAX);
	/* The clock is the host's to set. */
	if (f->started_ms < 0 || f->finished_ms > YEAR_9999_MS)
		return hm_fail(err, HM_E_POLICY, 0,
			       "statement: the clock is outside 1970 to 9999");
	if (f->finished_ms < f->started_ms)
		return hm_fail(err, HM_E_POLICY, 0,
			       "statement: the build ends before it begins");
	for (size_t i = 0; i < f->phase_count; i++) {
		if (f->phases[i].ms < 0)
			return hm_fail(err, HM_E_POLICY, 0,
				       "statement: phase '%s' took less than no time",
				       f->phases[i].name);
	}
	return HM_OK;
}

/* --- buildDefinition --------------------------------------------------------- */

static struct hm_json *external_parameters(const struct hm_build_facts *f)
{
	struct hm_json *p = hm_json_new_object();
	struct hm_json *config = hm_json_new_object();

	set_str(config, "path", f->config_path);
	(void)hm_json_set(config, "text", hm_json_new_string(f->config_text));
	set_str(p, "repository", f->repository);
	set_str(p, "ref", f->ref);
	(void)hm_json_set(p, "commit", hm_intoto_git_id(&f->commit));
	(void)hm_json_set(p, "config", config);
	return p;
}

static struct hm_json *limits(const struct hm_build_facts *f)
{
	struct hm_json *l = hm_json_new_object();

	set_uint(l, "memoryMib", f->memory_mib);
	set_uint(l, "cpus", f->cpus);
	set_uint(l, "pids", f->pids_max);
	set_uint(l, "diskMib", f->disk_mib);
	set_uint(l, "timeoutMinutes", f->timeout_minutes);
	set_str(l, "enforcedBy", f->limits_enforced_by);
	return l;
}

static struct hm_json *internal_parameters(const struct hm_build_facts *f)
{
	struct hm_json *p = hm_json_new_object();
	struct hm_json *part = hm_json_new_object();

	set_str(p, "backend", f->backend);
	set_str(p, "attester", f->attester);
	set_str(part, "name", f->image_name);
	set_str(part, "version", f->image_version);
	(void)hm_json_set(p, "image", part);

	part = hm_json_new_array();
	for (size_t i = 0; i < f->toolchain_count; i++)
		(void)hm_json_append(part,
				     hm_json_new_str(f->toolchain_dirs[i]));
	(void)hm_json_set(p, "toolchainDirs", part);

	part = hm_json_new_object();
	set_str(part, "runtime", f->runtime);
	set_str(part, "version", f->runtime_version);
	(void)hm_json_set(p, "sandbox", part);

	part = hm_json_new_object();
	set_str(part, "mode", f->network);
	(void)hm_json_set(part, "recorded",
			  hm_json_new_bool(f->network_recorded));
	(void)hm_json_set(part, "complete",
			  hm_json_new_bool(f->network_complete));
	(void)hm_json_set(p, "network", part);

	(void)hm_json_set(p, "limits", limits(f));
	part = hm_json_new_object();
	set_str(part, "cpu", f->cpu_model);
	set_str(part, "kernel", f->kernel_release);
	(void)hm_json_set(p, "machine", part);
	return p;
}

/* True for what can stand behind "git+" in a SPDX-style download URI. */
static bool is_url(const char *s)
{
	static const char *const schemes[] = {"https://", "http://", "ssh://",
					      "git://", "file://"};

	for (size_t i = 0; i < HM_ARRAY_LEN(schemes); i++) {
		if (strncmp(s, schemes[i], strlen(schemes[i])) == 0)
			return true;
	}
	return false;
}

static int source(const struct hm_build_facts *f, struct hm_json **ret_d,
		  struct hm_err *err)
{
	struct hm_json *d = hm_json_new_object(), *part;
	char uri[URI_MAX];

	*ret_d = d;
	set_str(d, "name", "source");
	if (is_url(f->repository)) {
		int n = snprintf(uri, sizeof(uri), "git+%s%s%s", f->repository,
				 f->ref[0] ? "@" : "", f->ref);

		if (n < 0 || (size_t)n >= sizeof(uri))
			return hm_fail(err, HM_E_TOO_LARGE, 0,
				       "statement: repository and ref are longer than %d bytes",
				       URI_MAX);
		set_str(d, "uri", uri);
	}
	part = hm_json_new_object();
	(void)hm_json_set(part, "gitCommit", hm_intoto_git_id(&f->commit));
	(void)hm_json_set(part, "gitTree", hm_intoto_git_id(&f->tree));
	(void)hm_json_set(d, "digest", part);
	part = hm_json_new_object();
	(void)hm_json_set(part, "treeSha256",
			  hm_intoto_hex(f->tree_sha256, HM_SHA256_LEN));
	(void)hm_json_set(part, "committerTime",
			  hm_json_new_integer(f->committer_s));
	(void)hm_json_set(d, "annotations", part);
	return HM_OK;
}

static struct hm_json *submodule(const struct hm_submodule *s)
{
	struct hm_json *d = hm_json_new_object();
	struct hm_json *part = hm_json_new_object();

	set_str(d, "name", "submodule");
	(void)hm_json_set(part, "gitCommit", hm_intoto_git_id(&s->commit));
	(void)hm_json_set(d, "digest", part);
	part = hm_json_new_object();
	set_str(part, "path", s->path);
	(void)hm_json_set(part, "treeSha256",
			  hm_intoto_hex(s->tree_sha256, HM_SHA256_LEN));
	(void)hm_json_set(d, "annotations", part);
	return d;
}

static struct hm_json *lfs_object(const struct hm_lfs_object *l)
{
	struct hm_json *d = hm_json_new_object();
	struct hm_json *part = hm_json_new_object();

	set_str(d, "name", "lfs");
	(void)hm_json_set(d, "digest", hm_intoto_digest("sha256", l->sha256,
							HM_SHA256_LEN));
	set_str(part, "path", l->path);
	set_uint(part, "size", l->size);
	(void)hm_json_set(d, "annotations", part);
	return d;
}

/*
 * A download may not pose as the source, a submodule or an LFS object: those
 * have no uri of this kind (the source's begins with "git+"). Packages of a
 * registry are named by their purl.
 */
static bool is_download_uri(const char *uri)
{
	static const char *const schemes[] = {"https://", "http://", "pkg:"};

	for (size_t i = 0; i < HM_ARRAY_LEN(schemes); i++) {
		if (strncmp(uri, schemes[i], strlen(schemes[i])) == 0)
			return true;
	}
	return false;
}

static int download(const struct hm_json *in, struct hm_json **ret_d,
		    struct hm_err *err)
{
	static const char *const keys[] = {"name", "uri", "digest", "mediaType",
					   "downloadLocation", "annotations",
					   NULL};
	const char *uri = hm_json_get_string(in, "uri");
	const struct hm_json *digest = hm_json_get(in, "digest"), *v;
	const char *alg = NULL;

	if (!uri || !is_download_uri(uri))
		return hm_fail(err, HM_E_POLICY, 0,
			       "statement: a download without an http, https or pkg uri");
	if (hm_json_only_keys(in, keys, err) < 0)
		return hm_err_prefix(err, "statement: download '%s'",
				     HM_ESC(hm_slice_str(uri)));
	if (!digest || hm_json_type(digest) != HM_JSON_OBJECT ||
	    hm_json_count(digest) == 0)
		return hm_fail(err, HM_E_POLICY, 0,
			       "statement: download '%s' without a digest",
			       HM_ESC(hm_slice_str(uri)));
	while ((v = hm_json_next(digest, &alg)) != NULL) {
		const char *hex = hm_json_string(v);

		if (!hex || hex[0] == 0 || hex[strspn(hex, "0123456789abcdef")])
			return hm_fail(err, HM_E_POLICY, 0,
				       "statement: download '%s': a digest is not lower-case hex",
				       HM_ESC(hm_slice_str(uri)));
	}
	*ret_d = hm_json_copy(in);
	return HM_OK;
}

static int dependencies(const struct hm_build_facts *f, struct hm_json *list,
			struct hm_err *err)
{
	size_t n = f->downloads ? hm_json_count(f->downloads) : 0;
	struct hm_json *d = NULL;
	int rc = source(f, &d, err);

	(void)hm_json_append(list, d);
	for (size_t i = 0; i < f->submodule_count; i++)
		(void)hm_json_append(list, submodule(&f->submodules[i]));
	for (size_t i = 0; i < f->lfs_count; i++)
		(void)hm_json_append(list, lfs_object(&f->lfs[i]));
	for (size_t i = 0; rc == HM_OK && i < n; i++) {
		rc = download(hm_json_at(f->downloads, i), &d, err);
		if (rc == HM_OK)
			(void)hm_json_append(list, d);
	}
	return rc;
}

/* --- runDetails -------------------------------------------------------------- */

static struct hm_json *enclave(const struct hm_build_facts *f)
{
	struct hm_json *d = hm_json_new_object();
	struct hm_json *pcrs = hm_json_new_object();
	char uri[512];

	snprintf(uri, sizeof(uri), HM_IMAGE_URI_PREFIX "%.200s%s%.200s",
		 f->image_name, f->image_version[0] ? "@" : "",
		 f->image_version);
	set_str(d, "name", "enclave");
	set_str(d, "uri", uri);
	for (unsigned int i = 0; i < 3; i++) {
		char key[] = "pcr0";

		key[3] = (char)('0' + i);
		(void)hm_json_set(pcrs, key, hm_intoto_hex(f->pcr[i],
							   HM_PCR_LEN));
	}
	(void)hm_json_set(d, "annotations", pcrs);
	return d;
}

static struct hm_json *builder(const struct hm_build_facts *f)
{
	struct hm_json *b = hm_json_new_object();
	struct hm_json *list = hm_json_new_array();
	struct hm_json *part;
	char id[512];

	snprintf(id, sizeof(id), HM_BUILDER_ID_PREFIX "%.200s-%.200s/v1",
		 f->backend, f->attester);
	set_str(b, "id", id);
	(void)hm_json_append(list, enclave(f));
	if (f->has_layer) {
		part = hm_json_new_object();
		set_str(part, "name", "toolchain-layer");
		(void)hm_json_set(part, "digest",
				  hm_intoto_digest("sha256", f->layer_sha256,
						   HM_SHA256_LEN));
		(void)hm_json_append(list, part);
	}
	(void)hm_json_set(b, "builderDependencies", list);
	part = hm_json_new_object();
	set_str(part, "enclave-worker", f->worker_version);
	(void)hm_json_set(b, "version", part);
	return b;
}

static struct hm_json *metadata(const struct hm_build_facts *f)
{
	struct hm_json *m = hm_json_new_object();
	char when[HM_WHEN_MAX];

	set_str(m, "invocationId", f->invocation_id);
	set_str(m, "startedOn", hm_when(f->started_ms, when));
	set_str(m, "finishedOn", hm_when(f->finished_ms, when));
	return m;
}

static struct hm_json *byproduct(const char *name, const char *media_type,
				 const uint8_t sha256[HM_SHA256_LEN],
				 uint64_t size, struct hm_json *phases)
{
	struct hm_json *b = hm_json_new_object();
	struct hm_json *annotations = hm_json_new_object();

	set_str(b, "name", name);
	(void)hm_json_set(b, "digest", hm_intoto_digest("sha256", sha256,
							HM_SHA256_LEN));
	set_str(b, "mediaType", media_type);
	set_uint(annotations, "size", size);
	if (phases)
		(void)hm_json_set(annotations, "phases", phases);
	(void)hm_json_set(b, "annotations", annotations);
	return b;
}

/* The phases go with the log: both say how the build went. */
static struct hm_json *byproducts(const struct hm_build_facts *f)
{
	struct hm_json *list = hm_json_new_array();
	struct hm_json *phases = hm_json_new_array();

	for (size_t i = 0; i < f->phase_count; i++) {
		struct hm_json *phase = hm_json_new_object();

		set_str(phase, "name", f->phases[i].name);
		set_uint(phase, "ms", (uint64_t)f->phases[i].ms);
		(void)hm_json_append(phases, phase);
	}
	(void)hm_json_append(list, byproduct("build.log", "text/plain",
					     f->log_sha256, f->log_size,
					     phases));
	(void)hm_json_append(list, byproduct("network.json", "application/json",
					     f->network_sha256, f->network_size,
					     NULL));
	return list;
}

int hm_provenance_write(const struct hm_build_facts *f, struct hm_buf *json,
			struct hm_err *err)
{
	AUTO_JSON struct hm_json *root = NULL;
	struct hm_json *predicate, *part, *list;
	int rc = check_facts(f, err);

	if (rc < 0)
		return rc;
	predicate = hm_json_new_object();
	part = hm_json_new_object();
	set_str(part, "buildType", HM_BUILD_TYPE);
	(void)hm_json_set(part, "externalParameters", external_parameters(f));
	(void)hm_json_set(part, "internalParameters", internal_parameters(f));
	list = hm_json_new_array();
	rc = dependencies(f, list, err);
	(void)hm_json_set(part, "resolvedDependencies", list);
	(void)hm_json_set(predicate, "buildDefinition", part);

	part = hm_json_new_object();
	(void)hm_json_set(part, "builder", builder(f));
	(void)hm_json_set(part, "metadata", metadata(f));
	(void)hm_json_set(part, "byproducts", byproducts(f));
	(void)hm_json_set(predicate, "runDetails", part);
	root = hm_intoto_statement(f->artifacts, true, HM_PREDICATE_SLSA,
				   predicate);
	if (rc == HM_OK && hm_json_write(root, HM_JSON_COMPACT, json, err) < 0)
		rc = hm_err_prefix(err, "statement");
	return rc;
}
