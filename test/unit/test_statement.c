/*
 * S and E: the bytes are those of schema/samples, come back as the same facts,
 * and no second text means the same. Refusals by name are in
 * test/reject/provenance and test/reject/evidence.
 */
#include "test/unit/tap.h"

#include <fcntl.h>

#include "lib/dsse.h"
#include "lib/io.h"
#include "lib/path.h"
#include "test/unit/sample_facts.h"

/* HM_UPDATE_SAMPLES=1 writes the samples anew; then look at the difference. */
static bool same_as_file(const char *path, const struct hm_buf *b)
{
	AUTO_BUF struct hm_buf want;
	AUTO_CLOSE int dir = open("schema/samples",
				  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSE int fd = -1;
	struct hm_err err;

	hm_buf_init(&want, 1 << 20);
	if (getenv("HM_UPDATE_SAMPLES")) {
		fd = openat(dir, path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
			    0644);
		return fd >= 0 && hm_io_write_all(fd, b->data, b->len,
						  HM_NO_DEADLINE, &err) == HM_OK;
	}
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 &&
	       hm_io_read_to_end(fd, &want, HM_NO_DEADLINE, &err) == HM_OK &&
	       hm_slice_eq(hm_buf_slice(b), hm_buf_slice(&want));
}

static bool same_facts(const struct hm_build_facts *a,
		       const struct hm_build_facts *b)
{
	return strcmp(a->repository, b->repository) == 0 &&
	       strcmp(a->ref, b->ref) == 0 &&
	       hm_git_id_equal(&a->commit, &b->commit) &&
	       hm_git_id_equal(&a->tree, &b->tree) &&
	       memcmp(a->tree_sha256, b->tree_sha256, HM_SHA256_LEN) == 0 &&
	       a->committer_s == b->committer_s &&
	       a->submodule_count == b->submodule_count &&
	       a->lfs_count == b->lfs_count &&
	       strcmp(a->config_path, b->config_path) == 0 &&
	       hm_slice_eq(a->config_text, b->config_text) &&
	       strcmp(a->backend, b->backend) == 0 &&
	       strcmp(a->attester, b->attester) == 0 &&
	       strcmp(a->image_name, b->image_name) == 0 &&
	       strcmp(a->image_version, b->image_version) == 0 &&
	       strcmp(a->worker_version, b->worker_version) == 0 &&
	       a->has_layer == b->has_layer &&
	       memcmp(a->layer_sha256, b->layer_sha256, HM_SHA256_LEN) == 0 &&
	       memcmp(a->pcr, b->pcr, sizeof(a->pcr)) == 0 &&
	       a->toolchain_count == b->toolchain_count &&
	       strcmp(a->runtime, b->runtime) == 0 &&
	       strcmp(a->runtime_version, b->runtime_version) == 0 &&
	       strcmp(a->network, b->network) == 0 &&
	       a->network_recorded == b->network_recorded &&
	       a->network_complete == b->network_complete &&
	       a->memory_mib == b->memory_mib && a->cpus == b->cpus &&
	       a->pids_max == b->pids_max &&
	       a->timeout_minutes == b->timeout_minutes &&
	       a->disk_mib == b->disk_mib &&
	       strcmp(a->limits_enforced_by, b->limits_enforced_by) == 0 &&
	       strcmp(a->cpu_model, b->cpu_model) == 0 &&
	       strcmp(a->kernel_release, b->kernel_release) == 0 &&
	       memcmp(a->log_sha256, b->log_sha256, HM_SHA256_LEN) == 0 &&
	       a->log_size == b->log_size &&
	       memcmp(a->network_sha256, b->network_sha256, 32) == 0 &&
	       a->network_size == b->network_size &&
	       strcmp(a->invocation_id, b->invocation_id) == 0 &&
	       a->started_ms == b->started_ms &&
	       a->finished_ms == b->finished_ms &&
	       a->phase_count == b->phase_count;
}

static void test_provenance(const struct sample *s, const struct hm_buf *json)
{
	AUTO_PROVENANCE struct hm_provenance p;
	struct hm_err err;

	hm_provenance_init(&p);
	ok(same_as_file("provenance/full.json", json),
	   "S is schema/samples/provenance/full.json");
	ok_call(hm_provenance_parse(hm_buf_slice(json), &p, &err), &err,
		"S is read back");
	if (!p.root)
		return;
	ok(same_facts(&s->facts, &p.facts), "as the same facts");
	ok(strcmp(p.builder_id, "https://hallmark.dev/builder/nitro-nsm/v1") ==
		   0, "builder.id names back end and attester");
	ok(p.artifacts.count == 2 &&
	   strcmp(p.artifacts.items[1].name, "hello") == 0 &&
	   p.artifacts.items[1].mode == 0755 &&
	   p.artifacts.items[1].size == 15960 &&
	   p.artifacts.items[1].sha256[31] == 0xaa, "outputs");
	ok(strcmp(p.submodules[0].path, sample_module_path) == 0 &&
	   hm_git_id_equal(&p.submodules[0].commit, &s->submodule.commit) &&
	   p.submodules[0].tree_sha256[0] == 0x34, "submodules");
	ok(strcmp(p.lfs[0].path, sample_lfs_path) == 0 &&
	   p.lfs[0].size == 123456 && p.lfs[0].sha256[5] == 0x35,
	   "LFS objects");
	ok(hm_json_count(p.facts.downloads) == 1 &&
	   strcmp(hm_json_get_string(hm_json_at(p.facts.downloads, 0), "name"),
		  "anyhow-1.0.86.crate") == 0, "downloads");
	ok(strcmp(p.facts.toolchain_dirs[0], "/opt/gcc-14") == 0,
	   "toolchain directories");
	ok(strcmp(p.facts.phases[1].name, "build") == 0 &&
	   p.facts.phases[1].ms == 11900, "phases");
}

static void test_evidence(const struct sample *s, const struct hm_buf *json)
{
	struct hm_evidence_facts f = sample_evidence(s);
	AUTO_EVIDENCE struct hm_evidence e;
	struct hm_err err;

	hm_evidence_init(&e);
	ok(same_as_file("evidence/full.json", json),
	   "E is schema/samples/evidence/full.json");
	ok_call(hm_evidence_parse(hm_buf_slice(json), &e, &err), &err,
		"E is read back");
	if (!e.root)
		return;
	ok(hm_git_id_equal(&e.commit, &f.commit) &&
	   memcmp(e.pcr, f.pcr, sizeof(e.pcr)) == 0 &&
	   memcmp(e.provenance_sha256, f.provenance_sha256, 32) == 0 &&
	   hm_slice_eq(hm_buf_slice(&e.document), f.document) &&
	   e.artifacts.count == 2 && e.artifacts.items[1].sha256[0] == 0xaa,
	   "as the same facts");
}

/* --- every text but one is refused ------------------------------------------- */

typedef int (*parse_fn)(struct hm_slice json, struct hm_err *err);

/* 0 when refused, 1 when accepted; what it meant is compared by the parser. */
static int parse_s(struct hm_slice json, struct hm_err *err)
{
	AUTO_PROVENANCE struct hm_provenance p;

	hm_provenance_init(&p);
	return hm_provenance_parse(json, &p, err);
}

static int parse_e(struct hm_slice json, struct hm_err *err)
{
	AUTO_EVIDENCE struct hm_evidence e;

	hm_evidence_init(&e);
	return hm_evidence_parse(json, &e, err);
}

static void test_blanks(const char *what, parse_fn parse,
			const struct hm_buf *json)
{
	AUTO_FREE uint8_t *copy = malloc(json->len + 1);
	size_t inside = 0, accepted = 0;
	bool in_string = false;
	struct hm_err err;

	for (size_t at = 0; at <= json->len; at++) {
		memcpy(copy, json->data, at);
		copy[at] = ' ';
		memcpy(copy + at + 1, json->data + at, json->len - at);
		if (parse(hm_slice(copy, json->len + 1), &err) == HM_OK) {
			accepted++;
			inside += in_string;
		}
		if (at < json->len && json->data[at] == '"' &&
		    (at == 0 || json->data[at - 1] != '\\'))
			in_string = !in_string;
	}
	ok(accepted == inside,
	   "%s: a blank is refused at every place outside a string", what);
}

static void test_cuts(const char *what, parse_fn parse,
		      const struct hm_buf *json)
{
	size_t accepted = 0;
	struct hm_err err;

	for (size_t len = 0; len < json->len; len++)
		accepted += parse(hm_slice(json->data, len), &err) == HM_OK;
	ok(accepted == 0, "%s: %zu truncations are refused", what, json->len);
}

/*
 * Rewrites the tree in turn at every object: one key more, one key less. The
 * walk is a list of paths, found by asking which index was reached.
 */
struct walk {
	size_t wanted, reached;
	bool remove;
	bool done;
};

static struct hm_json *rebuild(const struct hm_json *v, struct walk *w)
{
	const struct hm_json *child;
	struct hm_json *out;
	const char *key = NULL;

	if (hm_json_type(v) == HM_JSON_ARRAY) {
		out = hm_json_new_array();
		for (size_t i = 0; i < hm_json_count(v); i++)
			(void)hm_json_append(out, rebuild(hm_json_at(v, i), w));
		return out;
	}
	if (hm_json_type(v) != HM_JSON_OBJECT)
		return hm_json_copy(v);
	out = hm_json_new_object();
	while ((child = hm_json_next(v, &key)) != NULL) {
		if (w->remove && w->reached++ == w->wanted) {
			w->done = true;
			continue;
		}
		(void)hm_json_set(out, key, rebuild(child, w));
	}
	if (!w->remove && w->reached++ == w->wanted) {
		w->done = true;
		(void)hm_json_set(out, "extra", hm_json_new_bool(true));
	}
	return out;
}

static void test_keys(const char *what, parse_fn parse,
		      const struct hm_buf *json, bool remove, size_t free_ones)
{
	AUTO_JSON struct hm_json *root = NULL;
	size_t n = 0, accepted = 0;
	struct hm_err err;

	if (hm_json_parse(hm_buf_slice(json), 1 << 20, &root, &err) != HM_OK)
		exit(1);
	for (;; n++) {
		struct walk w = {.wanted = n, .remove = remove};
		AUTO_JSON struct hm_json *changed = rebuild(root, &w);
		AUTO_BUF struct hm_buf text;

		if (!w.done)
			break;
		hm_buf_init(&text, 1 << 20);
		if (hm_json_write(changed, HM_JSON_COMPACT, &text, &err) < 0)
			exit(1);
		accepted += parse(hm_buf_slice(&text), &err) == HM_OK;
	}
	ok(n > 10 && accepted == free_ones,
	   "%s: with %s, %zu of %zu texts are still statements", what,
	   remove ? "a key missing" : "an unknown key in some object",
	   accepted, n);
}

/* --- facts that cannot be said ------------------------------------------------ */

static int write_s(const struct hm_build_facts *f, struct hm_err *err)
{
	AUTO_BUF struct hm_buf b;

	hm_buf_init(&b, 1 << 20);
	return hm_provenance_write(f, &b, err);
}

static void test_writer_refuses(const struct sample *s)
{
	static char latin1[] = "caf\xe9";
	struct hm_submodule module = s->submodule;
	struct hm_lfs_object lfs = s->lfs;
	struct hm_artifacts none = {.count = 0};
	struct hm_build_facts f;
	struct hm_err err;

#define REFUSED(change, text)                                                  \
	do {                                                                   \
		f = s->facts;                                                  \
		change;                                                        \
		fails(write_s(&f, &err), &err, HM_E_POLICY, text,              \
		      "cannot be said: %s", text);                             \
	} while (0)
	module.path = latin1;
	lfs.path = latin1;
	REFUSED(f.submodules = &module,
		"submodule path 'caf\\xe9' is not plain UTF-8 text");
	REFUSED(f.lfs = &lfs, "LFS path 'caf\\xe9' is not plain UTF-8 text");
	REFUSED(f.ref = "a\nb", "ref 'a\\x0ab' is not plain UTF-8 text");
	REFUSED(f.attester = "", "no attester");
	REFUSED(f.image_name = "a b", "image name 'a b' is not a plain word");
	REFUSED(f.artifacts = &none, "no output");
	REFUSED(f.config_text = hm_slice("a\0b", 3), "build.json is not text");
	REFUSED(f.config_text = hm_slice("\xff", 1), "build.json is not text");
	REFUSED(f.config_text = hm_slice("", 0), "build.json is not text");
	REFUSED(f.started_ms = -1, "the clock is outside 1970 to 9999");
	REFUSED(f.finished_ms = INT64_MAX, "the clock is outside 1970");
	REFUSED(f.phases[1].ms = -1, "phase 'build' took less than no time");
	f = s->facts;
	f.repository = "";
	f.submodule_count = f.lfs_count = f.toolchain_count = 0;
	f.phase_count = 0;
	f.downloads = NULL;
	f.has_layer = false;
	f.ref = "";
	ok_call(write_s(&f, &err), &err, "a build that knows little");
}

static bool holds(const struct hm_buf *b, const char *text)
{
	return memmem(b->data, b->len, text, strlen(text)) != NULL;
}

static void test_little(const struct sample *s)
{
	struct hm_build_facts f = s->facts;
	AUTO_PROVENANCE struct hm_provenance p;
	AUTO_BUF struct hm_buf b;
	struct hm_err err;

	f.repository = f.ref = f.image_version = "";
	f.image_name = "host";
	f.backend = "local";
	f.attester = "dev";
	f.submodule_count = f.lfs_count = f.toolchain_count = 0;
	f.phase_count = 0;
	f.downloads = NULL;
	f.has_layer = f.network_recorded = false;
	hm_buf_init(&b, 1 << 20);
	hm_provenance_init(&p);
	ok_call(hm_provenance_write(&f, &b, &err), &err, "a local build");
	ok(same_as_file("provenance/local.json", &b),
	   "is schema/samples/provenance/local.json");
	ok(holds(&b, "\"network\":{\"mode\":\"record\",\"recorded\":false,"
		     "\"complete\":false}"),
	   "says that its network was not recorded");
	ok(!holds(&b, "git+") && holds(&b, "image/host\""),
	   "has no source URI and no image version");
	ok_call(hm_provenance_parse(hm_buf_slice(&b), &p, &err), &err,
		"is read back");
	ok(p.root && strcmp(p.builder_id,
			    "https://hallmark.dev/builder/local-dev/v1") == 0,
	   "its builder is not the one with hardware");
}

static void test_artifacts(const struct sample *s)
{
	/* printf '0644 0 00aa… doc/naïve "x".txt\n0755 15960 aaaa… hello\n' */
	static const uint8_t want[HM_SHA256_LEN] = {0};
	uint8_t got[HM_SHA256_LEN], direct[HM_SHA256_LEN];
	char text[512], zero[65], aa[65];
	struct hm_err err;

	memset(aa, 'a', 64);
	aa[64] = 0;
	memcpy(zero, aa, 65);
	zero[0] = zero[1] = '0';
	snprintf(text, sizeof(text),
		 "0644 0 %s doc/na\xc3\xafve \"x\".txt\n0755 15960 %s hello\n",
		 zero, aa);
	ok_call(hm_artifacts_digest(&s->artifacts, got, &err), &err, "A");
	ok(hm_sha256(hm_slice_str(text), direct, &err) == HM_OK &&
	   memcmp(got, direct, sizeof(got)) == 0 &&
	   memcmp(got, want, sizeof(got)) != 0,
	   "is the SHA-256 of the list as documented");
	ok(hm_artifacts_find(&s->artifacts, hm_slice_str("hello")) ==
		   &s->artifacts.items[1] &&
	   !hm_artifacts_find(&s->artifacts, hm_slice_str("hell")) &&
	   !hm_artifacts_find(&s->artifacts, hm_slice_str("zz")),
	   "outputs are found by name");
}

static void test_artifacts_refuse(void)
{
	AUTO_ARTIFACTS struct hm_artifacts a = {.count = 0};
	uint8_t h[HM_SHA256_LEN] = {0};
	struct hm_err err;

	fails(hm_artifacts_add(&a, hm_slice_str("x\xff"), 0644, 0, h, &err),
	      &err, HM_E_POLICY, "'x\\xff': the name is not plain UTF-8 text",
	      "a name that is no text");
	fails(hm_artifacts_add(&a, hm_slice_str("x\x1b[2J"), 0644, 0, h, &err),
	      &err, HM_E_POLICY, "the name is not plain UTF-8 text",
	      "a name with a terminal escape");
	fails(hm_artifacts_add(&a, hm_slice_str("/x"), 0644, 0, h, &err), &err,
	      HM_E_POLICY, "not a plain relative path", "an absolute name");
	fails(hm_artifacts_add(&a, hm_slice_str("attestation"), 0644, 0, h,
			       &err), &err, HM_E_POLICY,
	      "is where the evidence goes", "our folder as a file");
	ok_call(hm_artifacts_add(&a, hm_slice_str("attestations"), 0644, 0, h,
				 &err), &err, "a longer name than ours");
	fails(hm_artifacts_add(&a, hm_slice_str("x"), 0600, 0, h, &err), &err,
	      HM_E_POLICY, "mode 0600", "another mode");
	fails(hm_artifacts_add(&a, hm_slice_str("x"), 0644, 1ULL << 60, h,
			       &err), &err, HM_E_TOO_LARGE,
	      "1152921504606846976 bytes", "a size no tar holds");
	fails(hm_artifacts_add(&a, hm_slice_str("attestations"), 0644, 0, h,
			       &err) ?: hm_artifacts_sort(&a, &err), &err,
	      HM_E_POLICY, "'attestations' is listed twice", "a name twice");
}

int main(void)
{
	struct hm_evidence_facts facts;
	AUTO_BUF struct hm_buf s_json, e_json;
	struct sample s;
	struct hm_err err;

	hm_buf_init(&s_json, HM_STATEMENT_MAX);
	hm_buf_init(&e_json, HM_STATEMENT_MAX);
	sample_init(&s);
	facts = sample_evidence(&s);
	ok_call(hm_provenance_write(&s.facts, &s_json, &err), &err, "S");
	ok_call(hm_evidence_write(&facts, &e_json, &err), &err, "E");
	test_provenance(&s, &s_json);
	test_evidence(&s, &e_json);
	test_blanks("S", parse_s, &s_json);
	test_blanks("E", parse_e, &e_json);
	test_cuts("S", parse_s, &s_json);
	test_cuts("E", parse_e, &e_json);
	/*
	 * A download's annotations are the recorder's, its name and annotations
	 * optional; everything else is fixed.
	 */
	test_keys("S", parse_s, &s_json, false, 1);
	test_keys("E", parse_e, &e_json, false, 0);
	test_keys("S", parse_s, &s_json, true, 4);
	test_keys("E", parse_e, &e_json, true, 0);
	test_writer_refuses(&s);
	test_little(&s);
	test_artifacts(&s);
	test_artifacts_refuse();
	sample_release(&s);
	return tap_done();
}
