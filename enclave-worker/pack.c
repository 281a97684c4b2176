/*
 * Theory of operation. K is born here and dies here. S is written and its bytes
 * are fixed; the attester signs over {K, digests of S and of the outputs, nonce};
 * the document that comes back is read like a stranger's and must bind exactly
 * what was asked, so a confused attester cannot put a wrong claim on the road;
 * E embeds it; K signs S and E and is wiped. Then the tar is streamed, and every
 * output is hashed again on its way: what was measured is what leaves.
 *
 * Should:    compare the document with what was asked, field by field.
 * Mustn't:   sign anything after K is wiped; ship a byte that was not measured.
 */
#include "pack.h"

#include "enclave-worker/artifacts.h"
#include "lib/dsse.h"
#include "lib/io.h"
#include "lib/log.h"

#define CHUNK 65536U

void hm_pack_init(struct hm_pack *p)
{
	*p = (struct hm_pack){.root_fd = -1, .log_fd = -1};
	hm_buf_init(&p->document, HM_NITRO_DOCUMENT_MAX);
	hm_buf_init(&p->provenance_bundle, HM_BUNDLE_MAX);
	hm_buf_init(&p->evidence_bundle, HM_BUNDLE_MAX);
}

void hm_pack_release(struct hm_pack *p)
{
	hm_buf_release(&p->document);
	hm_buf_release(&p->provenance_bundle);
	hm_buf_release(&p->evidence_bundle);
}

static int user_data(const struct hm_build_facts *f, struct hm_slice statement,
		     struct hm_buf *out, struct hm_err *err)
{
	struct hm_user_data u = {.commit = f->commit};
	AUTO_BUF struct hm_buf pae;
	int rc;

	hm_buf_init(&pae, HM_STATEMENT_MAX + 256);
	memcpy(u.tree_sha256, f->tree_sha256, sizeof(u.tree_sha256));
	rc = hm_artifacts_digest(f->artifacts, u.artifacts_sha256, err);
	if (rc == HM_OK)
		rc = hm_dsse_pae(hm_slice_str(HM_PAYLOAD_INTOTO), statement,
				 &pae, err);
	if (rc == HM_OK)
		rc = hm_sha256(hm_buf_slice(&pae), u.statement_sha256, err);
	return rc < 0 ? rc : hm_user_data_write(&u, out, err);
}

static bool optional_is(const struct hm_nitro_optional *got, struct hm_slice want)
{
	if (want.len == 0)
		return !got->present;
	return got->present && hm_slice_eq(got->bytes, want);
}

static int latch_check(const struct hm_build_facts *f,
		       const struct hm_nitro_document *doc, struct hm_err *err)
{
	struct hm_latch l = {.commit = f->commit, .network = f->network,
			     .runtime = f->runtime};
	uint8_t want[HM_PCR_LEN];
	int rc;

	memcpy(l.tree_sha256, f->tree_sha256, sizeof(l.tree_sha256));
	rc = hm_sha256(f->config_text, l.config_sha256, err);
	if (rc == HM_OK)
		rc = hm_latch_pcr(&l, want, err);
	if (rc < 0)
		return rc;
	if (!doc->has_pcr[HM_LATCH_PCR] ||
	    memcmp(doc->pcr[HM_LATCH_PCR], want, sizeof(want)) != 0)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "PCR16 is not the latch of this build");
	return HM_OK;
}

/* The document as if a stranger had sent it. */
static int document_check(const struct hm_pack *p, struct hm_slice key,
			  struct hm_slice data, struct hm_err *err)
{
	struct hm_nitro_document doc;
	int rc = hm_nitro_parse_own(hm_buf_slice(&p->document), &doc, err);

	if (rc < 0)
		return rc;
	if (!optional_is(&doc.public_key, key) ||
	    !optional_is(&doc.user_data, data) ||
	    !optional_is(&doc.nonce, p->nonce))
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "the document does not bind what was asked");
	for (unsigned int i = 0; i < 3; i++) {
		if (!doc.has_pcr[i] || memcmp(doc.pcr[i], p->facts->pcr[i],
					      HM_PCR_LEN) != 0)
			return hm_fail(err, HM_E_CRYPTO, 0,
				       "PCR%u is not what the attester said before",
				       i);
	}
	return latch_check(p->facts, &doc, err);
}

