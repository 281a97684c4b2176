/*
 * From measured outputs to the release tar, with the development attester: what
 * comes out binds together; what changed meanwhile is refused; an attester that
 * answers something else than what was asked is refused.
 */
#include "test/unit/tap.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "enclave-worker/artifacts.h"
#include "enclave-worker/pack.h"
#include "lib/cbor.h"
#include "lib/dev_root.h"
#include "lib/dsse.h"
#include "lib/io.h"
#include "lib/path.h"
#include "lib/tar_read.h"
#include "test/unit/sample_facts.h"

static char dir[] = "/tmp/hm-pack-XXXXXX";
static int dir_fd = -1;
static struct hm_buf cert_pem, key_pem;
static uint8_t root_sha256[HM_SHA256_LEN];
static const char log_text[] = "gcc -o hello hello.c\n";
static const char network_text[] = "{\"complete\":true}";
static const char *const patterns[] = {"**"};

static void must(int rc, const struct hm_err *err)
{
	if (rc == HM_OK)
		return;
	printf("# %s\n", err->msg);
	exit(1);
}

static void put(const char *path, mode_t mode, const char *data)
{
	AUTO_CLOSE int fd = -1;
	const char *slash = strchr(path, '/');
	char parent[64] = "";

	if (slash) {
		snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path),
			 path);
		(void)mkdirat(dir_fd, parent, 0755);
	}
	fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, data, strlen(data)) != (ssize_t)strlen(data) ||
	    fchmod(fd, mode) < 0)
		exit(1);
}

static void tree(void)
{
	put("a", 0755, "program");
	put("attestation-x", 0644, "1");
	put("attestations/y", 0644, "22");
	put("zz", 0644, "");
}

static void set_up(void)
{
	AUTO_BUF struct hm_buf der;
	struct hm_err err;
	char root_dir[64];

	hm_buf_init(&der, 4096);
	hm_buf_init(&cert_pem, 4096);
	hm_buf_init_secret(&key_pem, 4096);
	if (!mkdtemp(dir))
		exit(1);
	snprintf(root_dir, sizeof(root_dir), "%s-root", dir);
	must(hm_dev_root_load(root_dir, &cert_pem, &key_pem, &err), &err);
	must(hm_cert_pem_to_der(hm_buf_slice(&cert_pem), &der, &err), &err);
	must(hm_sha256(hm_buf_slice(&der), root_sha256, &err), &err);
	must(hm_tree_remove(AT_FDCWD, root_dir, &err), &err);
	dir_fd = open(dir, O_DIRECTORY | O_CLOEXEC);
	tree();
}

/* One build that is measured and ready to be packed. */
struct job {
	struct sample sample;
	struct hm_pack pack;
	struct hm_attester *attester;
};

static struct hm_attester *dev_attester(void)
{
	static const char *const measured[] = {"/proc/self/exe"};
	const struct hm_attester_dev_spec spec = {
		.root_cert_pem = hm_buf_slice(&cert_pem),
		.root_key_pem = hm_buf_slice(&key_pem),
		.measured = measured,
		.measured_count = 1,
	};
	struct hm_attester *a = NULL;
	struct hm_err err;

	must(hm_attester_dev(&spec, &a, &err), &err);
	return a;
}

static void job_init(struct job *j, bool latch)
{
	const struct hm_artifacts_limits limits = {1 << 20, 100};
	struct hm_build_facts *f = &j->sample.facts;
	uint8_t digest[HM_SHA384_LEN];
	struct hm_latch l;
	struct hm_err err;

	sample_init(&j->sample);
	hm_artifacts_release(&j->sample.artifacts);
	must(hm_artifacts_collect(dir_fd, patterns, 1, &limits,
				  &j->sample.artifacts, &err), &err);
	f->backend = "local";
	f->attester = "dev";
	f->log_size = strlen(log_text);
	must(hm_sha256(hm_slice_str(log_text), f->log_sha256, &err), &err);
	f->network_size = strlen(network_text);
	must(hm_sha256(hm_slice_str(network_text), f->network_sha256, &err),
	     &err);
	hm_pack_init(&j->pack);
	j->attester = dev_attester();
	for (unsigned int i = 0; i < 3; i++)
		must(j->attester->ops->pcr(j->attester, i, f->pcr[i], &err),
		     &err);
	l = (struct hm_latch){.commit = f->commit, .network = f->network,
			      .runtime = f->runtime};
	memcpy(l.tree_sha256, f->tree_sha256, HM_SHA256_LEN);
	must(hm_sha256(f->config_text, l.config_sha256, &err), &err);
	must(hm_latch_digest(&l, digest, &err), &err);
	if (latch)
		must(j->attester->ops->latch(j->attester, HM_LATCH_PCR, digest,
					     &err), &err);
	j->pack.facts = f;
	j->pack.root_fd = dir_fd;
	j->pack.log_fd = memfd_create("log", MFD_CLOEXEC);
	if (write(j->pack.log_fd, log_text, strlen(log_text)) < 0)
		exit(1);
	j->pack.network_json = hm_slice_str(network_text);
	j->pack.nonce = hm_slice_str("nonce");
	j->pack.attester = j->attester;
}

