/*
 * A release kit for tests: makes a complete release in memory, step by step, so
 * that a test can bend any one thing between two steps and everything else stays
 * right. The chain is a development-style one made here; a test says to the
 * verifier what kind of root it is.
 */
#pragma once

#include <stdio.h>
#include <sys/mman.h>

#include "lib/archive.h"
#include "lib/dsse.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "lib/statement.h"
#include "lib/x509.h"

#define RK_CAS 4
#define RK_FILES 16
#define RK_NOW 1777800000000LL	/* 3 May 2026, 09:20 UTC */
#define RK_HOUR 3600000LL

struct rk_file {
	const char *name;
	unsigned int mode;
	struct hm_slice data;
};

struct rk {
	/* what it is about; change before rk_provenance() */
	struct hm_build_facts facts;
	struct rk_file files[RK_FILES];
	size_t file_count;
	struct hm_slice log, network;
	struct hm_json *downloads;

	/* who vouches; change before rk_document() */
	int64_t at_ms;			/* the document's time */
	int64_t leaf_until_ms;
	struct hm_key *root_key, *instance_key, *leaf_key;
	struct hm_buf ca[RK_CAS], leaf;	/* DER, root first */
	const char *module_id;
	uint8_t pcr[HM_NITRO_PCRS][HM_PCR_LEN];
	bool has_pcr[HM_NITRO_PCRS];
	struct hm_slice nonce;
	struct hm_key *key;		/* K */
	struct hm_buf spki;
	bool no_public_key, no_user_data;

	/* what came out, each open to change before the next step */
	struct hm_artifacts artifacts;
	struct hm_buf s, at, e;
	struct hm_user_data user;
	struct hm_buf user_data;	/* non-empty: used as it is */
	struct hm_evidence_facts ef;
	struct hm_dsse ds, de;
	struct hm_json *log_entries;	/* for E's bundle; owned */
	struct hm_json *s_log_entries;	/* for S's; owned */
	struct hm_buf sb, eb;		/* bundles */
	const struct hm_key *s_key, *e_key, *hint_key;	/* default: key */
	int64_t mtime_s;
	struct rk_file side[RK_FILES];	/* the attestation folder */
	size_t side_count;
	struct hm_buf tar;
};

enum rk_step {	/* a bend is applied before this step */
	RK_PROVENANCE,
	RK_DOCUMENT,
	RK_EVIDENCE,
	RK_BUNDLES,
	RK_TAR,
	RK_DONE,
};

#define RK_MUST(call)                                                          \
	do {                                                                   \
		struct hm_err rk_err_ = {0};                                   \
		struct hm_err *err = &rk_err_;                                 \
		int rk_rc_ = (call);                                           \
		if (rk_rc_ != HM_OK) {                                         \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, \
				#call, err->msg);                              \
			abort();                                               \
		}                                                              \
	} while (0)

static inline void rk_fill(uint8_t *p, size_t n, uint8_t first)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(first + i);
}

static inline void rk_facts(struct hm_build_facts *f)
{
	static const char config[] =
		"{\"language\":\"c\",\"input\":{\"cmd\":\"make\"},"
		"\"output\":{\"files\":[\"hello\",\"doc\"]}}\n";

	*f = (struct hm_build_facts){
		.repository = "https://github.com/o/r",
		.ref = "refs/tags/v1",
		.commit = { .alg = HM_GIT_SHA1 },
		.tree = { .alg = HM_GIT_SHA1 },
		.committer_s = RK_NOW / 1000 - 86400,
		.config_path = "build.json",
		.config_text = hm_slice_str(config),
		.backend = "nitro",
		.attester = "nsm",
		.image_name = "c",
		.image_version = "14",
		.worker_version = "0.1.0",
		.runtime = "crun",
		.runtime_version = "1.8.1",
		.network = "record",
		.network_recorded = true,
		.network_complete = true,
		.memory_mib = 4096,
		.cpus = 2,
		.pids_max = 4096,
		.timeout_minutes = 60,
		.disk_mib = 8192,
		.limits_enforced_by = "cgroup2",
		.cpu_model = "AMD EPYC 7R13 Processor",
		.kernel_release = "6.1.0",
		.invocation_id = "0190d6a2-7c1e-7b3a-9c55-2f6f3f1d0a11",
		.started_ms = RK_NOW - 12345,
		.finished_ms = RK_NOW - 40,
		.phases = {{"source", 120}, {"build", 11900}, {"measure", 4}},
		.phase_count = 3,
	};
	rk_fill(f->commit.bytes, 20, 0x10);
	rk_fill(f->tree.bytes, 20, 0x40);
	rk_fill(f->tree_sha256, HM_SHA256_LEN, 0x60);
}

