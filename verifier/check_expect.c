/*
 * What the user demanded, by flag and by policy: where the source is from and in
 * what environment it may have been built. Facts come from S; both lists of
 * demands must hold, so that a flag never widens a policy.
 */
#include <stdio.h>

#include "lib/log.h"
#include "lib/when.h"
#include "verifier/case.h"

bool hm_expect_names_source(const struct hm_expect *want)
{
	return want->any_source || want->repositories.count > 0 ||
	       want->has_commit || want->ref ||
	       (want->policy && want->policy->repository_count > 0);
}

static int refuse_source(struct hm_case *c, struct hm_err *err, const char *what,
			 const char *is, const char *wanted)
{
	return hm_refuse(c, HM_R_SOURCE, err, "built from %s %s, not from %s",
			 what, is[0] != '\0' ? HM_ESC(hm_slice_str(is)) :
			 "(none named)", HM_ESC(hm_slice_str(wanted)));
}

/*
 * A commit may hold many files that parse as a build file (a fixture, a vendored
 * project), and the host says which one the worker reads. Only the usual one may
 * go without saying.
 */
static int check_config_path(struct hm_case *c, struct hm_err *err)
{
	const char *want = c->want->config_path, *is =
		c->v->provenance.facts.config_path;

	if (c->want->any_source)
		return HM_OK;
	if (!want)
		want = "build.json";
	return strcmp(want, is) == 0 ? HM_OK :
	       refuse_source(c, err, "build file", is, want);
}

static int check_flags(struct hm_case *c, const char *repository,
		       struct hm_err *err)
{
	const struct hm_expect *want = c->want;
	const struct hm_build_facts *f = &c->v->provenance.facts;
	char is[HM_GIT_HEX_MAX], wanted[HM_GIT_HEX_MAX];

	if (want->repositories.count > 0 &&
	    !hm_strings_match(&want->repositories, repository))
		return refuse_source(c, err, "repository", repository,
				     want->repositories.items[0]);
	if (want->has_commit && !hm_git_id_equal(&want->commit, &f->commit)) {
		hm_git_id_hex(&f->commit, is);
		hm_git_id_hex(&want->commit, wanted);
		return refuse_source(c, err, "commit", is, wanted);
	}
	if (want->ref && strcmp(want->ref, f->ref) != 0)
		return refuse_source(c, err, "ref", f->ref, want->ref);
	return check_config_path(c, err);
}

static int check_policy_source(struct hm_case *c, const char *repository,
			       struct hm_err *err)
{
	const struct hm_build_facts *f = &c->v->provenance.facts;
	const struct hm_policy *p = c->want->policy;
	bool known = false;

	if (!p || p->repository_count == 0)
		return HM_OK;
	for (size_t i = 0; i < p->repository_count; i++) {
		const struct hm_policy_repository *r = &p->repositories[i];

		if (!hm_pattern_match(r->url, repository))
			continue;
		if (r->refs.count == 0 || hm_strings_match(&r->refs, f->ref))
			return HM_OK;
		known = true;
	}
	return known ? refuse_source(c, err, "ref", f->ref,
				     "one that the policy allows") :
	       refuse_source(c, err, "repository", repository,
			     "one that the policy allows");
}

int hm_check_source(struct hm_case *c, struct hm_err *err)
{
	const struct hm_build_facts *f = &c->v->provenance.facts;
	char repository[HM_REPOSITORY_MAX] = "", commit[HM_GIT_HEX_MAX];
	int rc = HM_OK;

	/* Callers refuse this as a usage error; it must not pass here either. */
	if (!hm_expect_names_source(c->want))
		return hm_refuse(c, HM_R_SOURCE, err,
				 "nothing was demanded about the source");
	if (f->repository[0] != '\0')
		rc = hm_repository_normal(f->repository, repository, err);
	if (rc != HM_OK)
		return hm_refuse(c, HM_R_SOURCE, err,
				 "the repository's name is none: %s",
				 HM_ESC(hm_slice_str(f->repository)));
	rc = check_flags(c, repository, err);
	if (rc == HM_OK)
		rc = check_policy_source(c, repository, err);
	if (rc != HM_OK)
		return rc;
	hm_git_id_hex(&f->commit, commit);
	hm_proved(c, "%s%s%s at commit %s%s",
		  repository[0] != '\0' ? HM_ESC(hm_slice_str(repository)) :
		  "a repository without a name",
		  f->ref[0] != '\0' ? ", " : "", HM_ESC(hm_slice_str(f->ref)),
		  commit, c->want->any_source ? " (any source was accepted)"
		  : "");
	return HM_OK;
}

static int refuse_environment(struct hm_case *c, struct hm_err *err,
			      const char *what, const char *is)
{
	return hm_refuse(c, HM_R_ENVIRONMENT, err, "%s %s is not an allowed one",
			 what, HM_ESC(hm_slice_str(is)));
}

/*
 * builder.id is derived from what vouches: a document of a development root may
 * not call itself Nitro's, and the other way round.
 */