static void job_release(struct job *j)
{
	close(j->pack.log_fd);
	hm_pack_release(&j->pack);
	j->attester->ops->free(j->attester);
	sample_release(&j->sample);
}

/* --- the tar that comes out --------------------------------------------------- */

struct seen {
	char names[512];
	struct hm_buf *into;	/* of the file at hand; NULL = not kept */
	struct hm_buf evidence, provenance, document, network, log;
	int64_t mtime_s;
	unsigned int mode_of_a;
};

static int on_entry(void *ctx, const struct hm_tar_entry *e, struct hm_err *err)
{
	struct seen *s = ctx;

	(void)err;
	snprintf(s->names + strlen(s->names), sizeof(s->names) - strlen(s->names),
		 "%.*s ", (int)e->name.len, (const char *)e->name.ptr);
	s->mtime_s = e->mtime_s;
	if (hm_slice_eq_str(e->name, "a"))
		s->mode_of_a = e->mode;
	s->into = hm_slice_eq_str(e->name, HM_TAR_EVIDENCE)   ? &s->evidence :
		  hm_slice_eq_str(e->name, HM_TAR_PROVENANCE) ? &s->provenance :
		  hm_slice_eq_str(e->name, HM_TAR_DOCUMENT)   ? &s->document :
		  hm_slice_eq_str(e->name, HM_TAR_NETWORK)    ? &s->network :
		  hm_slice_eq_str(e->name, HM_TAR_LOG)	      ? &s->log :
								NULL;
	return HM_OK;
}

static int on_data(void *ctx, const void *p, size_t len, struct hm_err *err)
{
	struct seen *s = ctx;

	return s->into ? hm_buf_add(s->into, p, len, err) : HM_OK;
}

static int on_end(void *ctx, struct hm_err *err)
{
	(void)ctx, (void)err;
	return HM_OK;
}

static int to_fd(void *ctx, const void *p, size_t len, struct hm_err *err)
{
	return hm_io_write_all(*(int *)ctx, p, len, HM_NO_DEADLINE, err);
}

static void read_back(int fd, struct seen *s)
{
	static const struct hm_tar_events events = {on_entry, on_data, on_end};
	struct hm_err err;

	hm_buf_init(&s->evidence, HM_BUNDLE_MAX);
	hm_buf_init(&s->provenance, HM_BUNDLE_MAX);
	hm_buf_init(&s->document, HM_NITRO_DOCUMENT_MAX);
	hm_buf_init(&s->network, 1 << 20);
	hm_buf_init(&s->log, 1 << 20);
	if (lseek(fd, 0, SEEK_SET) != 0)
		exit(1);
	ok_call(hm_tar_read(fd, &events, s, &err), &err,
		"the tar is one that our reader takes");
}

static void seen_release(struct seen *s)
{
	hm_buf_release(&s->evidence);
	hm_buf_release(&s->provenance);
	hm_buf_release(&s->document);
	hm_buf_release(&s->network);
	hm_buf_release(&s->log);
}