static inline void rk_init(struct rk *k)
{
	static const char downloads[] =
		"[{\"name\":\"zlib-1.3.1.tar.gz\",\"uri\":"
		"\"https://example.org/zlib-1.3.1.tar.gz\",\"digest\":{"
		"\"sha256\":\"9a93b2b7dfdac77ceba5a558a580e74667dd6fede4585b91eefb"
		"60f03b72df23\"},\"annotations\":{\"size\":1512791,"
		"\"status\":200}}]";

	memset(k, 0, sizeof(*k));
	rk_facts(&k->facts);
	RK_MUST(hm_json_parse(hm_slice_str(downloads), sizeof(downloads),
			      &k->downloads, err));
	k->facts.downloads = k->downloads;
	k->files[0] = (struct rk_file){ "doc/readme.txt", 0644,
					hm_slice_str("Read me.\n") };
	k->files[1] = (struct rk_file){ "hello", 0755,
					hm_slice_str("\x7f""ELF hello\n") };
	k->file_count = 2;
	k->log = hm_slice_str("cc -o hello hello.c\n");
	k->network = hm_slice_str("{\"version\":1,\"complete\":true}\n");
	k->at_ms = RK_NOW;
	k->leaf_until_ms = RK_NOW + 3 * RK_HOUR;
	k->module_id = "i-0123456789abcdef0-enc0190d6a27c1e0001";
	for (size_t i = 0; i < 16; i++)
		k->has_pcr[i] = true;
	for (size_t i = 0; i < 3; i++)
		rk_fill(k->pcr[i], HM_PCR_LEN, (uint8_t)(0x80 + 16 * i));
	rk_fill(k->pcr[4], HM_PCR_LEN, 7);
	k->mtime_s = INT64_MIN;
	for (size_t i = 0; i < RK_CAS; i++)
		hm_buf_init(&k->ca[i], 4096);
	hm_buf_init(&k->leaf, 4096);
	hm_buf_init(&k->spki, 4096);
	hm_buf_init(&k->s, HM_STATEMENT_MAX);
	hm_buf_init(&k->at, HM_NITRO_DOCUMENT_MAX);
	hm_buf_init(&k->e, HM_STATEMENT_MAX);
	hm_buf_init(&k->user_data, HM_NITRO_FIELD_MAX);
	hm_buf_init(&k->sb, HM_BUNDLE_MAX);
	hm_buf_init(&k->eb, HM_BUNDLE_MAX);
	hm_buf_init(&k->tar, 4ULL << 30);
	hm_dsse_init(&k->ds);
	hm_dsse_init(&k->de);
	RK_MUST(hm_key_generate(HM_KEY_P256, &k->key, err));
}

static inline void rk_release(struct rk *k)
{
	hm_json_free(k->downloads);
	hm_json_free(k->log_entries);
	hm_json_free(k->s_log_entries);
	hm_key_free(k->root_key);
	hm_key_free(k->instance_key);
	hm_key_free(k->leaf_key);
	hm_key_free(k->key);
	hm_artifacts_release(&k->artifacts);
	for (size_t i = 0; i < RK_CAS; i++)
		hm_buf_release(&k->ca[i]);
	hm_buf_release(&k->leaf);
	hm_buf_release(&k->spki);
	hm_buf_release(&k->s);
	hm_buf_release(&k->at);
	hm_buf_release(&k->e);
	hm_buf_release(&k->user_data);
	hm_buf_release(&k->sb);
	hm_buf_release(&k->eb);
	hm_buf_release(&k->tar);
	hm_dsse_release(&k->ds);
	hm_dsse_release(&k->de);
}

/* --- step 1: S --- */

static inline void rk_latch(struct rk *k)
{
	struct hm_latch l = {
		.commit = k->facts.commit,
		.network = k->facts.network,
		.runtime = k->facts.runtime,
	};

	memcpy(l.tree_sha256, k->facts.tree_sha256, HM_SHA256_LEN);
	RK_MUST(hm_sha256(k->facts.config_text, l.config_sha256, err));
	RK_MUST(hm_latch_pcr(&l, k->pcr[HM_LATCH_PCR], err));
	k->has_pcr[HM_LATCH_PCR] = true;
}

