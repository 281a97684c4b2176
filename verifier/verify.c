/*
 * The order of trust, from bytes to "yes". Everything here comes from somebody
 * who may lie: the host that made the tar, the log, the mirror it was fetched
 * from. Only three things are believed: the pinned root, OpenSSL, and what the
 * user demanded.
 *
 * Theory of operation
 *  1. The attestation document AT is taken out of the evidence statement E only
 *     to get at its bytes; nothing else of E is used yet.
 *  2. AT is authentic if its chain ends at a pinned root at AT's own time (its
 *     leaf lives three hours; "now" would refuse every stored build) and the
 *     leaf signed it. Only then are its fields facts.
 *  3. PCR0-2 say which image made AT: an endorsed or pinned one, or stop.
 *  4. AT names the one-time key K; E and S must be signed by K.
 *  5. AT.user_data holds the commit, the digest A of all files and the digest of
 *     S, so S is what that image wrote; PCR16 holds what was fixed before any
 *     untrusted code ran.
 *  6. Files are compared with S, S with what the user demanded.
 *
 * Must: make every check, stop at the first that fails, compare whole values.
 * Mustn't: read a clock or a file, accept because something is absent, use a
 * field before the check that makes it a fact.
 */
#include "verifier/verify.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/log.h"
#include "lib/when.h"
#include "verifier/case.h"

static void write_text(struct hm_check *k, const char *fmt, va_list ap)
	HM_PRINTF(2, 0);
static void write_text(struct hm_check *k, const char *fmt, va_list ap)
{
	int n = vsnprintf(k->text, sizeof(k->text), fmt, ap);

	if (n >= (int)sizeof(k->text))
		memcpy(k->text + sizeof(k->text) - 4, "...", 4);
}

void hm_proved(struct hm_case *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_text(c->now, fmt, ap);
	va_end(ap);
	c->now->status = HM_CHECK_PASSED;
}

void hm_not_asked(struct hm_case *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_text(c->now, fmt, ap);
	va_end(ap);
	c->now->status = HM_CHECK_SKIPPED;
}

