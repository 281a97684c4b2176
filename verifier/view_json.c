/*
 * The verdict and the evidence for machines (schema/verdict.md). One document
 * serves `verify --format json` and `inspect --format json`; "result" and
 * "verified" say which of its parts are facts. Text from outside goes in as JSON
 * strings, and nothing is pasted.
 */
#include <stdio.h>

#include "lib/hex.h"
#include "lib/when.h"
#include "verifier/view.h"

static void set(struct hm_json *o, const char *key, struct hm_json *v)
{
	/* A failure sticks to the object; hm_json_write() reports it. */
	(void)hm_json_set(o, key, v);
}

static void set_str(struct hm_json *o, const char *key, const char *s)
{
	set(o, key, s ? hm_json_new_str(s) : hm_json_new_null());
}

static struct hm_json *hex_of(const void *p, size_t len)
{
	char text[2 * 1024 + 1];

	if (len > 1024)
		return hm_json_new_null();
	hm_hex(p, len, text);
	return hm_json_new_str(text);
}

static void set_time(struct hm_json *o, const char *key, int64_t ms)
{
	char when[HM_WHEN_MAX];

	set_str(o, key, hm_when(ms, when));
}

static struct hm_json *optional(const struct hm_nitro_optional *f)
{
	return f->present ? hex_of(f->bytes.ptr, f->bytes.len) :
			    hm_json_new_null();
}

static struct hm_json *pcrs_of(const struct hm_nitro_document *doc)
{
	struct hm_json *o = hm_json_new_object();

	for (size_t i = 0; i < HM_NITRO_PCRS; i++) {
		char key[8];

		if (!doc->has_pcr[i])
			continue;
		snprintf(key, sizeof(key), "%zu", i);
		set(o, key, hex_of(doc->pcr[i], HM_PCR_LEN));
	}
	return o;
}

static struct hm_json *chain_of(const struct hm_nitro_document *doc)
{
	struct hm_json *a = hm_json_new_array();

	for (size_t i = 0; i <= doc->cabundle_count; i++) {
		struct hm_slice der = i < doc->cabundle_count ?
			doc->cabundle[i] : doc->certificate;
		struct hm_json *o = hm_json_new_object();
		struct hm_cert_info info;
		struct hm_err ignored;

		if (hm_cert_info(der, &info, &ignored) == HM_OK) {
			set_str(o, "subject", info.subject);
			set_str(o, "issuer", info.issuer);
			set_time(o, "not_before", info.not_before_ms);
			set_time(o, "not_after", info.not_after_ms);
			set(o, "sha256", hex_of(info.sha256, HM_SHA256_LEN));
		}
		(void)hm_json_append(a, o);
	}
	return a;
}

bool hm_document_is_debug(const struct hm_nitro_document *doc)
{
	static const uint8_t zero[HM_IMAGE_PCRS][HM_PCR_LEN];

	return doc->has_pcr[0] && doc->has_pcr[1] && doc->has_pcr[2] &&
	       memcmp(doc->pcr, zero, sizeof(zero)) == 0;
}

struct hm_json *hm_document_json(const struct hm_nitro_document *doc)
{
	struct hm_json *o = hm_json_new_object();

	set(o, "module_id", hm_json_new_string(doc->module_id));
	set(o, "timestamp", hm_json_new_integer((int64_t)doc->timestamp_ms));
	set_time(o, "time", (int64_t)doc->timestamp_ms);
	set(o, "debug", hm_json_new_bool(hm_document_is_debug(doc)));
	set(o, "pcrs", pcrs_of(doc));
	set(o, "user_data", optional(&doc->user_data));
	set(o, "public_key", optional(&doc->public_key));
	set(o, "nonce", optional(&doc->nonce));
	set(o, "certificates", chain_of(doc));
	return o;
}

static struct hm_json *files_json(const struct hm_artifacts *a, bool modes)
{
	struct hm_json *list = hm_json_new_array();

	for (size_t i = 0; i < a->count; i++) {
		struct hm_json *o = hm_json_new_object();
		char mode[8];

		set_str(o, "name", a->items[i].name);
		set(o, "sha256", hex_of(a->items[i].sha256, HM_SHA256_LEN));
		if (modes) {
			snprintf(mode, sizeof(mode), "%04o", a->items[i].mode);
			set_str(o, "mode", mode);
			set(o, "size",
			    hm_json_new_integer((int64_t)a->items[i].size));
		}
		(void)hm_json_append(list, o);
	}
	return list;
}

static struct hm_json *checks_json(const struct hm_verdict *v)
{
	struct hm_json *a = hm_json_new_array();

	for (size_t i = 0; i < _HM_CHECK_COUNT; i++) {
		const struct hm_check *k = &v->checks[i];
		struct hm_json *o = hm_json_new_object();

		set_str(o, "check", hm_check_name((enum hm_check_id)i));
		set_str(o, "status", hm_check_status_name(k->status));
		set_str(o, "text", k->text);
		(void)hm_json_append(a, o);
	}
	return a;
}

static struct hm_json *strings_json(const struct hm_strings *s)
{
	struct hm_json *a = hm_json_new_array();

	for (size_t i = 0; i < s->count; i++)
		(void)hm_json_append(a, hm_json_new_str(s->items[i]));
	return a;
}

static struct hm_json *criteria_json(const struct hm_expect *want)
{
	struct hm_json *o = hm_json_new_object();
	struct hm_json *roots = hm_json_new_array();
	char commit[HM_GIT_HEX_MAX];

