/*
 * The verdict for people: what was demanded, what each check proved, one plain
 * sentence, and PASSED or FAILED as the last word. Names, refs and messages are
 * the builder's or the attacker's; every one goes through the escaper before it
 * reaches a terminal.
 */
#include <stdio.h>

#include "lib/hex.h"
#include "lib/log.h"
#include "lib/when.h"
#include "verifier/view.h"

const struct hm_artifacts *hm_view_files(const struct hm_view *r)
{
	return r->in->wanted.count > 0 ? &r->in->wanted : &r->in->tar_files;
}

bool hm_view_no_hardware(const struct hm_view *r)
{
	return r->v->checks[HM_CHECK_CHAIN].status == HM_CHECK_PASSED &&
	       !r->v->hardware;
}

const char *hm_pcr_name(size_t index)
{
	switch (index) {
	case 0:
		return "enclave image";
	case 1:
		return "kernel and boot";
	case 2:
		return "application";
	case 3:
		return "IAM role";
	case 4:
		return "parent instance";
	case 8:
		return "image signer";
	case HM_LATCH_PCR:
		return "source latch";
	default:
		return "";
	}
}

static int add_name(struct hm_buf *b, const char *name, struct hm_err *err)
{
	int rc = hm_buf_add_str(b, "`", err);

	if (rc == HM_OK)
		rc = hm_escape_add(b, hm_slice_str(name), err);
	return rc == HM_OK ? hm_buf_add_str(b, "`", err) : rc;
}

/* "`a`", "`a` and `b`", "`a`, `b` and 3 more" */
static int add_names(struct hm_buf *b, const struct hm_artifacts *a,
		     struct hm_err *err)
{
	int rc = add_name(b, a->items[0].name, err);

	if (rc == HM_OK && a->count > 1)
		rc = hm_buf_add_str(b, a->count == 2 ? " and " : ", ", err);
	if (rc == HM_OK && a->count > 1)
		rc = add_name(b, a->items[1].name, err);
	if (rc == HM_OK && a->count > 2)
		rc = hm_buf_addf(b, err, " and %zu more", a->count - 2);
	return rc;
}

static const char *network_clause(const struct hm_build_facts *f)
{
	if (strcmp(f->network, "none") == 0)
		return "it had no network";
	if (!f->network_recorded)
		return "its network was not recorded";
	return f->network_complete ? "every download is recorded" :
	       "its network is recorded, though not completely";
}

static int add_builder(struct hm_buf *b, const struct hm_view *r,
		       struct hm_err *err)
{
	const struct hm_build_facts *f = &r->v->provenance.facts;
	const char *version = f->image_version;

	if (!r->v->hardware && strcmp(f->backend, "local") == 0)
		return hm_buf_add_str(b, "by a local build, for which no "
				      "hardware vouches", err);
	return hm_buf_addf(b, err, "by image %s%s%s %s",
			   HM_ESC(hm_slice_str(f->image_name)),
			   version[0] != '\0' ? "@" : "",
			   HM_ESC(hm_slice_str(version)),
			   r->v->hardware ? "inside AWS Nitro" :
			   "under a development root, for which no hardware "
			   "vouches");
}

int hm_view_sentence(const struct hm_view *r, struct hm_buf *b,
		       struct hm_err *err)
{
	const struct hm_build_facts *f = &r->v->provenance.facts;
	const struct hm_artifacts *files = hm_view_files(r);
	const char *repository = f->repository;
	char commit[HM_GIT_HEX_MAX], when[HM_WHEN_MAX];
	int rc;

	if (!r->v->accepted || files->count == 0)
		return HM_OK;
	if (strncmp(repository, "https://", 8) == 0)
		repository += 8;
	hm_git_id_hex(&f->commit, commit);
	rc = add_names(b, files, err);
	if (rc == HM_OK)
		rc = hm_buf_addf(b, err, " %s built from ",
				 files->count == 1 ? "was" : "were");
	if (rc == HM_OK && repository[0] == '\0')
		rc = hm_buf_add_str(b, "a repository without a name", err);
	if (rc == HM_OK)
		rc = hm_escape_add(b, hm_slice_str(repository), err);
	if (rc == HM_OK)
		rc = hm_buf_addf(b, err, " at %.12s on %s ", commit,
				 hm_when_day((int64_t)r->v->document.timestamp_ms,
					     when));
	if (rc == HM_OK)
		rc = add_builder(b, r, err);
	if (rc == HM_OK)
		rc = hm_buf_addf(b, err, "; %s%s%s.", network_clause(f),
				 r->v->logged ? "; logged in " : "",
				 r->v->log_name);
	return rc;
}

/* --- criteria --- */

static int line(struct hm_buf *b, const char *title, const char *text,
		struct hm_err *err)
{
	return hm_buf_addf(b, err, "  %-13s %s\n", title, text);
}