/* What hangs on what, from the document down, as a verifier goes. */
static void check_chain(const struct seen *s, const struct job *j)
{
	struct hm_nitro_document doc;
	AUTO_KEY struct hm_key *k = NULL;
	AUTO_BUNDLE struct hm_bundle eb, sb;
	AUTO_EVIDENCE struct hm_evidence e;
	AUTO_PROVENANCE struct hm_provenance p;
	AUTO_BUF struct hm_buf pae;
	struct hm_user_data u;
	uint8_t hash[HM_SHA256_LEN], a[HM_SHA256_LEN];
	struct hm_err err;

	hm_bundle_init(&eb);
	hm_bundle_init(&sb);
	hm_evidence_init(&e);
	hm_provenance_init(&p);
	hm_buf_init(&pae, HM_BUNDLE_MAX);
	ok_call(hm_nitro_parse(hm_buf_slice(&s->document), &doc, &err), &err,
		"AT is a document");
	ok_call(hm_nitro_verify(&doc, root_sha256, &err), &err,
		"signed under the development root");
	ok_call(hm_key_from_spki(doc.public_key.bytes, &k, &err), &err,
		"with K in it");
	must(hm_bundle_parse(hm_buf_slice(&s->evidence), &eb, &err), &err);
	must(hm_bundle_parse(hm_buf_slice(&s->provenance), &sb, &err), &err);
	ok_call(hm_dsse_verify(&eb.dsse, k, &err), &err, "K signed E");
	ok_call(hm_dsse_verify(&sb.dsse, k, &err), &err, "K signed S");
	ok_call(hm_evidence_parse(hm_buf_slice(&eb.dsse.payload), &e, &err),
		&err, "E is one");
	ok_call(hm_provenance_parse(hm_buf_slice(&sb.dsse.payload), &p, &err),
		&err, "S is one");
	ok(hm_slice_eq(hm_buf_slice(&e.document), hm_buf_slice(&s->document)),
	   "E carries AT");
	ok(hm_sha256(hm_buf_slice(&sb.dsse.payload), hash, &err) == HM_OK &&
	   memcmp(hash, e.provenance_sha256, sizeof(hash)) == 0,
	   "E's target is S");
	ok_call(hm_user_data_parse(doc.user_data.bytes, &u, &err), &err,
		"user_data is ours");
	ok(hm_dsse_pae(hm_slice_str(HM_PAYLOAD_INTOTO),
		       hm_buf_slice(&sb.dsse.payload), &pae, &err) == HM_OK &&
	   hm_sha256(hm_buf_slice(&pae), hash, &err) == HM_OK &&
	   memcmp(hash, u.statement_sha256, sizeof(hash)) == 0,
	   "and binds S");
	ok(hm_artifacts_digest(&j->sample.artifacts, a, &err) == HM_OK &&
	   memcmp(a, u.artifacts_sha256, sizeof(a)) == 0 &&
	   hm_git_id_equal(&u.commit, &j->sample.facts.commit) &&
	   memcmp(u.tree_sha256, j->sample.facts.tree_sha256, 32) == 0,
	   "and commit, tree and A");
	ok(hm_slice_eq_str(doc.nonce.bytes, "nonce"), "the host's nonce is in");
}

static void test_good(void)
{
	AUTO_CLOSE int fd = memfd_create("tar", MFD_CLOEXEC);
	AUTO_BUF struct hm_buf pem;
	struct seen s = {.names = ""};
	struct job j;
	struct hm_err err;

	hm_buf_init(&pem, 4096);
	job_init(&j, true);
	ok_call(hm_pack_attest(&j.pack, &err), &err, "attested");
	ok_call(hm_pack_write(&j.pack, to_fd, &fd, &err), &err, "packed");
	read_back(fd, &s);
	ok(strcmp(s.names,
		  "a attestation-x attestation/build.log "
		  "attestation/evidence.sigstore.json attestation/network.json "
		  "attestation/nitro.cbor attestation/provenance.sigstore.json "
		  "attestations/y zz ") == 0,
	   "the evidence stands in its place among the outputs");
	ok(s.mtime_s == j.sample.facts.committer_s && s.mode_of_a == 0755,
	   "commit time and modes");
	ok(hm_slice_eq_str(hm_buf_slice(&s.log), log_text) &&
	   hm_slice_eq_str(hm_buf_slice(&s.network), network_text),
	   "log and network record");
	check_chain(&s, &j);
	seen_release(&s);
	job_release(&j);
}