	set(o, "any_source", hm_json_new_bool(want->any_source));
	set(o, "repositories", strings_json(&want->repositories));
	if (want->has_commit)
		hm_git_id_hex(&want->commit, commit);
	set_str(o, "commit", want->has_commit ? commit : NULL);
	set_str(o, "ref", want->ref);
	for (size_t i = 0; i < want->root_count; i++)
		(void)hm_json_append(roots, hex_of(want->roots[i].sha256,
						   HM_SHA256_LEN));
	set(o, "trust_roots", roots);
	set(o, "images", strings_json(&want->images));
	set_str(o, "builder_id", want->builder_id);
	set(o, "log_required", hm_json_new_bool(want->require_log));
	set_str(o, "policy", want->policy ? want->policy->name : NULL);
	return o;
}

static struct hm_json *source_json(const struct hm_build_facts *f)
{
	struct hm_json *o = hm_json_new_object();
	char id[HM_GIT_HEX_MAX];

	set_str(o, "repository", f->repository);
	set_str(o, "ref", f->ref);
	hm_git_id_hex(&f->commit, id);
	set_str(o, "commit", id);
	hm_git_id_hex(&f->tree, id);
	set_str(o, "tree", id);
	set(o, "tree_sha256", hex_of(f->tree_sha256, HM_SHA256_LEN));
	set_str(o, "config_path", f->config_path);
	set(o, "config", hm_json_new_string(f->config_text));
	set(o, "committer_time", hm_json_new_integer(f->committer_s));
	return o;
}

static struct hm_json *build_json(const struct hm_provenance *p)
{
	const struct hm_build_facts *f = &p->facts;
	struct hm_json *o = hm_json_new_object();
	struct hm_json *phases = hm_json_new_object();

	set_str(o, "builder_id", p->builder_id);
	set_str(o, "image", f->image_name);
	set_str(o, "image_version", f->image_version);
	set(o, "layer_sha256", f->has_layer ?
	    hex_of(f->layer_sha256, HM_SHA256_LEN) : hm_json_new_null());
	set_str(o, "sandbox", f->runtime);
	set_str(o, "sandbox_version", f->runtime_version);
	set_str(o, "network", f->network);
	set(o, "network_recorded", hm_json_new_bool(f->network_recorded));
	set(o, "network_complete", hm_json_new_bool(f->network_complete));
	set_time(o, "started", f->started_ms);
	set_time(o, "finished", f->finished_ms);
	for (size_t i = 0; i < f->phase_count; i++)
		set(phases, f->phases[i].name,
		    hm_json_new_integer(f->phases[i].ms));
	set(o, "phases_ms", phases);
	if (f->downloads)
		set(o, "downloads", hm_json_copy(f->downloads));
	return o;
}

static void add_evidence(struct hm_json *root, const struct hm_verdict *v)
{
	if (v->has_document) {
		set(root, "document", hm_document_json(&v->document));
		set(root, "document_sha256",
		    hex_of(v->document_sha256, HM_SHA256_LEN));
	}
	if (!v->has_provenance)
		return;
	if (v->checks[HM_CHECK_BINDING].status == HM_CHECK_PASSED) {
		set(root, "statement_sha256",
		    hex_of(v->statement_sha256, HM_SHA256_LEN));
		set(root, "artifacts_sha256",
		    hex_of(v->artifacts_sha256, HM_SHA256_LEN));
	}
	set(root, "source", source_json(&v->provenance.facts));
	set(root, "build", build_json(&v->provenance));
	set(root, "subjects", files_json(&v->provenance.artifacts, true));
}

int hm_view_json(const struct hm_view *r, struct hm_buf *b,
		   struct hm_err *err)
{
	const struct hm_verdict *v = r->v;
	AUTO_JSON struct hm_json *root = hm_json_new_object();
	AUTO_BUF struct hm_buf sentence;
	struct hm_json *log;
	int rc;

	hm_buf_init(&sentence, 1U << 20);
	rc = hm_view_sentence(r, &sentence, err);
	if (rc != HM_OK)
		return rc;
	set_str(root, "hallmark", HM_VERSION);
	set_str(root, "input", r->in->label);
	set_str(root, "result", v->accepted ? "PASSED" : "FAILED");
	set_str(root, "reason", hm_reason_name(v->reason));
	set(root, "exit_code", hm_json_new_integer(hm_reason_exit(v->reason)));
	set_str(root, "message", v->accepted ? NULL : v->message);
	set(root, "sentence", v->accepted ?
	    hm_json_new_string(hm_buf_slice(&sentence)) : hm_json_new_null());
	set(root, "hardware", hm_json_new_bool(v->accepted && v->hardware));
	set(root, "criteria", criteria_json(r->want));
	set(root, "checks", checks_json(v));
	set(root, "files", files_json(hm_view_files(r), false));
	/* Everything from here on is a claim unless this is true. */
	set(root, "verified", hm_json_new_bool(v->accepted));
	log = hm_json_new_object();
	set(log, "logged", hm_json_new_bool(v->logged));
	set_str(log, "name", v->logged ? v->log_name : NULL);
	if (v->logged_ms > 0)
		set_time(log, "time", v->logged_ms);
	set(root, "log", log);
	add_evidence(root, v);
	rc = hm_json_write(root, HM_JSON_PRETTY, b, err);
	return rc == HM_OK ? hm_buf_add_str(b, "\n", err) : rc;
}