static int check_builder(struct hm_case *c, struct hm_err *err)
{
	const struct hm_verdict *v = c->v;
	const struct hm_build_facts *f = &v->provenance.facts;
	const char *id = v->provenance.builder_id;
	const char *attester = v->hardware ? "nsm" : "dev";
	char wanted[256];

	snprintf(wanted, sizeof(wanted), HM_BUILDER_ID_PREFIX "%s-%s/v1",
		 f->backend, attester);
	if (strcmp(f->attester, attester) != 0 || strcmp(id, wanted) != 0 ||
	    (v->hardware && strcmp(f->backend, "nitro") != 0))
		return hm_refuse(c, HM_R_BINDING, err,
				 "builder %s is not what this root vouches for",
				 HM_ESC(hm_slice_str(id)));
	if (c->want->builder_id && strcmp(c->want->builder_id, id) != 0)
		return refuse_environment(c, err, "builder", id);
	if (c->want->policy && c->want->policy->builders.count > 0 &&
	    !hm_strings_match(&c->want->policy->builders, id))
		return refuse_environment(c, err, "builder", id);
	return HM_OK;
}

/* "rust" or "rust@1.85" or "rust@1.*" */
static bool image_named(const struct hm_strings *names, const char *name,
			const char *full)
{
	return hm_strings_match(names, full) || hm_strings_match(names, name);
}

static int check_image_name(struct hm_case *c, struct hm_err *err)
{
	const struct hm_build_facts *f = &c->v->provenance.facts;
	const struct hm_image *im = c->v->image;
	const struct hm_policy *p = c->want->policy;
	char full[520];

	snprintf(full, sizeof(full), "%s@%s", f->image_name, f->image_version);
	if (im && (strcmp(im->name, f->image_name) != 0 ||
		   strcmp(im->version, f->image_version) != 0))
		return hm_refuse(c, HM_R_BINDING, err,
				 "the statement names image %s, its PCRs are "
				 "those of %s@%s", HM_ESC(hm_slice_str(full)),
				 im->name, im->version);
	if (im && (im->has_layer != f->has_layer ||
		   (im->has_layer && memcmp(im->layer_sha256, f->layer_sha256,
					    HM_SHA256_LEN) != 0)))
		return hm_refuse(c, HM_R_UNKNOWN_IMAGE, err,
				 "image %s ran with a toolchain layer that its "
				 "endorsers do not name",
				 HM_ESC(hm_slice_str(full)));
	if ((c->want->images.count > 0 &&
	     !image_named(&c->want->images, f->image_name, full)) ||
	    (p && p->images.count > 0 &&
	     !image_named(&p->images, f->image_name, full)))
		return hm_refuse(c, HM_R_UNKNOWN_IMAGE, err,
				 "image %s is not one of those demanded",
				 HM_ESC(hm_slice_str(full)));
	return HM_OK;
}

static bool listed(const struct hm_strings *s, const char *text)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->items[i], text) == 0)
			return true;
	return s->count == 0;	/* an absent list asks nothing */
}

static const char *network_words(const struct hm_build_facts *f)
{
	if (strcmp(f->network, "none") == 0)
		return "no network";
	if (!f->network_recorded)
		return "network open and not recorded";
	return f->network_complete ? "every download recorded" :
	       "network recorded, the record is not complete";
}

int hm_check_environment(struct hm_case *c, struct hm_err *err)
{
	const struct hm_build_facts *f = &c->v->provenance.facts;
	const struct hm_policy *p = c->want->policy;
	bool open = strcmp(f->network, "none") != 0;
	int rc = check_builder(c, err);

	if (rc == HM_OK)
		rc = check_image_name(c, err);
	if (rc != HM_OK)
		return rc;
	if (p && !listed(&p->sandboxes, f->runtime))
		return refuse_environment(c, err, "sandbox", f->runtime);
	if (p && !listed(&p->networks, f->network))
		return refuse_environment(c, err, "network mode", f->network);
	if (p && p->network_complete && open &&
	    (!f->network_recorded || !f->network_complete))
		return hm_refuse(c, HM_R_ENVIRONMENT, err,
				 "the policy wants every download recorded; "
				 "this build had %s", network_words(f));
	hm_proved(c, "%s back end, image %s%s%s, sandbox %s, %s",
		  HM_ESC(hm_slice_str(f->backend)),
		  HM_ESC(hm_slice_str(f->image_name)),
		  f->image_version[0] != '\0' ? "@" : "",
		  HM_ESC(hm_slice_str(f->image_version)),
		  HM_ESC(hm_slice_str(f->runtime)), network_words(f));
	return HM_OK;
}

int hm_check_votes(struct hm_case *c, struct hm_err *err)
{
	const struct hm_policy *p = c->want->policy;

	if (!p || p->challenger_threshold == 0) {
		hm_not_asked(c, "no votes were demanded");
		return HM_OK;
	}
	/* A vote that cannot be counted is not a yes. */
	return hm_refuse(c, HM_R_VOTES, err,
			 "the policy wants %zu of %zu challengers to confirm "
			 "the build, and this version counts no votes",
			 p->challenger_threshold, p->challenger_of);
}

int hm_check_policy(struct hm_case *c, struct hm_err *err)
{
	const struct hm_policy *p = c->want->policy;
	char when[HM_WHEN_MAX];

	if (!p) {
		hm_not_asked(c, "none was given; the flags are the policy");
		return HM_OK;
	}
	if (p->expires_ms > 0 && c->want->now_ms > p->expires_ms)
		return hm_refuse(c, HM_R_POLICY_EXPIRED, err,
				 "the policy expired on %s",
				 hm_when_day(p->expires_ms, when));
	hm_proved(c, "\"%s\" holds%s%s", HM_ESC(hm_slice_str(p->name)),
		  p->expires_ms > 0 ? " until " : "",
		  p->expires_ms > 0 ? hm_when_day(p->expires_ms, when) : "");
	return HM_OK;
}