static int evidence(const struct hm_pack *p, struct hm_slice statement,
		    struct hm_buf *out, struct hm_err *err)
{
	struct hm_evidence_facts e = {
		.artifacts = p->facts->artifacts, .commit = p->facts->commit,
		.document = hm_buf_slice(&p->document)};
	int rc = hm_sha256(statement, e.provenance_sha256, err);

	memcpy(e.pcr, p->facts->pcr, sizeof(e.pcr));
	return rc < 0 ? rc : hm_evidence_write(&e, out, err);
}

static int sign(const struct hm_key *k, struct hm_slice statement,
		struct hm_buf *bundle, struct hm_err *err)
{
	AUTO_DSSE struct hm_dsse d;
	int rc;

	hm_dsse_init(&d);
	rc = hm_dsse_sign(k, HM_PAYLOAD_INTOTO, statement, &d, err);
	return rc < 0 ? rc : hm_bundle_write(&d, k, NULL, NULL, bundle, err);
}

static int changed(const char *name, struct hm_err *err)
{
	return hm_fail(err, HM_E_POLICY, 0,
		       "'%s' is not what was measured any more",
		       HM_ESC(hm_slice_str(name)));
}

/* What is about to be signed about the record must be true of the record. */
static int network_check(const struct hm_pack *p, struct hm_err *err)
{
	uint8_t sha256[HM_SHA256_LEN];
	int rc = hm_sha256(p->network_json, sha256, err);

	if (rc == HM_OK && (p->network_json.len != p->facts->network_size ||
			    memcmp(sha256, p->facts->network_sha256,
				   sizeof(sha256)) != 0))
		return changed(HM_TAR_NETWORK, err);
	return rc;
}

int hm_pack_attest(struct hm_pack *p, struct hm_err *err)
{
	AUTO_KEY struct hm_key *k = NULL;	/* wiped when it is freed */
	AUTO_BUF struct hm_buf s;
	AUTO_BUF struct hm_buf e;
	AUTO_BUF struct hm_buf spki;
	AUTO_BUF struct hm_buf data;
	int rc = network_check(p, err);

	hm_buf_init(&s, HM_STATEMENT_MAX);
	hm_buf_init(&e, HM_STATEMENT_MAX);
	hm_buf_init(&spki, 1024);
	hm_buf_init(&data, HM_USER_DATA_MAX);
	if (rc == HM_OK)
		rc = hm_key_generate(HM_KEY_P256, &k, err);
	if (rc == HM_OK)
		rc = hm_key_spki(k, &spki, err);
	if (rc == HM_OK)
		rc = hm_provenance_write(p->facts, &s, err);
	if (rc == HM_OK)
		rc = user_data(p->facts, hm_buf_slice(&s), &data, err);
	if (rc == HM_OK)
		rc = p->attester->ops->attest(p->attester, hm_buf_slice(&spki),
					      hm_buf_slice(&data), p->nonce,
					      &p->document, err);
	if (rc == HM_OK)
		rc = document_check(p, hm_buf_slice(&spki), hm_buf_slice(&data),
				    err);
	if (rc == HM_OK)
		rc = evidence(p, hm_buf_slice(&s), &e, err);
	if (rc == HM_OK)
		rc = sign(k, hm_buf_slice(&s), &p->provenance_bundle, err);
	if (rc == HM_OK)
		rc = sign(k, hm_buf_slice(&e), &p->evidence_bundle, err);
	return rc;
}