int hm_refuse(struct hm_case *c, enum hm_reason why, struct hm_err *err,
	      const char *fmt, ...)
{
	char text[HM_ERR_MSG_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->v->reason = why;
	return hm_fail(err, HM_E_POLICY, 0, "%s", text);
}

int hm_refused(struct hm_case *c, enum hm_reason why, int rc,
	       struct hm_err *err)
{
	(void)err;
	if (rc == HM_E_FORMAT || rc == HM_E_POLICY || rc == HM_E_CRYPTO ||
	    rc == HM_E_TOO_LARGE)
		c->v->reason = why;
	return rc;
}

static int check_archive(struct hm_case *c, struct hm_err *err)
{
	const struct hm_intake *in = c->in;
	uint64_t bytes = 0;

	if (in->malformed)
		return hm_refuse(c, HM_R_MALFORMED, err, "%s%s%s",
				 in->problem_about,
				 in->problem_about[0] != '\0' ? ": " : "",
				 in->problem.msg);
	if (!in->evidence.present || !in->provenance.present)
		return hm_refuse(c, HM_R_NO_EVIDENCE, err,
				 "%s holds no attestation: the %s statement is "
				 "missing; give it with --bundle", in->label,
				 in->evidence.present ? "provenance" : "evidence");
	if (!in->has_tar) {
		hm_proved(c, "evidence found; %zu %s to look for in it",
			  in->wanted.count,
			  in->wanted.count == 1 ? "digest" : "digests");
		return HM_OK;
	}
	if (!in->has_document || !in->network.present || !in->build_log.present)
		return hm_refuse(c, HM_R_MALFORMED, err,
				 "the release tar lacks %s",
				 !in->has_document ? HM_TAR_DOCUMENT :
				 !in->network.present ? HM_TAR_NETWORK :
				 HM_TAR_LOG);
	for (size_t i = 0; i < in->tar_files.count; i++)
		bytes += in->tar_files.items[i].size;
	hm_proved(c, "well formed; %zu %s, %llu bytes hashed",
		  in->tar_files.count,
		  in->tar_files.count == 1 ? "file" : "files",
		  (unsigned long long)bytes);
	return HM_OK;
}

/* A bundle must be the very bytes that our writer makes, inside a tar. */
static int open_bundle(struct hm_case *c, const struct hm_signed_text *t,
		       const char *what, struct hm_bundle *b,
		       struct hm_err *err)
{
	struct hm_slice json = hm_buf_slice(&t->json);
	int rc = t->bare ? hm_dsse_parse(json, &b->dsse, err) :
			   hm_bundle_parse(json, b, err);

	if (rc != HM_OK) {
		hm_err_prefix(err, "%s", what);
		return hm_refused(c, HM_R_MALFORMED, rc, err);
	}
	if (!c->in->has_tar)
		return HM_OK;
	if (t->bare || !hm_bundle_is_canonical(b, json))
		return hm_refuse(c, HM_R_MALFORMED, err, "%s: the bundle is not "
				 "written as releases are", what);
	/* Nothing here checks RFC 3161, so nobody would vouch for the bytes. */
	if (b->timestamps)
		return hm_refuse(c, HM_R_MALFORMED, err,
				 "%s: the bundle carries a timestamp that "
				 "nothing checks", what);
	return HM_OK;
}

static int check_document(struct hm_case *c, struct hm_err *err)
{
	struct hm_verdict *v = c->v;
	char when[HM_WHEN_MAX];
	struct hm_slice at;
	int rc = open_bundle(c, &c->in->evidence, "evidence",
			     &v->evidence_bundle, err);

	if (rc != HM_OK)
		return rc;
	rc = hm_evidence_parse(hm_buf_slice(&v->evidence_bundle.dsse.payload),
			       &v->evidence, err);
	if (rc != HM_OK)
		return hm_refused(c, HM_R_MALFORMED, rc, err);
	v->has_evidence = true;
	at = hm_buf_slice(&v->evidence.document);
	if (c->in->has_document &&
	    !hm_slice_eq(hm_buf_slice(&c->in->document), at))
		return hm_refuse(c, HM_R_BINDING, err, "%s is not the document "
				 "in the evidence", HM_TAR_DOCUMENT);
	rc = hm_nitro_parse(at, &v->document, err);
	if (rc != HM_OK)
		return hm_refused(c, rc == HM_E_POLICY ? HM_R_NOT_NITRO :
				  HM_R_MALFORMED, rc, err);
	v->has_document = true;
	rc = hm_sha256(at, v->document_sha256, err);
	if (rc != HM_OK)
		return rc;
	hm_proved(c, "an enclave's attestation document, made %s by %s",
		  hm_when((int64_t)v->document.timestamp_ms, when),
		  HM_ESC(v->document.module_id));
	return HM_OK;
}

static const struct hm_root *find_root(const struct hm_root *roots,
				       size_t count, const uint8_t *sha256)
{
	for (size_t i = 0; i < count; i++)
		if (memcmp(roots[i].sha256, sha256, HM_SHA256_LEN) == 0)
			return &roots[i];
	return NULL;
}

/* In every list that there is; AWS's G1 when there is none. */
static const struct hm_root *accepted_root(const struct hm_expect *want,
					   const uint8_t *sha256)
{
	static struct hm_root aws = { .kind = HM_ROOT_NITRO };
	const struct hm_policy *p = want->policy;
	const struct hm_root *by_flag = NULL, *by_policy = NULL;

	if (want->root_count > 0) {
		by_flag = find_root(want->roots, want->root_count, sha256);
		if (!by_flag)
			return NULL;
	}
	if (p && p->root_count > 0) {
		by_policy = find_root(p->roots, p->root_count, sha256);
		return by_policy;
	}
	if (by_flag)
		return by_flag;
	memcpy(aws.sha256, hm_nitro_root_g1, HM_SHA256_LEN);
	return find_root(&aws, 1, sha256);
}

static int check_chain(struct hm_case *c, struct hm_err *err)
{
	struct hm_verdict *v = c->v;
	const struct hm_nitro_document *doc = &v->document;
	const struct hm_root *root;
	struct hm_cert_info info;
	int rc = hm_sha256(doc->cabundle[0], v->root_sha256, err);

	if (rc != HM_OK)
		return rc;
	root = accepted_root(c->want, v->root_sha256);
	if (!root) {
		rc = hm_cert_info(doc->cabundle[0], &info, err);
		return hm_refuse(c, HM_R_FOREIGN_ROOT, err,
				 "the document's chain ends at %s, which is not "
				 "a root that you trust",
				 rc == HM_OK ? HM_ESC(hm_slice_str(info.subject))
				 : "something that is no certificate");
	}
	rc = hm_nitro_verify(doc, root->sha256, err);
	if (rc != HM_OK)
		return hm_refused(c, rc == HM_E_POLICY ? HM_R_FOREIGN_ROOT :
				  HM_R_NOT_AUTHENTIC, rc, err);
	v->hardware = root->kind == HM_ROOT_NITRO;
	if (v->hardware)
		hm_proved(c, "%zu certificates to the pinned hardware root, "
			  "valid when the document was made; signature good",
			  doc->cabundle_count + 1);
	else
		hm_proved(c, "%zu certificates to the development root that you "
			  "named; signature good; no hardware vouches for it",
			  doc->cabundle_count + 1);
	return HM_OK;
}

static int check_mode(struct hm_case *c, struct hm_err *err)
{
	if (hm_nitro_is_debug(&c->v->document))
		return hm_refuse(c, HM_R_DEBUG, err,
				 "the enclave ran in debug mode (PCR0, 1 or 2 "
				 "is zero): its host could read and change its "
				 "memory");
	hm_proved(c, "not a debug enclave: PCR0, PCR1 and PCR2 are measured");
	return HM_OK;
}

/* Nobody signs a bundle's hint; a free byte is a byte for an attacker. */
static int check_hints(struct hm_case *c, struct hm_err *err)
{
	const struct hm_verdict *v = c->v;
	int rc = HM_OK;

	if (!c->in->evidence.bare)
		rc = hm_bundle_check_hint(&v->evidence_bundle, v->key, err);
	if (rc == HM_OK && !c->in->provenance.bare)
		rc = hm_bundle_check_hint(&v->provenance_bundle, v->key, err);
	return rc == HM_OK ? rc : hm_refused(c, HM_R_SIGNATURE, rc, err);
}

static int check_key(struct hm_case *c, struct hm_err *err)
{
	struct hm_verdict *v = c->v;
	int rc;

	if (!v->document.public_key.present)
		return hm_refuse(c, HM_R_SIGNATURE, err,
				 "the document names no key");
	rc = hm_key_from_spki(v->document.public_key.bytes, &v->key, err);
	if (rc != HM_OK)
		return hm_refused(c, HM_R_SIGNATURE, rc, err);
	if (hm_key_kind(v->key) != HM_KEY_P256)
		return hm_refuse(c, HM_R_SIGNATURE, err,
				 "the attested key is not a P-256 key");
	rc = hm_dsse_verify(&v->evidence_bundle.dsse, v->key, err);
	if (rc != HM_OK) {
		hm_err_prefix(err, "evidence statement");
		return hm_refused(c, HM_R_SIGNATURE, rc, err);
	}
	rc = open_bundle(c, &c->in->provenance, "provenance",
			 &v->provenance_bundle, err);
	if (rc != HM_OK)
		return rc;
	rc = hm_dsse_verify(&v->provenance_bundle.dsse, v->key, err);
	if (rc != HM_OK) {
		hm_err_prefix(err, "provenance statement");
		return hm_refused(c, HM_R_SIGNATURE, rc, err);
	}
	rc = check_hints(c, err);
	if (rc != HM_OK)
		return rc;
	hm_proved(c, "the enclave's one-time key signed the evidence and the "
		  "provenance");
	return HM_OK;
}

static bool is_intoto(const struct hm_dsse *d)
{
	return hm_slice_eq_str(hm_buf_slice(&d->payload_type),
			       HM_PAYLOAD_INTOTO);
}

/* S is the statement that the document was made for. */
static int bind_statement(struct hm_case *c, struct hm_user_data *u,
			  struct hm_err *err)
{
	struct hm_verdict *v = c->v;
	const struct hm_dsse *d = &v->provenance_bundle.dsse;
	uint8_t digest[HM_SHA256_LEN];
	AUTO_BUF struct hm_buf pae;
	int rc;

	hm_buf_init(&pae, HM_STATEMENT_MAX + 256);
	if (!is_intoto(d) || !is_intoto(&v->evidence_bundle.dsse))
		return hm_refuse(c, HM_R_BINDING, err,
				 "an envelope does not hold an in-toto "
				 "statement");
	if (!v->document.user_data.present)
		return hm_refuse(c, HM_R_BINDING, err,
				 "the document binds nothing: user_data is "
				 "empty");
	rc = hm_user_data_parse(v->document.user_data.bytes, u, err);
	if (rc != HM_OK)
		return hm_refused(c, HM_R_BINDING, rc, err);
	rc = hm_dsse_pae(hm_buf_slice(&d->payload_type),
			 hm_buf_slice(&d->payload), &pae, err);
	if (rc == HM_OK)
		rc = hm_sha256(hm_buf_slice(&pae), digest, err);
	if (rc == HM_OK)
		rc = hm_sha256(hm_buf_slice(&d->payload), v->statement_sha256,
			       err);
	if (rc != HM_OK)
		return rc;
	if (memcmp(digest, u->statement_sha256, sizeof(digest)) != 0)
		return hm_refuse(c, HM_R_BINDING, err,
				 "the document was not made for this "
				 "provenance statement");
	rc = hm_provenance_parse(hm_buf_slice(&d->payload), &v->provenance, err);
	if (rc != HM_OK)
		return hm_refused(c, HM_R_MALFORMED, rc, err);
	v->has_provenance = true;
	return HM_OK;
}

/* user_data and S name one commit, one tree, one set of files. */
static int bind_user_data(struct hm_case *c, const struct hm_user_data *u,
			  struct hm_err *err)
{
	struct hm_verdict *v = c->v;
	const struct hm_build_facts *f = &v->provenance.facts;
	int rc;

	if (!hm_git_id_equal(&u->commit, &f->commit) ||
	    memcmp(u->tree_sha256, f->tree_sha256, HM_SHA256_LEN) != 0)
		return hm_refuse(c, HM_R_BINDING, err,
				 "document and provenance name different "
				 "sources");
	rc = hm_artifacts_digest(&v->provenance.artifacts, v->artifacts_sha256,
				 err);
	if (rc != HM_OK)
		return rc;
	if (memcmp(u->artifacts_sha256, v->artifacts_sha256,
		   HM_SHA256_LEN) != 0)
		return hm_refuse(c, HM_R_BINDING, err,
				 "document and provenance name different files");
	if (memcmp(f->pcr, v->document.pcr, sizeof(f->pcr)) != 0)
		return hm_refuse(c, HM_R_BINDING, err,
				 "document and provenance name different "
				 "images");
	return HM_OK;
}

static bool same_subjects(const struct hm_artifacts *a,
			  const struct hm_artifacts *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->items[i].name, b->items[i].name) != 0 ||
		    memcmp(a->items[i].sha256, b->items[i].sha256,
			   HM_SHA256_LEN) != 0)
			return false;
	return true;
}