/* Outputs in the root, evidence last; and a commit from before 1970. */
static void test_edges(void)
{
	AUTO_CLOSE int fd = memfd_create("tar", MFD_CLOEXEC);
	struct seen s = {.names = ""};
	struct job j;
	struct hm_err err;

	if (unlinkat(dir_fd, "zz", 0) < 0 ||
	    unlinkat(dir_fd, "attestations/y", 0) < 0)
		exit(1);
	job_init(&j, true);
	j.sample.facts.committer_s = -5;
	j.pack.nonce = hm_slice(NULL, 0);
	ok_call(hm_pack_attest(&j.pack, &err), &err, "attested");
	ok_call(hm_pack_write(&j.pack, to_fd, &fd, &err), &err, "packed");
	read_back(fd, &s);
	ok(strstr(s.names, "provenance.sigstore.json ") ==
		   s.names + strlen(s.names) - 25,
	   "the evidence may come last");
	ok(s.mtime_s == 0, "a commit from before 1970 is from 1970 in the tar");
	seen_release(&s);
	job_release(&j);
	tree();
}

/* --- what changed between measuring and packing ------------------------------- */

static void change_content(struct job *j)
{
	(void)j;
	put("a", 0755, "PROGRAM");
}

static void change_size(struct job *j)
{
	(void)j;
	put("a", 0755, "programs");
}

static void change_mode(struct job *j)
{
	(void)j;
	put("a", 0644, "program");
}

static void change_to_link(struct job *j)
{
	(void)j;
	if (unlinkat(dir_fd, "a", 0) < 0 || symlinkat("zz", dir_fd, "a") < 0)
		exit(1);
}

static void change_to_fifo(struct job *j)
{
	(void)j;
	if (unlinkat(dir_fd, "a", 0) < 0 || mkfifoat(dir_fd, "a", 0755) < 0)
		exit(1);
}

static void change_to_nothing(struct job *j)
{
	(void)j;
	if (unlinkat(dir_fd, "a", 0) < 0)
		exit(1);
}

static void change_log(struct job *j)
{
	if (pwrite(j->pack.log_fd, "G", 1, 0) != 1)
		exit(1);
}

static void cut_log(struct job *j)
{
	if (ftruncate(j->pack.log_fd, 3) < 0)
		exit(1);
}

static void test_changes(void)
{
	static const struct {
		const char *what;
		void (*change)(struct job *j);
		enum hm_code code;
		const char *message;
	} cases[] = {
		{"other content", change_content, HM_E_POLICY,
		 "'a' is not what was measured any more"},
		{"another size", change_size, HM_E_POLICY,
		 "'a' is not what was measured any more"},
		{"another mode", change_mode, HM_E_POLICY,
		 "'a' is not what was measured any more"},
		{"a link", change_to_link, HM_E_POLICY,
		 "output 'a' is behind a link or a mount"},
		{"a FIFO", change_to_fifo, HM_E_POLICY,
		 "output 'a' is not a regular file"},
		{"nothing", change_to_nothing, HM_E_SYSTEM, "open 'a'"},
		{"another log", change_log, HM_E_POLICY,
		 "'attestation/build.log' is not what was measured"},
		{"a shorter log", cut_log, HM_E_POLICY,
		 "'attestation/build.log' is not what was measured"},
	};

	for (size_t i = 0; i < HM_ARRAY_LEN(cases); i++) {
		AUTO_CLOSE int fd = memfd_create("tar", MFD_CLOEXEC);
		struct job j;
		struct hm_err err;

		job_init(&j, true);
		must(hm_pack_attest(&j.pack, &err), &err);
		cases[i].change(&j);
		fails(hm_pack_write(&j.pack, to_fd, &fd, &err), &err,
		      cases[i].code, cases[i].message,
		      "since it was measured: %s", cases[i].what);
		job_release(&j);
		(void)unlinkat(dir_fd, "a", 0);
		tree();
	}
}

/* --- attesters that answer something else -------------------------------------- */

enum bend {
	BEND_KEY,
	BEND_USER_DATA,
	BEND_NONCE,
	BEND_NO_NONCE,
	BEND_GARBAGE,
	BEND_FAIL,
	BEND_UNSIGNED,
};