static const char *roots_text(const struct hm_expect *want, char *out,
			      size_t size)
{
	const struct hm_policy *p = want->policy;
	const struct hm_root *roots = want->roots;
	size_t count = want->root_count;
	char hex[2 * HM_SHA256_LEN + 1];

	if (count == 0 && p) {
		roots = p->roots;
		count = p->root_count;
	}
	if (count == 0 ||
	    memcmp(roots[0].sha256, hm_nitro_root_g1, HM_SHA256_LEN) == 0) {
		snprintf(out, size, "AWS Nitro Enclaves Root G1%s",
			 count > 1 ? ", or another one named" : "");
		return out;
	}
	hm_hex(roots[0].sha256, HM_SHA256_LEN, hex);
	snprintf(out, size, "%s root %.16s%s",
		 roots[0].kind == HM_ROOT_NITRO ? "hardware" : "development",
		 hex, count > 1 ? ", or another one named" : "");
	return out;
}

static const char *image_text(const struct hm_expect *want, char *out,
			      size_t size)
{
	if (want->index)
		snprintf(out, size, "one that index %llu lists as good",
			 (unsigned long long)want->index->serial);
	else if (want->pin.has[0] || want->pin.has[1] || want->pin.has[2] ||
		 (want->policy && want->policy->pin_count > 0))
		snprintf(out, size, "the one with the pinned PCRs");
	else
		snprintf(out, size, "none is named");
	if (want->images.count > 0) {
		size_t n = strlen(out);

		snprintf(out + n, size - n, ", called %s",
			 HM_ESC(hm_slice_str(want->images.items[0])));
	}
	return out;
}

static int add_source_criteria(struct hm_buf *b, const struct hm_expect *want,
			       struct hm_err *err)
{
	bool by_policy = want->policy && want->policy->repository_count > 0;
	char commit[HM_GIT_HEX_MAX];
	int rc = HM_OK;

	for (size_t i = 0; rc == HM_OK && i < want->repositories.count; i++)
		rc = line(b, i == 0 ? "repository" : "or",
			  HM_ESC(hm_slice_str(want->repositories.items[i])),
			  err);
	if (rc == HM_OK && want->repositories.count == 0)
		rc = line(b, "repository", by_policy ? "one that the policy "
			  "names" : "any", err);
	if (rc == HM_OK && want->has_commit) {
		hm_git_id_hex(&want->commit, commit);
		rc = line(b, "commit", commit, err);
	}
	if (rc == HM_OK && want->ref)
		rc = line(b, "ref", HM_ESC(hm_slice_str(want->ref)), err);
	return rc;
}

static int add_criteria(struct hm_buf *b, const struct hm_view *r,
			struct hm_err *err)
{
	const struct hm_expect *want = r->want;
	char text[256];
	int rc = hm_buf_addf(b, err, "Verifying %s. Demanded:\n", r->in->label);

	if (rc == HM_OK)
		rc = add_source_criteria(b, want, err);
	if (rc == HM_OK)
		rc = line(b, "trust root", roots_text(want, text, sizeof(text)),
			  err);
	if (rc == HM_OK)
		rc = line(b, "image", image_text(want, text, sizeof(text)), err);
	if (rc == HM_OK && want->builder_id)
		rc = line(b, "builder", HM_ESC(hm_slice_str(want->builder_id)),
			  err);
	if (rc == HM_OK && want->has_nonce)
		rc = line(b, "nonce", "the one given", err);
	if (rc == HM_OK && want->require_log)
		rc = line(b, "log", "an entry in a log that was named", err);
	if (rc == HM_OK && want->policy)
		rc = line(b, "policy", HM_ESC(hm_slice_str(want->policy->name)),
			  err);
	return rc == HM_OK ? hm_buf_add_str(b, "\n", err) : rc;
}

static const char *mark(enum hm_check_status s)
{
	switch (s) {
	case HM_CHECK_PASSED:
		return "ok";
	case HM_CHECK_FAILED:
		return "FAIL";
	case HM_CHECK_SKIPPED:
		return "--";
	case HM_CHECK_NOT_REACHED:
		break;
	}
	return "";
}

static int add_checks(struct hm_buf *b, const struct hm_verdict *v,
		      struct hm_err *err)
{
	int rc = HM_OK;

	for (size_t i = 0; rc == HM_OK && i < _HM_CHECK_COUNT; i++) {
		const struct hm_check *k = &v->checks[i];

		if (k->status == HM_CHECK_NOT_REACHED)
			break;
		rc = hm_buf_addf(b, err, "  %-4s %-14s %s\n", mark(k->status),
				 hm_check_title((enum hm_check_id)i), k->text);
	}
	return rc == HM_OK ? hm_buf_add_str(b, "\n", err) : rc;
}

int hm_view_text(const struct hm_view *r, struct hm_buf *b,
		   struct hm_err *err)
{
	int rc = HM_OK;

	if (hm_view_no_hardware(r))
		rc = hm_buf_add_str(b, "NO HARDWARE VOUCHES FOR THIS BUILD: it is "
				    "signed under a development root.\n", err);
	if (rc == HM_OK)
		rc = add_criteria(b, r, err);
	if (rc == HM_OK)
		rc = add_checks(b, r->v, err);
	if (rc == HM_OK)
		rc = hm_view_sentence(r, b, err);
	if (rc != HM_OK)
		return rc;
	if (r->v->accepted)
		return hm_buf_add_str(b, "\nPASSED\n", err);
	return hm_buf_addf(b, err, "FAILED: %s\n", r->v->message);
}