/* E says of this document and this S what they say themselves. */
static int bind_evidence(struct hm_case *c, struct hm_err *err)
{
	const struct hm_verdict *v = c->v;
	const struct hm_evidence *e = &v->evidence;

	if (memcmp(e->provenance_sha256, v->statement_sha256,
		   HM_SHA256_LEN) != 0)
		return hm_refuse(c, HM_R_BINDING, err,
				 "the evidence is about another provenance "
				 "statement");
	if (!same_subjects(&e->artifacts, &v->provenance.artifacts))
		return hm_refuse(c, HM_R_BINDING, err,
				 "evidence and provenance name different files");
	if (!hm_git_id_equal(&e->commit, &v->provenance.facts.commit) ||
	    memcmp(e->pcr, v->document.pcr, sizeof(e->pcr)) != 0)
		return hm_refuse(c, HM_R_BINDING, err,
				 "the evidence names another commit or image "
				 "than the document");
	return HM_OK;
}

/* A file beside the statement that S names by digest. */
static int bind_side_file(struct hm_case *c, const struct hm_side_file *f,
			  const char *name, const uint8_t *sha256,
			  uint64_t size, struct hm_err *err)
{
	if (f->present && (f->size != size ||
			   memcmp(f->sha256, sha256, HM_SHA256_LEN) != 0))
		return hm_refuse(c, HM_R_BINDING, err,
				 "%s is not the one that the provenance names",
				 name);
	return HM_OK;
}