static inline void rk_provenance(struct rk *k)
{
	struct hm_build_facts *f = &k->facts;
	uint8_t sha256[HM_SHA256_LEN];

	for (size_t i = 0; i < k->file_count; i++) {
		const struct rk_file *x = &k->files[i];

		RK_MUST(hm_sha256(x->data, sha256, err));
		RK_MUST(hm_artifacts_add(&k->artifacts, hm_slice_str(x->name),
					 x->mode, x->data.len, sha256, err));
	}
	RK_MUST(hm_artifacts_sort(&k->artifacts, err));
	f->artifacts = &k->artifacts;
	RK_MUST(hm_sha256(k->log, f->log_sha256, err));
	RK_MUST(hm_sha256(k->network, f->network_sha256, err));
	f->log_size = k->log.len;
	f->network_size = k->network.len;
	memcpy(f->pcr, k->pcr, sizeof(f->pcr));
	RK_MUST(hm_provenance_write(f, &k->s, err));
	rk_latch(k);
	RK_MUST(hm_key_spki(k->key, &k->spki, err));
	RK_MUST(hm_dsse_sign(k->s_key ? k->s_key : k->key, HM_PAYLOAD_INTOTO,
			     hm_buf_slice(&k->s), &k->ds, err));
}

/* What user_data says of S as it is now. */
static inline void rk_user(struct rk *k)
{
	AUTO_BUF struct hm_buf pae;

	hm_buf_init(&pae, HM_STATEMENT_MAX + 256);
	k->user.commit = k->facts.commit;
	memcpy(k->user.tree_sha256, k->facts.tree_sha256, HM_SHA256_LEN);
	RK_MUST(hm_artifacts_digest(&k->artifacts, k->user.artifacts_sha256,
				    err));
	RK_MUST(hm_dsse_pae(hm_slice_str(HM_PAYLOAD_INTOTO),
			    hm_buf_slice(&k->s), &pae, err));
	RK_MUST(hm_sha256(hm_buf_slice(&pae), k->user.statement_sha256, err));
}

/* --- step 2: the chain and AT --- */

static inline void rk_cert(struct rk *k, const char *cn, int path_len,
			   const struct hm_key *issuer, struct hm_slice issuer_der,
			   const struct hm_key *key, struct hm_buf *der)
{
	struct hm_cert_request req = {
		.common_name = cn,
		.organization = "Hallmark",
		.unit = "test",
		.not_before_ms = k->at_ms - RK_HOUR,
		.not_after_ms = path_len < 0 ? k->leaf_until_ms :
				k->at_ms + 100 * RK_HOUR,
		.is_ca = path_len >= 0,
		.path_len = path_len == 3 ? -1 : path_len,
		.key = key,
		.issuer_key = issuer,
		.issuer_der = issuer_der,
	};

	RK_MUST(hm_cert_make(&req, der, err));
}

/* A root given by the caller (key and certificate) is kept. */
static inline void rk_chain(struct rk *k)
{
	static const char *const cn[RK_CAS] = { "test root", "region", "zone",
						"instance" };
	struct hm_key *issuer = NULL;

	if (!k->root_key)
		RK_MUST(hm_key_generate(HM_KEY_P384, &k->root_key, err));
	if (k->ca[0].len == 0)
		rk_cert(k, cn[0], 3, k->root_key, hm_slice(NULL, 0), k->root_key,
			&k->ca[0]);
	issuer = k->root_key;
	for (int i = 1; i < RK_CAS; i++) {
		struct hm_key *key = NULL;

		RK_MUST(hm_key_generate(HM_KEY_P384, &key, err));
		rk_cert(k, cn[i], 3 - i, issuer, hm_buf_slice(&k->ca[i - 1]),
			key, &k->ca[i]);
		if (issuer != k->root_key)
			hm_key_free(issuer);
		issuer = key;
	}
	k->instance_key = issuer;
	RK_MUST(hm_key_generate(HM_KEY_P384, &k->leaf_key, err));
	rk_cert(k, "leaf", -1, k->instance_key,
		hm_buf_slice(&k->ca[RK_CAS - 1]), k->leaf_key, &k->leaf);
}

static inline void rk_document(struct rk *k)
{
	struct hm_nitro_document doc = {
		.module_id = hm_slice_str(k->module_id),
		.timestamp_ms = (uint64_t)k->at_ms,
		.cabundle_count = RK_CAS,
	};

	rk_chain(k);
	if (k->user_data.len == 0)
		RK_MUST(hm_user_data_write(&k->user, &k->user_data, err));
	memcpy(doc.pcr, k->pcr, sizeof(doc.pcr));
	memcpy(doc.has_pcr, k->has_pcr, sizeof(doc.has_pcr));
	doc.certificate = hm_buf_slice(&k->leaf);
	for (size_t i = 0; i < RK_CAS; i++)
		doc.cabundle[i] = hm_buf_slice(&k->ca[i]);
	doc.public_key.present = !k->no_public_key;
	doc.public_key.bytes = hm_buf_slice(&k->spki);
	doc.user_data.present = !k->no_user_data;
	doc.user_data.bytes = hm_buf_slice(&k->user_data);
	doc.nonce.present = k->nonce.len > 0;
	doc.nonce.bytes = k->nonce;
	RK_MUST(hm_nitro_build(&doc, k->leaf_key, &k->at, err));
}

