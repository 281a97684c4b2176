/* One build, made up, with every kind of fact in it; schema/samples holds it. */
#pragma once

#include "lib/statement.h"

struct sample {
	struct hm_build_facts facts;
	struct hm_artifacts artifacts;
	struct hm_json *downloads;
	struct hm_submodule submodule;
	struct hm_lfs_object lfs;
};

static const char sample_config[] =
	"{\"language\":\"c\",\"input\":{\"cmd\":\"make\"},"
	"\"output\":{\"files\":[\"hello\",\"doc\"]}}\n";
static const char *const sample_toolchains[] = {"/opt/gcc-14"};
static char sample_module_path[] = "third_party/zlib";
static char sample_lfs_path[] = "art/logo \xe2\x98\x83.png";

static inline struct hm_git_id sample_id(uint8_t fill)
{
	struct hm_git_id id = {.alg = HM_GIT_SHA1};

	memset(id.bytes, fill, 20);
	return id;
}

static inline void sample_downloads(struct sample *s, struct hm_err *err)
{
	static const char text[] =
		"[{\"name\":\"anyhow-1.0.86.crate\","
		"\"uri\":\"https://static.crates.io/crates/anyhow/"
		"anyhow-1.0.86.crate\",\"digest\":{\"sha256\":\""
		"b3d1d046238990b9cf5bcde22a3fb3584ee5cf65fb2765f454ed428c7a0063da"
		"\"},\"annotations\":{\"size\":46741,\"status\":200}}]";

	HM_BUG_ON(hm_json_parse(hm_slice_str(text), sizeof(text),
				&s->downloads, err) != HM_OK);
	s->facts.downloads = s->downloads;
}

static inline void sample_init(struct sample *s)
{
	struct hm_err err;
	uint8_t hash[HM_SHA256_LEN];
	struct hm_build_facts *f = &s->facts;

	memset(s, 0, sizeof(*s));
	memset(hash, 0xaa, sizeof(hash));
	HM_BUG_ON(hm_artifacts_add(&s->artifacts, hm_slice_str("hello"), 0755,
				   15960, hash, &err) != HM_OK);
	hash[0] = 0;
	HM_BUG_ON(hm_artifacts_add(&s->artifacts,
				   hm_slice_str("doc/na\xc3\xafve \"x\".txt"),
				   0644, 0, hash, &err) != HM_OK);
	HM_BUG_ON(hm_artifacts_sort(&s->artifacts, &err) != HM_OK);
	s->submodule.path = sample_module_path;
	s->submodule.commit = sample_id(0x33);
	memset(s->submodule.tree_sha256, 0x34, HM_SHA256_LEN);
	s->lfs.path = sample_lfs_path;
	s->lfs.size = 123456;
	memset(s->lfs.sha256, 0x35, HM_SHA256_LEN);
	*f = (struct hm_build_facts){
		.repository = "https://github.com/o/r",
		.ref = "refs/tags/v1",
		.commit = sample_id(0x11),
		.tree = sample_id(0x22),
		.committer_s = 1777800000,
		.submodules = &s->submodule,
		.submodule_count = 1,
		.lfs = &s->lfs,
		.lfs_count = 1,
		.config_path = "build.json",
		.config_text = hm_slice_str(sample_config),
		.backend = "nitro",
		.attester = "nsm",
		.image_name = "c",
		.image_version = "14",
		.worker_version = "0.1.0",
		.has_layer = true,
		.toolchain_dirs = sample_toolchains,
		.toolchain_count = 1,
		.runtime = "crun",
		.runtime_version = "1.8.1",
		.network = "record",
		.network_recorded = true,
		.network_complete = false,
		.memory_mib = 4096,
		.cpus = 2,
		.pids_max = 4096,
		.timeout_minutes = 60,
		.disk_mib = 8192,
		.limits_enforced_by = "cgroup2",
		.cpu_model = "AMD EPYC 7R13 Processor",
		.kernel_release = "6.1.0",
		.artifacts = &s->artifacts,
		.log_size = 2048,
		.network_size = 300,
		.invocation_id = "0190d6a2-7c1e-7b3a-9c55-2f6f3f1d0a11",
		.started_ms = 1777800600000,
		.finished_ms = 1777800612345,
		.phases = {{"source", 120}, {"build", 11900}, {"measure", 4}},
		.phase_count = 3,
	};
	memset(f->tree_sha256, 0x23, HM_SHA256_LEN);
	memset(f->layer_sha256, 0x44, HM_SHA256_LEN);
	for (unsigned int i = 0; i < 3; i++)
		memset(f->pcr[i], (int)(0x50 + i), HM_PCR_LEN);
	memset(f->log_sha256, 0x60, HM_SHA256_LEN);
	memset(f->network_sha256, 0x61, HM_SHA256_LEN);
	sample_downloads(s, &err);
}

static inline void sample_release(struct sample *s)
{
	hm_artifacts_release(&s->artifacts);
	hm_json_free(s->downloads);
}

static inline struct hm_evidence_facts sample_evidence(const struct sample *s)
{
	struct hm_evidence_facts e = {
		.artifacts = &s->artifacts,
		.commit = s->facts.commit,
		.document = hm_slice_str("not a real document"),
	};

	memcpy(e.pcr, s->facts.pcr, sizeof(e.pcr));
	memset(e.provenance_sha256, 0x77, HM_SHA256_LEN);
	return e;
}
