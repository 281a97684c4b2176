/*
 * What is signed (schema/statement.md): the artifact list and its digest A, the
 * user_data of the attestation, the value of PCR16, the provenance statement S
 * (in-toto v1, SLSA provenance v1) and the evidence statement E (in-toto v1,
 * SCAI v0.3). Pure: facts in, bytes out, and back.
 */
#pragma once

#include "lib/buildspec.h"
#include "lib/gitid.h"
#include "lib/nitro_document.h"

#define HM_PREDICATE_SLSA "https://slsa.dev/provenance/v1"
#define HM_PREDICATE_SCAI "https://in-toto.io/attestation/scai/v0.3"
#define HM_BUILD_TYPE "https://hallmark.dev/build/v1"
/* builder.id = prefix + "<backend>-<attester>/v1", e.g. ".../nitro-nsm/v1" */
#define HM_BUILDER_ID_PREFIX "https://hallmark.dev/builder/"
#define HM_MEDIA_TYPE_NITRO "application/aws-nitro-document"
#define HM_ATTRIBUTE "NITRO_ATTESTED_BUILD"

/* A directory output of a big project; node_modules trees have ~50,000. */
#define HM_ARTIFACTS_MAX 100000U

struct hm_artifact {
	char *name;	/* relative to the source root; hm_path_check() passes */
	unsigned int mode;	/* 0644 or 0755 */
	uint64_t size;
	uint8_t sha256[HM_SHA256_LEN];
};
struct hm_artifacts {
	struct hm_artifact *items;	/* byte order of names, no duplicates */
	size_t count;
};
void hm_artifacts_release(struct hm_artifacts *a);
/* Copies name. Keeps no order; call hm_artifacts_sort() at the end. */
int hm_artifacts_add(struct hm_artifacts *a, struct hm_slice name,
		     unsigned int mode, uint64_t size,
		     const uint8_t sha256[HM_SHA256_LEN],
		     struct hm_err *err) HM_MUST_CHECK;
/* Sorts; HM_E_POLICY on a duplicate name. */
int hm_artifacts_sort(struct hm_artifacts *a, struct hm_err *err) HM_MUST_CHECK;
/* A: SHA-256 over "<mode octal> <size> <sha256 hex> <name>\n" of each, sorted. */
int hm_artifacts_digest(const struct hm_artifacts *a,
			uint8_t out[HM_SHA256_LEN], struct hm_err *err) HM_MUST_CHECK;

/* user_data of the attestation: deterministic CBOR, <= 512 bytes. */
#define HM_USER_DATA_MAX 512
struct hm_user_data {
	struct hm_git_id commit;
	uint8_t tree_sha256[HM_SHA256_LEN];
	uint8_t artifacts_sha256[HM_SHA256_LEN];	/* A */
	uint8_t statement_sha256[HM_SHA256_LEN];	/* SHA-256(PAE(S)) */
};
int hm_user_data_write(const struct hm_user_data *u, struct hm_buf *b,
		       struct hm_err *err) HM_MUST_CHECK;
/* Strict; anything but the exact encoding is HM_E_FORMAT. */
int hm_user_data_parse(struct hm_slice s, struct hm_user_data *ret_u,
		       struct hm_err *err) HM_MUST_CHECK;

/* What PCR16 is extended with before untrusted code runs: 48 bytes. */
#define HM_LATCH_PCR 16U
struct hm_latch {
	struct hm_git_id commit;
	uint8_t tree_sha256[HM_SHA256_LEN];
	uint8_t config_sha256[HM_SHA256_LEN];	/* of build.json's bytes */
	const char *network;			/* hm_network_mode_name() */
	const char *runtime;			/* "crun", ... */
};
int hm_latch_digest(const struct hm_latch *l, uint8_t out[HM_SHA384_LEN],
		    struct hm_err *err) HM_MUST_CHECK;
/* SHA384(48 zero bytes || digest): what the document must show. */
int hm_latch_pcr(const struct hm_latch *l, uint8_t out[HM_PCR_LEN],
		 struct hm_err *err) HM_MUST_CHECK;

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
	const char *name;	/* "boot", "source", "build", ... */
	int64_t ms;
};

/* Everything S says. Borrowed pointers; nothing is owned here. */
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

	const struct hm_artifacts *artifacts;
	const struct hm_json *downloads;	/* array of ResourceDescriptor */
	uint8_t log_sha256[HM_SHA256_LEN];	/* attestation/build.log */
	uint64_t log_size;
	uint8_t network_sha256[HM_SHA256_LEN];	/* attestation/network.json */
	uint64_t network_size;

	const char *invocation_id;
	int64_t started_ms, finished_ms;	/* wall clock */
	struct hm_phase phases[HM_PHASES_MAX];
	size_t phase_count;
};
/* Compact JSON, fixed key order: these bytes are signed and shipped. */
int hm_provenance_write(const struct hm_build_facts *f, struct hm_buf *json,
			struct hm_err *err) HM_MUST_CHECK;

/* S as a verifier reads it back; strings and facts live as long as root. */
struct hm_provenance {
	struct hm_json *root;		/* owned */
	struct hm_build_facts facts;	/* borrowed from root and the arrays below */
	struct hm_artifacts artifacts;	/* owned */
	struct hm_submodule *submodules;	/* owned */
	struct hm_lfs_object *lfs;		/* owned */
	const char *builder_id;
};
void hm_provenance_init(struct hm_provenance *p);
void hm_provenance_release(struct hm_provenance *p);
/*
 * Strict: an unknown key anywhere is HM_E_FORMAT, and so is a text that
 * hm_provenance_write() of the parsed facts would not have written.
 */
int hm_provenance_parse(struct hm_slice json, struct hm_provenance *ret_p,
			struct hm_err *err) HM_MUST_CHECK;

struct hm_evidence_facts {
	const struct hm_artifacts *artifacts;
	struct hm_git_id commit;
	uint8_t pcr[3][HM_PCR_LEN];
	uint8_t provenance_sha256[HM_SHA256_LEN];	/* of S's payload bytes */
	struct hm_slice document;			/* AT */
};
int hm_evidence_write(const struct hm_evidence_facts *f, struct hm_buf *json,
		      struct hm_err *err) HM_MUST_CHECK;
struct hm_evidence {
	struct hm_json *root;		/* owned */
	struct hm_artifacts artifacts;	/* owned: names and digests only */
	struct hm_git_id commit;
	uint8_t pcr[3][HM_PCR_LEN];
	uint8_t provenance_sha256[HM_SHA256_LEN];
	struct hm_buf document;		/* owned, decoded; digest checked */
};
void hm_evidence_init(struct hm_evidence *e);
void hm_evidence_release(struct hm_evidence *e);
int hm_evidence_parse(struct hm_slice json, struct hm_evidence *ret_e,
		      struct hm_err *err) HM_MUST_CHECK;

/* Names inside the release tar. */
#define HM_TAR_DIR "attestation/"
#define HM_TAR_PROVENANCE HM_TAR_DIR "provenance.sigstore.json"
#define HM_TAR_EVIDENCE HM_TAR_DIR "evidence.sigstore.json"
#define HM_TAR_DOCUMENT HM_TAR_DIR "nitro.cbor"
#define HM_TAR_NETWORK HM_TAR_DIR "network.json"
#define HM_TAR_LOG HM_TAR_DIR "build.log"
