/*
 * A SLSA verification summary: "this verifier checked these files against this
 * policy, and here is the result", for those who cannot check hardware evidence
 * themselves. It says PASSED only where the verdict does; its worth is that of
 * whoever signs it.
 */
#include "lib/hex.h"
#include "lib/when.h"
#include "verifier/view.h"

#define VSA_PREDICATE "https://slsa.dev/verification_summary/v1"
#define VSA_VERIFIER "https://hallmark.dev/verify"

static struct hm_json *sha256_set(const uint8_t sha256[HM_SHA256_LEN])
{
	struct hm_json *o = hm_json_new_object();
	char hex[2 * HM_SHA256_LEN + 1];

	hm_hex(sha256, HM_SHA256_LEN, hex);
	(void)hm_json_set(o, "sha256", hm_json_new_str(hex));
	return o;
}

static struct hm_json *subjects(const struct hm_artifacts *files)
{
	struct hm_json *a = hm_json_new_array();

	for (size_t i = 0; i < files->count; i++) {
		struct hm_json *o = hm_json_new_object();

		(void)hm_json_set(o, "name",
				  hm_json_new_str(files->items[i].name));
		(void)hm_json_set(o, "digest",
				  sha256_set(files->items[i].sha256));
		(void)hm_json_append(a, o);
	}
	return a;
}

static struct hm_json *verifier(void)
{
	struct hm_json *o = hm_json_new_object();
	struct hm_json *version = hm_json_new_object();

	(void)hm_json_set(version, "hallmark", hm_json_new_str(HM_VERSION));
	(void)hm_json_set(o, "id", hm_json_new_str(VSA_VERIFIER));
	(void)hm_json_set(o, "version", version);
	return o;
}

static struct hm_json *policy(const struct hm_policy *p)
{
	struct hm_json *o = hm_json_new_object();

	(void)hm_json_set(o, "uri", hm_json_new_str(p ? p->name :
						    VSA_VERIFIER "#flags"));
	if (p)
		(void)hm_json_set(o, "digest", sha256_set(p->sha256));
	return o;
}

static int add_input(struct hm_json *list, const struct hm_signed_text *t,
		     struct hm_err *err)
{
	struct hm_json *o;
	uint8_t sha256[HM_SHA256_LEN];
	int rc;

	if (!t->present)
		return HM_OK;
	rc = hm_sha256(hm_buf_slice(&t->json), sha256, err);
	if (rc != HM_OK)
		return rc;
	o = hm_json_new_object();
	(void)hm_json_set(o, "digest", sha256_set(sha256));
	(void)hm_json_append(list, o);
	return HM_OK;
}

/*
 * Hardware evidence of an isolated, measured builder is what SLSA Build L3 asks
 * for and more; under a development root provenance merely exists (L1).
 */
static struct hm_json *levels(const struct hm_verdict *v)
{
	struct hm_json *a = hm_json_new_array();

	(void)hm_json_append(a, hm_json_new_str(
		!v->accepted ? "FAILED" :
		v->hardware ? "SLSA_BUILD_LEVEL_3" : "SLSA_BUILD_LEVEL_1"));
	if (v->accepted && v->hardware)
		(void)hm_json_append(a, hm_json_new_str(HM_ATTRIBUTE));
	return a;
}

static int resource_uri(const struct hm_view *r, struct hm_buf *b,
			struct hm_err *err)
{
	const struct hm_build_facts *f = &r->v->provenance.facts;
	char commit[HM_GIT_HEX_MAX];

	if (!r->v->accepted || f->repository[0] == '\0')
		return hm_buf_addf(b, err, "urn:hallmark:%s", r->in->label);
	hm_git_id_hex(&f->commit, commit);
	return hm_buf_addf(b, err, "git+%s@%s", f->repository, commit);
}

int hm_vsa_write(const struct hm_view *r, struct hm_buf *json,
		 struct hm_err *err)
{
	AUTO_JSON struct hm_json *root = hm_json_new_object();
	struct hm_json *pred = hm_json_new_object();
	struct hm_json *inputs = hm_json_new_array();
	AUTO_BUF struct hm_buf uri;
	char when[HM_WHEN_MAX];
	int rc;

	hm_buf_init(&uri, 8192);
	rc = resource_uri(r, &uri, err);
	if (rc == HM_OK)
		rc = add_input(inputs, &r->in->provenance, err);
	if (rc == HM_OK)
		rc = add_input(inputs, &r->in->evidence, err);
	(void)hm_json_set(pred, "verifier", verifier());
	(void)hm_json_set(pred, "timeVerified",
			  hm_json_new_str(hm_when(r->want->now_ms, when)));
	(void)hm_json_set(pred, "resourceUri",
			  hm_json_new_string(hm_buf_slice(&uri)));
	(void)hm_json_set(pred, "policy", policy(r->want->policy));
	(void)hm_json_set(pred, "inputAttestations", inputs);
	(void)hm_json_set(pred, "verificationResult",
			  hm_json_new_str(r->v->accepted ? "PASSED" : "FAILED"));
	(void)hm_json_set(pred, "verifiedLevels", levels(r->v));
	(void)hm_json_set(pred, "slsaVersion", hm_json_new_str("1.1"));
	(void)hm_json_set(root, "_type",
			  hm_json_new_str("https://in-toto.io/Statement/v1"));
	(void)hm_json_set(root, "subject", subjects(hm_view_files(r)));
	(void)hm_json_set(root, "predicateType", hm_json_new_str(VSA_PREDICATE));
	(void)hm_json_set(root, "predicate", pred);
	if (rc != HM_OK)
		return rc;
	if (hm_view_files(r)->count == 0)
		return hm_fail(err, HM_E_POLICY, 0,
			       "no summary written: no file was hashed");
	return hm_json_write(root, HM_JSON_COMPACT, json, err);
}
