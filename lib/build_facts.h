/*
 * Everything that the provenance statement S says about one build, as plain
 * data: the worker fills it, lib/provenance.h turns it into bytes and back.
 * Pointers are borrowed; nothing is owned here.
 */
#pragma once

#include "lib/artifact_list.h"
#include "lib/buildspec.h"
#include "lib/crypto.h"
#include "lib/gitid.h"
#include "lib/nitro_document.h"

struct hm_submodule {
	char *path;
	struct hm_git_id commit;
	uint8_t tree_sha256[HM_SHA256_LEN];
};
struct hm_lfs_object {
	char *path;
	uint8_t sha256[HM_SHA256_LEN];
	uint64_t size;
};

#define HM_PHASES_MAX 16
struct hm_phase {
	const char *name;	/* "boot", "source", "build", ...; each once */
	int64_t ms;
};

struct hm_build_facts {
	const char *repository;		/* "https://github.com/o/r" or "" */
	const char *ref;		/* "refs/tags/v1" or "" */
	struct hm_git_id commit;
	struct hm_git_id tree;
	uint8_t tree_sha256[HM_SHA256_LEN];
	int64_t committer_s;
	const struct hm_submodule *submodules;
	size_t submodule_count;
	const struct hm_lfs_object *lfs;
	size_t lfs_count;

	const char *config_path;	/* "build.json" */
	struct hm_slice config_text;

	const char *backend;		/* "local", "qemu", "nitro" */
	const char *attester;		/* "dev", "nsm" */
	const char *image_name;		/* "c", "rust"; "host" for local */
	const char *image_version;	/* "14"; "" for local */
	const char *worker_version;
	uint8_t layer_sha256[HM_SHA256_LEN];
	bool has_layer;
	uint8_t pcr[3][HM_PCR_LEN];	/* PCR0-2 as the attester gives them */
	const char *const *toolchain_dirs;	/* local: --toolchain */
	size_t toolchain_count;

	const char *runtime;		/* "crun" */
	const char *runtime_version;
	const char *network;		/* none | record | locked */
	bool network_recorded;		/* false: relayed without a record */
	bool network_complete;
	uint32_t memory_mib, cpus, pids_max, timeout_minutes;
	uint64_t disk_mib;
	const char *limits_enforced_by;	/* "cgroup2", "cgroup1", "rlimit" */
	const char *cpu_model;		/* as the kernel names it, or "" */
	const char *kernel_release;	/* of the kernel the build ran on, or "" */

	const struct hm_artifacts *artifacts;	/* sorted */
	/*
	 * Array of in-toto ResourceDescriptors, each with a "uri" (http, https, pkg) and a
	 * "digest"; NULL = none.
	 */
	const struct hm_json *downloads;
	uint8_t log_sha256[HM_SHA256_LEN];	/* attestation/build.log */
	uint64_t log_size;
	uint8_t network_sha256[HM_SHA256_LEN];	/* attestation/network.json */
	uint64_t network_size;

	const char *invocation_id;
	int64_t started_ms, finished_ms;	/* wall clock */
	struct hm_phase phases[HM_PHASES_MAX];
	size_t phase_count;
};