struct bent {
	struct hm_attester base;
	struct hm_attester *real;
	enum bend bend;
};

static int bent_pcr(struct hm_attester *a, unsigned int i,
		    uint8_t out[HM_PCR_LEN], struct hm_err *err)
{
	struct bent *b = (struct bent *)a;

	return b->real->ops->pcr(b->real, i, out, err);
}

/* What QEMU's device gives: the form without a signature. */
static int unsigned_document(struct bent *b, struct hm_slice key,
			     struct hm_slice data, struct hm_slice nonce,
			     struct hm_buf *out, struct hm_err *err)
{
	static const uint8_t zeros[64];
	AUTO_BUF struct hm_buf p;
	static const unsigned int pcrs[] = {0, 1, 2, 16};
	uint8_t pcr[HM_PCR_LEN];

	hm_buf_init(&p, HM_NITRO_DOCUMENT_MAX);
#define PUT(call)                                                              \
	do {                                                                   \
		if ((call) < 0)                                                \
			return err->code;                                      \
	} while (0)
	PUT(hm_cbor_put_map(&p, 9, err));
	PUT(hm_cbor_put_str(&p, "module_id", err));
	PUT(hm_cbor_put_str(&p, "i-234-enc5678", err));
	PUT(hm_cbor_put_str(&p, "digest", err));
	PUT(hm_cbor_put_str(&p, "SHA384", err));
	PUT(hm_cbor_put_str(&p, "timestamp", err));
	PUT(hm_cbor_put_uint(&p, 1777800000000, err));
	PUT(hm_cbor_put_str(&p, "pcrs", err));
	PUT(hm_cbor_put_map(&p, 4, err));
	for (size_t i = 0; i < 4; i++) {
		PUT(b->real->ops->pcr(b->real, pcrs[i], pcr, err));
		PUT(hm_cbor_put_uint(&p, pcrs[i], err));
		PUT(hm_cbor_put_bytes(&p, hm_slice(pcr, sizeof(pcr)), err));
	}
	PUT(hm_cbor_put_str(&p, "certificate", err));
	PUT(hm_cbor_put_bytes(&p, hm_slice(zeros, 64), err));
	PUT(hm_cbor_put_str(&p, "cabundle", err));
	PUT(hm_cbor_put_array(&p, 1, err));
	PUT(hm_cbor_put_bytes(&p, hm_slice(zeros, 64), err));
	PUT(hm_cbor_put_str(&p, "public_key", err));
	PUT(hm_cbor_put_bytes(&p, key, err));
	PUT(hm_cbor_put_str(&p, "user_data", err));
	PUT(hm_cbor_put_bytes(&p, data, err));
	PUT(hm_cbor_put_str(&p, "nonce", err));
	PUT(hm_cbor_put_bytes(&p, nonce, err));
	PUT(hm_cbor_put_array(out, 4, err));
	PUT(hm_cbor_put_bytes(out, hm_slice("\xa1\x01\x20", 3), err));
	PUT(hm_cbor_put_map(out, 0, err));
	PUT(hm_cbor_put_bytes(out, hm_buf_slice(&p), err));
	PUT(hm_cbor_put_bytes(out, hm_slice(zeros, 64), err));
	return HM_OK;
}

static int bent_attest(struct hm_attester *a, struct hm_slice key,
		       struct hm_slice data, struct hm_slice nonce,
		       struct hm_buf *document, struct hm_err *err)
{
	struct bent *b = (struct bent *)a;

	switch (b->bend) {
	case BEND_KEY:
		key = hm_slice(key.ptr, key.len - 1);
		break;
	case BEND_USER_DATA:
		data = hm_slice_str("something else");
		break;
	case BEND_NONCE:
		nonce = hm_slice_str("noncf");
		break;
	case BEND_NO_NONCE:
		nonce = hm_slice(NULL, 0);
		break;
	case BEND_GARBAGE:
		return hm_buf_add_str(document, "garbage", err);
	case BEND_FAIL:
		return hm_fail(err, HM_E_SYSTEM, EIO, "/dev/nsm");
	case BEND_UNSIGNED:
		return unsigned_document(b, key, data, nonce, document, err);
	}
	return b->real->ops->attest(b->real, key, data, nonce, document, err);
}