/* size bytes of fd, which must have this digest, as one file. */
static int put_fd(struct hm_tar_writer *w, int fd, const char *name,
		  unsigned int mode, uint64_t size,
		  const uint8_t sha256[HM_SHA256_LEN], struct hm_err *err)
{
	AUTO_DIGEST struct hm_digest *digest = NULL;
	uint8_t chunk[CHUNK], got[HM_SHA256_LEN];
	int rc = hm_digest_new(HM_SHA256, &digest, err);

	if (rc == HM_OK)
		rc = hm_tar_writer_file(w, hm_slice_str(name), mode, size, err);
	while (rc == HM_OK && size > 0) {
		size_t n = size < sizeof(chunk) ? (size_t)size : sizeof(chunk);

		rc = hm_io_read_full(fd, chunk, n, HM_NO_DEADLINE, err);
		if (rc == HM_E_CLOSED)
			return changed(name, err);
		if (rc == HM_OK)
			rc = hm_digest_update(digest, chunk, n, err);
		if (rc == HM_OK)
			rc = hm_tar_writer_data(w, chunk, n, err);
		size -= n;
	}
	if (rc == HM_OK)
		rc = hm_digest_final(digest, got, err);
	if (rc == HM_OK && memcmp(got, sha256, sizeof(got)) != 0)
		return changed(name, err);
	return rc;
}

static int put_artifact(struct hm_tar_writer *w, int root_fd,
			const struct hm_artifact *a, struct hm_err *err)
{
	AUTO_CLOSE int fd = -1;
	unsigned int mode;
	uint64_t size;
	int rc = hm_artifact_open(root_fd, a->name, &fd, &mode, &size, err);

	if (rc < 0)
		return rc;
	if (mode != a->mode || size != a->size)
		return changed(a->name, err);
	return put_fd(w, fd, a->name, a->mode, a->size, a->sha256, err);
}

static int put_bytes(struct hm_tar_writer *w, const char *name,
		     struct hm_slice data, struct hm_err *err)
{
	int rc = hm_tar_writer_file(w, hm_slice_str(name), 0644, data.len, err);

	return rc < 0 ? rc : hm_tar_writer_data(w, data.ptr, data.len, err);
}

static int put_log(struct hm_tar_writer *w, const struct hm_pack *p,
		   struct hm_err *err)
{
	if (lseek(p->log_fd, 0, SEEK_SET) != 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "rewind the build log");
	return put_fd(w, p->log_fd, HM_TAR_LOG, 0644, p->facts->log_size,
		      p->facts->log_sha256, err);
}

/* The evidence files, in byte order of their names. */
static int put_evidence(struct hm_tar_writer *w, const struct hm_pack *p,
			struct hm_err *err)
{
	int rc = put_log(w, p, err);

	if (rc == HM_OK)
		rc = put_bytes(w, HM_TAR_EVIDENCE,
			       hm_buf_slice(&p->evidence_bundle), err);
	if (rc == HM_OK)
		rc = put_bytes(w, HM_TAR_NETWORK, p->network_json, err);
	if (rc == HM_OK)
		rc = put_bytes(w, HM_TAR_DOCUMENT, hm_buf_slice(&p->document),
			       err);
	if (rc == HM_OK)
		rc = put_bytes(w, HM_TAR_PROVENANCE,
			       hm_buf_slice(&p->provenance_bundle), err);
	return rc;
}

int hm_pack_write(struct hm_pack *p, hm_tar_sink_fn sink, void *ctx,
		  struct hm_err *err)
{
	const struct hm_artifacts *a = p->facts->artifacts;
	AUTO_TAR_WRITER struct hm_tar_writer *w = NULL;
	bool evidence_put = false;
	int rc = hm_tar_writer_new(sink, ctx,
				   hm_tar_mtime(p->facts->committer_s), &w,
				   err);

	for (size_t i = 0; rc == HM_OK && i < a->count; i++) {
		/* All names of a tar are in byte order, ours among them. */
		if (!evidence_put && strcmp(a->items[i].name, HM_TAR_DIR) > 0) {
			rc = put_evidence(w, p, err);
			evidence_put = true;
		}
		if (rc == HM_OK)
			rc = put_artifact(w, p->root_fd, &a->items[i], err);
	}
	if (rc == HM_OK && !evidence_put)
		rc = put_evidence(w, p, err);
	return rc < 0 ? rc : hm_tar_writer_finish(w, err);
}
