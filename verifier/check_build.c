/*
 * What the provenance statement S says, against the document and the files. S is
 * by now signed by the attested key and bound by the document, so it is what the
 * measured worker wrote; the files are still anybody's.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/archive.h"
#include "lib/hex.h"
#include "lib/log.h"
#include "lib/when.h"
#include "verifier/case.h"

/*
 * Clocks of the worker and of the hypervisor that dates the document, and of
 * whoever verifies: minutes apart when badly kept, never more when kept at all.
 */
#define SKEW_MS (10LL * 60 * 1000)

int hm_check_latch(struct hm_case *c, struct hm_err *err)
{
	const struct hm_build_facts *f = &c->v->provenance.facts;
	const struct hm_nitro_document *doc = &c->v->document;
	struct hm_latch l = {
		.commit = f->commit,
		.network = f->network,
		.runtime = f->runtime,
	};
	char commit[HM_GIT_HEX_MAX];
	uint8_t want[HM_PCR_LEN];
	int rc;

	memcpy(l.tree_sha256, f->tree_sha256, sizeof(l.tree_sha256));
	rc = hm_sha256(f->config_text, l.config_sha256, err);
	if (rc == HM_OK)
		rc = hm_latch_pcr(&l, want, err);
	if (rc != HM_OK)
		return rc;
	if (!doc->has_pcr[HM_LATCH_PCR] ||
	    memcmp(doc->pcr[HM_LATCH_PCR], want, HM_PCR_LEN) != 0)
		return hm_refuse(c, HM_R_BINDING, err,
				 "PCR16 does not hold this commit, build.json, "
				 "network mode and sandbox: the source was not "
				 "fixed before the build ran");
	hm_git_id_hex(&f->commit, commit);
	hm_proved(c, "commit %.12s, %s, network mode and sandbox were locked "
		  "into PCR16 before any of the build ran", commit,
		  HM_ESC(hm_slice_str(f->config_path)));
	return HM_OK;
}

static int refuse_file(struct hm_case *c, struct hm_err *err, const char *name,
		       const char *what)
{
	return hm_refuse(c, HM_R_FILES, err, "%s: %s",
			 HM_ESC(hm_slice_str(name)), what);
}

static int compare_file(struct hm_case *c, const struct hm_artifact *have,
			const struct hm_artifact *built, struct hm_err *err)
{
	if (have->size != built->size)
		return refuse_file(c, err, have->name,
				   "its size is not the one that was built");
	if (memcmp(have->sha256, built->sha256, HM_SHA256_LEN) != 0)
		return refuse_file(c, err, have->name,
				   "its content is not what was built");
	if (have->mode != built->mode)
		return refuse_file(c, err, have->name,
				   "its mode is not the one that was built");
	return HM_OK;
}

/* Both lists are in byte order: every file of one is in the other. */
static int compare_tar(struct hm_case *c, struct hm_err *err)
{
	const struct hm_build_facts *f = &c->v->provenance.facts;
	const struct hm_artifacts *have = &c->in->tar_files;
	const struct hm_artifacts *built = &c->v->provenance.artifacts;
	size_t i = 0, k = 0;

	while (i < have->count || k < built->count) {
		int order = i == have->count ? 1 : k == built->count ? -1 :
			strcmp(have->items[i].name, built->items[k].name);

		if (order < 0)
			return refuse_file(c, err, have->items[i].name,
					   "is in the release and was not "
					   "built");
		if (order > 0)
			return refuse_file(c, err, built->items[k].name,
					   "was built and is missing from the "
					   "release");
		int rc = compare_file(c, &have->items[i], &built->items[k], err);

		if (rc != HM_OK)
			return rc;
		i++;
		k++;
	}
	if (c->in->mtime_s != hm_tar_mtime(f->committer_s))
		return hm_refuse(c, HM_R_FILES, err,
				 "the times in the release are not the commit's");
	return HM_OK;
}

static int by_digest(const void *a, const void *b)
{
	const struct hm_artifact *const *x = a, *const *y = b;

	return memcmp((*x)->sha256, (*y)->sha256, HM_SHA256_LEN);
}