/* --- steps 3 and 4: E, bundles --- */

static inline void rk_evidence_facts(struct rk *k)
{
	k->ef = (struct hm_evidence_facts){
		.artifacts = &k->artifacts,
		.commit = k->facts.commit,
		.document = hm_buf_slice(&k->at),
	};
	memcpy(k->ef.pcr, k->pcr, sizeof(k->ef.pcr));
	RK_MUST(hm_sha256(hm_buf_slice(&k->s), k->ef.provenance_sha256, err));
}

static inline void rk_evidence(struct rk *k)
{
	RK_MUST(hm_evidence_write(&k->ef, &k->e, err));
	RK_MUST(hm_dsse_sign(k->e_key ? k->e_key : k->key, HM_PAYLOAD_INTOTO,
			     hm_buf_slice(&k->e), &k->de, err));
}

static inline void rk_side(struct rk *k, const char *name, struct hm_slice data)
{
	k->side[k->side_count++] = (struct rk_file){ name, 0644, data };
}

static inline void rk_bundles(struct rk *k)
{
	const struct hm_key *hint = k->hint_key ? k->hint_key : k->key;

	RK_MUST(hm_bundle_write(&k->ds, hint, k->s_log_entries, NULL, &k->sb,
				err));
	RK_MUST(hm_bundle_write(&k->de, hint, k->log_entries, NULL, &k->eb,
				err));
	rk_side(k, HM_TAR_LOG, k->log);
	rk_side(k, HM_TAR_EVIDENCE, hm_buf_slice(&k->eb));
	rk_side(k, HM_TAR_NETWORK, k->network);
	rk_side(k, HM_TAR_DOCUMENT, k->ef.document);
	rk_side(k, HM_TAR_PROVENANCE, hm_buf_slice(&k->sb));
}

/* --- step 5: the tar --- */

static inline int rk_sink(void *ctx, const void *p, size_t len,
			  struct hm_err *err)
{
	return hm_buf_add(ctx, p, len, err);
}

static inline int rk_by_name(const void *a, const void *b)
{
	const struct rk_file *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static inline void rk_tar_to(struct rk *k, hm_tar_sink_fn sink, void *ctx)
{
	AUTO_TAR_WRITER struct hm_tar_writer *w = NULL;
	struct rk_file all[2 * RK_FILES];
	size_t count = 0;
	int64_t mtime_s = k->mtime_s != INT64_MIN ? k->mtime_s :
			  hm_tar_mtime(k->facts.committer_s);

	for (size_t i = 0; i < k->file_count; i++)
		all[count++] = k->files[i];
	for (size_t i = 0; i < k->side_count; i++)
		all[count++] = k->side[i];
	qsort(all, count, sizeof(all[0]), rk_by_name);
	RK_MUST(hm_tar_writer_new(sink, ctx, mtime_s, &w, err));
	for (size_t i = 0; i < count; i++) {
		RK_MUST(hm_tar_writer_file(w, hm_slice_str(all[i].name),
					   all[i].mode, all[i].data.len, err));
		RK_MUST(hm_tar_writer_data(w, all[i].data.ptr, all[i].data.len,
					   err));
	}
	RK_MUST(hm_tar_writer_finish(w, err));
}

static inline void rk_tar(struct rk *k)
{
	rk_tar_to(k, rk_sink, &k->tar);
}

/* Everything, with one bend. */
static inline void rk_make(struct rk *k, enum rk_step step,
			   void (*bend)(struct rk *k))
{
	for (int at = RK_PROVENANCE; at <= RK_DONE; at++) {
		if (at == RK_DOCUMENT)
			rk_user(k);
		if (at == RK_EVIDENCE)
			rk_evidence_facts(k);
		if (bend && (int)step == at)
			bend(k);
		if (at == RK_PROVENANCE)
			rk_provenance(k);
		else if (at == RK_DOCUMENT)
			rk_document(k);
		else if (at == RK_EVIDENCE)
			rk_evidence(k);
		else if (at == RK_BUNDLES)
			rk_bundles(k);
		else if (at == RK_TAR)
			rk_tar(k);
	}
}

/* As a descriptor at its start, for what reads from one. */
static inline int rk_memfd(struct hm_slice data)
{
	int fd = memfd_create("release", MFD_CLOEXEC);

	RK_MUST(hm_io_write_all(fd, data.ptr, data.len, HM_NO_DEADLINE, err));
	HM_BUG_ON(lseek(fd, 0, SEEK_SET) != 0);
	return fd;
}

static inline void rk_root_sha256(const struct rk *k, uint8_t out[HM_SHA256_LEN])
{
	RK_MUST(hm_sha256(hm_buf_slice(&k->ca[0]), out, err));
}