static int check_binding(struct hm_case *c, struct hm_err *err)
{
	const struct hm_build_facts *f = &c->v->provenance.facts;
	struct hm_user_data u = {0};
	int rc = bind_statement(c, &u, err);

	if (rc == HM_OK)
		rc = bind_user_data(c, &u, err);
	if (rc == HM_OK)
		rc = bind_evidence(c, err);
	if (rc == HM_OK)
		rc = bind_side_file(c, &c->in->network, HM_TAR_NETWORK,
				    f->network_sha256, f->network_size, err);
	if (rc == HM_OK)
		rc = bind_side_file(c, &c->in->build_log, HM_TAR_LOG,
				    f->log_sha256, f->log_size, err);
	if (rc != HM_OK)
		return rc;
	hm_proved(c, "document, provenance, evidence, network record and build "
		  "log belong to one build");
	return HM_OK;
}

static int (*const checks[])(struct hm_case *, struct hm_err *) = {
	[HM_CHECK_ARCHIVE] = check_archive,
	[HM_CHECK_DOCUMENT] = check_document,
	[HM_CHECK_CHAIN] = check_chain,
	[HM_CHECK_MODE] = check_mode,
	[HM_CHECK_IMAGE] = hm_check_image,
	[HM_CHECK_KEY] = check_key,
	[HM_CHECK_BINDING] = check_binding,
	[HM_CHECK_LATCH] = hm_check_latch,
	[HM_CHECK_FILES] = hm_check_files,
	[HM_CHECK_NONCE] = hm_check_nonce,
	[HM_CHECK_TIME] = hm_check_time,
	[HM_CHECK_SOURCE] = hm_check_source,
	[HM_CHECK_ENVIRONMENT] = hm_check_environment,
	[HM_CHECK_LOG] = hm_check_log,
	[HM_CHECK_VOTES] = hm_check_votes,
	[HM_CHECK_POLICY] = hm_check_policy,
};
_Static_assert(HM_ARRAY_LEN(checks) == _HM_CHECK_COUNT, "a check is missing");

int hm_verify(const struct hm_intake *in, const struct hm_expect *want,
	      struct hm_verdict *v, struct hm_err *err)
{
	struct hm_case c = { .in = in, .want = want, .v = v };

	hm_verdict_init(v);
	for (size_t i = 0; i < _HM_CHECK_COUNT; i++) {
		c.now = &v->checks[i];
		int rc = checks[i](&c, err);

		if (rc == HM_OK) {
			/* A check that said neither is a mistake, not a pass. */
			HM_BUG_ON(c.now->status == HM_CHECK_NOT_REACHED);
			continue;
		}
		if (v->reason == HM_R_NONE)
			return hm_err_prefix(err, "%s",
					     hm_check_name((enum hm_check_id)i));
		c.now->status = HM_CHECK_FAILED;
		snprintf(c.now->text, sizeof(c.now->text), "%s", err->msg);
		snprintf(v->message, sizeof(v->message), "%s", err->msg);
		return HM_OK;
	}
	v->accepted = true;	/* the only line that says yes */
	return HM_OK;
}
