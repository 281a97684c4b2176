/*
 * Takes the evidence out of a release tar and out of bundle files. Everything
 * read here is untrusted and stays so: files are hashed and forgotten, evidence
 * is kept as bytes under a limit, and what is malformed is noted for the
 * verdict. The tar reader accepts only what our writer makes, so there is no
 * second opinion about what a tar contains.
 */
#include "verifier/evidence.h"

#include <stdio.h>

#include "lib/hex.h"
#include "lib/log.h"
#include "lib/path.h"
#include "lib/tar_read.h"

void hm_intake_init(struct hm_intake *in)
{
	memset(in, 0, sizeof(*in));
	hm_buf_init(&in->provenance.json, HM_INTAKE_BUNDLE_MAX);
	hm_buf_init(&in->evidence.json, HM_INTAKE_BUNDLE_MAX);
	hm_buf_init(&in->document, HM_NITRO_DOCUMENT_MAX);
}

void hm_intake_release(struct hm_intake *in)
{
	hm_artifacts_release(&in->tar_files);
	hm_artifacts_release(&in->wanted);
	hm_buf_release(&in->provenance.json);
	hm_buf_release(&in->evidence.json);
	hm_buf_release(&in->document);
	hm_intake_init(in);
}

/*
 * What is wrong with bytes is the verdict's business: HM_OK. What is wrong with
 * this machine is the caller's: rc.
 */
static int note_problem(struct hm_intake *in, const char *about, int rc,
			const struct hm_err *err)
{
	if (rc != HM_E_FORMAT && rc != HM_E_POLICY && rc != HM_E_TOO_LARGE &&
	    rc != HM_E_CRYPTO && rc != HM_E_CLOSED)
		return rc;
	if (!in->malformed) {
		in->malformed = true;
		in->problem = *err;
		snprintf(in->problem_about, sizeof(in->problem_about), "%s",
			 about);
	}
	return HM_OK;
}

/* --- the release tar --- */

struct tar_pass {
	struct hm_intake *in;
	struct hm_digest *digest;
	struct hm_buf *keep;		/* where this entry's bytes go, or NULL */
	struct hm_side_file *side;	/* whose digest this is, or NULL */
	char name[HM_PATH_MAX + 1];
	unsigned int mode;
	uint64_t size;
};

static int attestation_entry(struct tar_pass *t, struct hm_err *err)
{
	struct hm_intake *in = t->in;

	if (strcmp(t->name, HM_TAR_PROVENANCE) == 0) {
		in->provenance.present = true;
		t->keep = &in->provenance.json;
	} else if (strcmp(t->name, HM_TAR_EVIDENCE) == 0) {
		in->evidence.present = true;
		t->keep = &in->evidence.json;
	} else if (strcmp(t->name, HM_TAR_DOCUMENT) == 0) {
		in->has_document = true;
		t->keep = &in->document;
	} else if (strcmp(t->name, HM_TAR_NETWORK) == 0) {
		t->side = &in->network;
	} else if (strcmp(t->name, HM_TAR_LOG) == 0) {
		t->side = &in->build_log;
	} else {
		return hm_fail(err, HM_E_POLICY, 0,
			       "%s has no place in a release",
			       HM_ESC(hm_slice_str(t->name)));
	}
	if ((t->keep && t->keep->len > 0) || (t->side && t->side->present))
		return hm_fail(err, HM_E_POLICY, 0,
			       "%s was given twice; give the evidence of one "
			       "build, once", t->name);
	if (t->mode != 0644)
		return hm_fail(err, HM_E_POLICY, 0, "%s has mode %o, not 644",
			       t->name, t->mode);
	return HM_OK;
}

static int on_entry(void *ctx, const struct hm_tar_entry *e, struct hm_err *err)
{
	static const char dir[] = HM_TAR_DIR;
	struct tar_pass *t = ctx;

	HM_BUG_ON(e->name.len >= sizeof(t->name));
	memcpy(t->name, e->name.ptr, e->name.len);
	t->name[e->name.len] = '\0';
	t->mode = e->mode;
	t->size = e->size;
	t->keep = NULL;
	t->side = NULL;
	t->in->mtime_s = e->mtime_s;	/* the reader holds them all equal */
	if (strncmp(t->name, dir, sizeof(dir) - 1) == 0)
		return attestation_entry(t, err);
	return HM_OK;
}

static int on_data(void *ctx, const void *p, size_t len, struct hm_err *err)
{
	struct tar_pass *t = ctx;

	if (t->keep)
		return hm_buf_add(t->keep, p, len, err);
	return hm_digest_update(t->digest, p, len, err);
}

static int on_end(void *ctx, struct hm_err *err)
{
	struct tar_pass *t = ctx;
	uint8_t sha256[HM_SHA256_LEN];
	int rc;

	if (t->keep)
		return HM_OK;
	rc = hm_digest_final(t->digest, sha256, err);
	if (rc != HM_OK)
		return rc;
	if (t->side) {
		t->side->present = true;
		t->side->size = t->size;
		memcpy(t->side->sha256, sha256, sizeof(sha256));
		return HM_OK;
	}
	return hm_artifacts_add(&t->in->tar_files, hm_slice_str(t->name),
				t->mode, t->size, sha256, err);
}