/* Files asked about may have been renamed: a subject is its digest. */
static int find_wanted(struct hm_case *c, struct hm_err *err)
{
	const struct hm_artifacts *built = &c->v->provenance.artifacts;
	const struct hm_artifacts *wanted = &c->in->wanted;
	AUTO_FREE const struct hm_artifact **index = NULL;

	if (wanted->count == 0)
		return HM_OK;
	index = calloc(built->count + 1, sizeof(*index));
	if (!index)
		return hm_fail(err, HM_E_NOMEM, 0, "subjects");
	for (size_t i = 0; i < built->count; i++)
		index[i] = &built->items[i];
	qsort(index, built->count, sizeof(*index), by_digest);
	for (size_t i = 0; i < wanted->count; i++) {
		const struct hm_artifact *w = &wanted->items[i];

		if (!bsearch(&w, index, built->count, sizeof(*index), by_digest))
			return refuse_file(c, err, w->name,
					   "is none of the files that were "
					   "built");
	}
	return HM_OK;
}

int hm_check_files(struct hm_case *c, struct hm_err *err)
{
	const struct hm_artifacts *built = &c->v->provenance.artifacts;
	const struct hm_intake *in = c->in;
	char digest[2 * HM_SHA256_LEN + 1];
	int rc = HM_OK;

	if (!in->has_tar && in->wanted.count == 0)
		return hm_refuse(c, HM_R_FILES, err,
				 "there is no file to check");
	if (in->has_tar)
		rc = compare_tar(c, err);
	if (rc == HM_OK)
		rc = find_wanted(c, err);
	if (rc != HM_OK)
		return rc;
	if (in->wanted.count > 0) {
		hm_hex(in->wanted.items[0].sha256, HM_SHA256_LEN, digest);
		hm_proved(c, "%zu of %zu built files looked at, each byte for "
			  "byte what the enclave measured; first sha256 %.16s",
			  in->wanted.count, built->count, digest);
		return HM_OK;
	}
	hm_hex(c->v->artifacts_sha256, HM_SHA256_LEN, digest);
	hm_proved(c, "all %zu, with names and modes, are byte for byte what the "
		  "enclave measured; A = %.16s", built->count, digest);
	return HM_OK;
}

int hm_check_nonce(struct hm_case *c, struct hm_err *err)
{
	const struct hm_nitro_optional *n = &c->v->document.nonce;

	if (!c->want->has_nonce) {
		hm_not_asked(c, "none was demanded");
		return HM_OK;
	}
	if (!n->present || !hm_slice_eq(n->bytes, c->want->nonce))
		return hm_refuse(c, HM_R_NONCE, err,
				 "the document does not carry the nonce that "
				 "you demand");
	hm_proved(c, "the document was made for this nonce");
	return HM_OK;
}

/* That it did not end before it started, S's own reader has seen to. */
int hm_check_time(struct hm_case *c, struct hm_err *err)
{
	const struct hm_build_facts *f = &c->v->provenance.facts;
	const struct hm_policy *p = c->want->policy;
	int64_t at_ms = (int64_t)c->v->document.timestamp_ms;
	int64_t seconds = (f->finished_ms - f->started_ms) / 1000;
	char when[HM_WHEN_MAX];

	if (at_ms < f->finished_ms - SKEW_MS || at_ms > f->finished_ms + SKEW_MS)
		return hm_refuse(c, HM_R_TIME, err,
				 "the document was not made at the end of the "
				 "build");
	if (at_ms > c->want->now_ms + SKEW_MS)
		return hm_refuse(c, HM_R_TIME, err,
				 "the document is from the future: %s",
				 hm_when(at_ms, when));
	if (p && p->max_age_ms > 0 && at_ms < c->want->now_ms - p->max_age_ms)
		return hm_refuse(c, HM_R_TIME, err,
				 "the build of %s is older than the policy "
				 "allows", hm_when_day(at_ms, when));
	hm_proved(c, "built in %lld s, attested at its end, on %s",
		  (long long)seconds, hm_when_day(at_ms, when));
	return HM_OK;
}