static const struct hm_attester_ops bent_ops = {
	.name = "dev", .pcr = bent_pcr, .attest = bent_attest,
};

static void test_attesters(void)
{
	static const struct {
		const char *what;
		enum bend bend;
		enum hm_code code;
		const char *message;
	} cases[] = {
		{"for another key", BEND_KEY, HM_E_CRYPTO,
		 "the document does not bind what was asked"},
		{"for other user_data", BEND_USER_DATA, HM_E_CRYPTO,
		 "the document does not bind what was asked"},
		{"for another nonce", BEND_NONCE, HM_E_CRYPTO,
		 "the document does not bind what was asked"},
		{"for no nonce", BEND_NO_NONCE, HM_E_CRYPTO,
		 "the document does not bind what was asked"},
		{"that is none", BEND_GARBAGE, HM_E_FORMAT,
		 "attestation document: "},
		{"that never comes", BEND_FAIL, HM_E_SYSTEM, "/dev/nsm"},
	};

	for (size_t i = 0; i < HM_ARRAY_LEN(cases); i++) {
		struct bent b = {.base = {&bent_ops}, .bend = cases[i].bend};
		struct job j;
		struct hm_err err;

		job_init(&j, true);
		b.real = j.attester;
		j.pack.attester = &b.base;
		fails(hm_pack_attest(&j.pack, &err), &err, cases[i].code,
		      cases[i].message, "refused: a document %s",
		      cases[i].what);
		job_release(&j);
	}
}

static void test_unsigned(void)
{
	struct bent b = {.base = {&bent_ops}, .bend = BEND_UNSIGNED};
	struct hm_nitro_document doc;
	struct job j;
	struct hm_err err;

	job_init(&j, true);
	b.real = j.attester;
	j.pack.attester = &b.base;
	ok_call(hm_pack_attest(&j.pack, &err), &err,
		"an emulator's document is passed on");
	fails(hm_nitro_parse(hm_buf_slice(&j.pack.document), &doc, &err), &err,
	      HM_E_POLICY, "it is not signed: it comes from an emulated",
	      "for the verifier to refuse by name");
	if (hm_nitro_parse_own(hm_buf_slice(&j.pack.document), &doc, &err) < 0)
		exit(1);
	fails(hm_nitro_verify(&doc, root_sha256, &err), &err, HM_E_CRYPTO,
	      "attestation document", "who could not verify it either");
	job_release(&j);
}

static void test_facts(void)
{
	struct job j;
	struct hm_err err;

	job_init(&j, false);
	fails(hm_pack_attest(&j.pack, &err), &err, HM_E_CRYPTO,
	      "PCR16 is not the latch of this build", "nothing was latched");
	job_release(&j);
	job_init(&j, true);
	j.sample.facts.runtime = "runc";
	fails(hm_pack_attest(&j.pack, &err), &err, HM_E_CRYPTO,
	      "PCR16 is not the latch of this build",
	      "another runtime than was latched");
	job_release(&j);
	job_init(&j, true);
	j.sample.facts.pcr[2][0] ^= 1;
	fails(hm_pack_attest(&j.pack, &err), &err, HM_E_CRYPTO,
	      "PCR2 is not what the attester said before", "another PCR2");
	job_release(&j);
	job_init(&j, true);
	j.pack.network_json = hm_slice_str("{\"complete\":TRUE}");
	fails(hm_pack_attest(&j.pack, &err), &err, HM_E_POLICY,
	      "'attestation/network.json' is not what was measured",
	      "another network record");
	job_release(&j);
	job_init(&j, true);
	j.sample.facts.ref = "\xff";
	fails(hm_pack_attest(&j.pack, &err), &err, HM_E_POLICY,
	      "ref '\\xff' is not plain UTF-8 text", "a ref that is no text");
	job_release(&j);
}

int main(void)
{
	struct hm_err err;

	set_up();
	test_good();
	test_edges();
	test_changes();
	test_attesters();
	test_unsigned();
	test_facts();
	hm_buf_release(&cert_pem);
	hm_buf_release(&key_pem);
	close(dir_fd);
	ok_call(hm_tree_remove(AT_FDCWD, dir, &err), &err, "cleaned up");
	return tap_done();
}