int hm_intake_tar(int fd, struct hm_intake *in, struct hm_err *err)
{
	static const struct hm_tar_events events = {
		.entry = on_entry, .data = on_data, .end = on_end,
	};
	AUTO_DIGEST struct hm_digest *digest = NULL;
	struct tar_pass t = { .in = in };
	int rc = hm_digest_new(HM_SHA256, &digest, err);

	if (rc != HM_OK)
		return rc;
	t.digest = digest;
	in->has_tar = true;
	rc = hm_tar_read(fd, &events, &t, err);
	return rc == HM_OK ? rc : note_problem(in, "", rc, err);
}

/* --- bundles, envelopes, and files with a line of either each --- */

/* Which statement a bundle or envelope carries, without believing it. */
static int statement_kind(struct hm_slice json, bool *ret_bare,
			  const char **ret_kind, struct hm_err *err)
{
	AUTO_JSON struct hm_json *root = NULL;
	AUTO_JSON struct hm_json *statement = NULL;
	AUTO_BUF struct hm_buf payload;
	const struct hm_json *envelope;
	const char *text, *type;
	int rc;

	hm_buf_init(&payload, HM_STATEMENT_MAX);
	rc = hm_json_parse(json, HM_INTAKE_BUNDLE_MAX, &root, err);
	if (rc != HM_OK)
		return rc;
	envelope = hm_json_get(root, "dsseEnvelope");
	*ret_bare = !envelope;
	text = hm_json_get_string(envelope ? envelope : root, "payload");
	if (!text)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "neither a Sigstore bundle with a DSSE envelope "
			       "nor an envelope");
	rc = hm_base64_decode_any(&payload, hm_slice_str(text), err);
	if (rc == HM_OK)
		rc = hm_json_parse(hm_buf_slice(&payload), HM_STATEMENT_MAX,
				   &statement, err);
	if (rc != HM_OK)
		return rc;
	type = hm_json_get_string(statement, "predicateType");
	*ret_kind = !type ? NULL :
		    strcmp(type, HM_PREDICATE_SLSA) == 0 ? HM_PREDICATE_SLSA :
		    strcmp(type, HM_PREDICATE_SCAI) == 0 ? HM_PREDICATE_SCAI :
		    NULL;
	return HM_OK;
}

static int take_one(struct hm_slice json, struct hm_intake *in,
		    struct hm_err *err)
{
	struct hm_signed_text *t;
	const char *kind = NULL;
	bool bare = false;
	int rc = statement_kind(json, &bare, &kind, err);

	if (rc != HM_OK)
		return rc;
	if (!kind)	/* somebody else's statement about these files */
		return HM_OK;
	t = strcmp(kind, HM_PREDICATE_SLSA) == 0 ? &in->provenance :
						   &in->evidence;
	if (t->present && hm_slice_eq(hm_buf_slice(&t->json), json))
		return HM_OK;
	/* Which of two to believe would be a guess. */
	if (t->present)
		return hm_fail(err, HM_E_POLICY, 0, "there are two different %s "
			       "statements; give the bundles of one build",
			       t == &in->evidence ? "evidence" : "provenance");
	rc = hm_buf_add_slice(&t->json, json, err);
	if (rc == HM_OK) {
		t->present = true;
		t->bare = bare;
	}
	return rc;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct hm_slice trim(struct hm_slice s)
{
	while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
		s.len--;
	while (s.len > 0 && is_blank(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	return s;
}

static int take_lines(struct hm_slice text, struct hm_intake *in,
		      struct hm_err *err)
{
	while (text.len > 0) {
		const uint8_t *end = memchr(text.ptr, '\n', text.len);
		size_t n = end ? (size_t)(end - text.ptr) : text.len;
		struct hm_slice line = trim(hm_slice(text.ptr, n));
		int rc = line.len == 0 ? HM_OK : take_one(line, in, err);

		if (rc != HM_OK)
			return rc;
		n += end ? 1 : 0;
		text = hm_slice(text.ptr + n, text.len - n);
	}
	return HM_OK;
}

int hm_intake_bundle(struct hm_slice text, struct hm_intake *in,
		     struct hm_err *err)
{
	struct hm_slice all = trim(text), first = all;
	const uint8_t *end = all.len > 0 ? memchr(all.ptr, '\n', all.len) : NULL;
	int rc;

	if (end)
		first = trim(hm_slice(all.ptr, (size_t)(end - all.ptr)));
	/* One object over many lines does not close on its first. */
	if (end && first.len > 1 && first.ptr[first.len - 1] == '}')
		rc = take_lines(all, in, err);
	else
		rc = take_one(all, in, err);
	return rc == HM_OK ? rc : note_problem(in, "", rc, err);
}
