/*
 * Every refusal of `hallmark verify`, reached by bending one thing of a good
 * release or one demand, with its reason and its words; and what must pass.
 */
#include "test/unit/bends.h"
#include "test/unit/tap.h"
#include "lib/path.h"
#include "verifier/view.h"

struct world {	/* what demands may point at */
	struct hm_policy policy;
	struct hm_image_index index;
	char index_text[4096];
	struct hm_strings s;
};

static void demand_default(struct hm_expect *w, const struct rk *k)
{
	memset(w, 0, sizeof(*w));
	w->now_ms = RK_NOW + 60000;
	rk_root_sha256(k, w->roots[0].sha256);
	w->roots[0].kind = HM_ROOT_NITRO;
	w->root_count = 1;
	w->repositories.items[0] = "https://github.com/o/r";
	w->repositories.count = 1;
	for (size_t i = 0; i < HM_IMAGE_PCRS; i++) {
		w->pin.has[i] = true;
		rk_fill(w->pin.pcr[i], HM_PCR_LEN, (uint8_t)(0x80 + 16 * i));
	}
}

/* --- demands --- */

static struct world world;

static void unpin(struct hm_expect *w)
{
	memset(&w->pin, 0, sizeof(w->pin));
}

static void use_policy(struct hm_expect *w, const char *members)
{
	char text[4096];

	hm_policy_release(&world.policy);
	snprintf(text, sizeof(text), "{\"version\":1,\"name\":\"test\"%s%s}",
		 members[0] ? "," : "", members);
	RK_MUST(hm_policy_parse(hm_slice_str(text), &world.policy, err));
	w->policy = &world.policy;
}

/* An index with the kit's image; `extra` is put into its only entry. */
static void use_index(struct hm_expect *w, const char *name, const char *status,
		      const char *until, const char *extra)
{
	char pcr[3][2 * HM_PCR_LEN + 1];
	uint8_t bytes[HM_PCR_LEN];

	for (size_t i = 0; i < 3; i++) {
		rk_fill(bytes, HM_PCR_LEN, (uint8_t)(0x80 + 16 * i));
		hm_hex(bytes, HM_PCR_LEN, pcr[i]);
	}
	snprintf(world.index_text, sizeof(world.index_text),
		 "{\"version\":1,\"name\":\"i\",\"serial\":7,"
		 "\"created\":\"2026-01-01T00:00:00Z\","
		 "\"expires\":\"2026-12-01T00:00:00Z\",\"images\":[{"
		 "\"name\":\"%s\",\"version\":\"14\",\"language\":\"c\","
		 "\"arch\":\"x86_64\",\"eif\":{\"sha256\":\"%064d\",\"size\":1},"
		 "\"pcr0\":\"%s\",\"pcr1\":\"%s\",\"pcr2\":\"%s\","
		 "\"not_before\":\"2026-01-01T00:00:00Z\",\"not_after\":\"%s\","
		 "\"status\":%s%s}]}", name, 0, pcr[0], pcr[1], pcr[2], until,
		 status, extra);
	hm_image_index_release(&world.index);
	RK_MUST(hm_image_index_parse(hm_slice_str(world.index_text),
				     &world.index, err));
	world.index.endorsed_by = 2;
	w->index = &world.index;
	unpin(w);
}

#define ACTIVE "\"active\""
#define YEAR_END "2026-12-31T00:00:00Z"

static void want_index(struct hm_expect *w)
{
	use_index(w, "c", ACTIVE, YEAR_END, "");
}

static void want_index_and_pin(struct hm_expect *w)
{
	struct hm_pin pin = w->pin;

	use_index(w, "c", ACTIVE, YEAR_END, "");
	w->pin = pin;
}

static void want_layer(struct hm_expect *w)
{
	use_index(w, "c", ACTIVE, YEAR_END, ",\"layer\":{\"sha256\":\"4444444444"
		  "444444444444444444444444444444444444444444444444444444\","
		  "\"size\":9}");
}

static void want_index_other(struct hm_expect *w)
{
	use_index(w, "c", ACTIVE, YEAR_END, "");
	world.index.images[0].pcr[1][0] ^= 1;
}

static void want_index_revoked(struct hm_expect *w)
{
	use_index(w, "c", "\"revoked\",\"reason\":\"CVE-2026-1 in its kernel\"",
		  YEAR_END, "");
}

static void want_index_ended(struct hm_expect *w)
{
	use_index(w, "c", ACTIVE, "2026-05-01T00:00:00Z", "");
}

static void want_index_later(struct hm_expect *w)
{
	use_index(w, "c", ACTIVE, YEAR_END, "");
	world.index.images[0].not_before_ms = RK_NOW + 1;
}

static void want_index_expired(struct hm_expect *w)
{
	want_index(w);
	w->now_ms = RK_NOW + 300LL * 86400000;
}

static void want_index_renamed(struct hm_expect *w)
{
	use_index(w, "rust", ACTIVE, YEAR_END, "");
}

static void want_index_reversioned(struct hm_expect *w)
{
	use_index(w, "c", ACTIVE, YEAR_END, "");
	world.index.images[0].version = "15";
}

static void want_index_failed(struct hm_expect *w)
{
	unpin(w);
	w->index_failed = true;
	snprintf(w->index_problem.msg, sizeof(w->index_problem.msg),
		 "image index: signed by 0");
}

static void want_image(struct hm_expect *w)
{
	want_index(w);
	w->images.items[0] = "c@1*";
	w->images.count = 1;
}

static void want_image_other(struct hm_expect *w)
{
	want_index(w);
	w->images.items[0] = "c@15";
	w->images.count = 1;
}

static void want_image_unindexed(struct hm_expect *w)
{
	w->images.items[0] = "c@14";
	w->images.count = 1;
}

static void want_policy_images(struct hm_expect *w)
{
	want_index(w);
	use_policy(w, "\"images\":[\"rust@*\"]");
}

static void want_policy_images_good(struct hm_expect *w)
{
	want_index(w);
	use_policy(w, "\"images\":[\"rust@*\",\"c\"]");
}

static void want_nothing_known(struct hm_expect *w)
{
	unpin(w);
}

static void want_pin_other(struct hm_expect *w)
{
	w->pin.pcr[2][0] ^= 1;
}

static void want_pin_one(struct hm_expect *w)
{
	w->pin.has[1] = w->pin.has[2] = false;
}

static void want_policy_pin(struct hm_expect *w, char first)
{
	char text[1024], hex[3][2 * HM_PCR_LEN + 1];
	uint8_t bytes[HM_PCR_LEN];

	for (size_t i = 0; i < 3; i++) {
		rk_fill(bytes, HM_PCR_LEN, (uint8_t)(0x80 + 16 * i));
		hm_hex(bytes, HM_PCR_LEN, hex[i]);
	}
	hex[0][0] = first;
	snprintf(text, sizeof(text), "\"pcrs\":[{\"pcr0\":\"%s\",\"pcr1\":"
		 "\"%s\",\"pcr2\":\"%s\"}]", hex[0], hex[1], hex[2]);
	unpin(w);
	use_policy(w, text);
}

static void want_policy_pin_good(struct hm_expect *w)
{
	want_policy_pin(w, '8');
}

static void want_policy_pin_bad(struct hm_expect *w)
{
	want_policy_pin(w, '9');
}

static void want_aws(struct hm_expect *w)
{
	w->root_count = 0;
}

static void want_policy_root(struct hm_expect *w)
{
	use_policy(w, "\"trust_roots\":[\"aws-nitro-g1\"]");
}

static void want_policy_root_alone(struct hm_expect *w)
{
	w->root_count = 0;
	use_policy(w, "\"trust_roots\":[\"aws-nitro-g1\"]");
}

static void root_by_policy(struct hm_expect *w, const char *kind)
{
	char text[256], hex[2 * HM_SHA256_LEN + 1];

	hm_hex(w->roots[0].sha256, HM_SHA256_LEN, hex);
	snprintf(text, sizeof(text), "\"trust_roots\":[\"aws-nitro-g1\","
		 "{\"sha256\":\"%s\",\"kind\":\"%s\"}]", hex, kind);
	use_policy(w, text);
}

static void want_policy_root_good(struct hm_expect *w)
{
	root_by_policy(w, "nitro");
	w->root_count = 0;
}

static void want_policy_root_development(struct hm_expect *w)
{
	root_by_policy(w, "development");
}

static void want_development(struct hm_expect *w)
{
	w->roots[0].kind = HM_ROOT_DEVELOPMENT;
	unpin(w);
}

static void want_development_pinned(struct hm_expect *w)
{
	w->roots[0].kind = HM_ROOT_DEVELOPMENT;
	w->pin.has[1] = w->pin.has[2] = false;
}

static void want_development_endorsed(struct hm_expect *w)
{
	want_development(w);
	w->images.items[0] = "host";
	w->images.count = 1;
}

static void want_any(struct hm_expect *w)
{
	w->repositories.count = 0;
	w->any_source = true;
}

static void want_no_source(struct hm_expect *w)
{
	w->repositories.count = 0;
}

static void want_repository(struct hm_expect *w)
{
	w->repositories.items[0] = "https://github.com/o/other";
}

static void want_owner(struct hm_expect *w)
{
	w->repositories.items[0] = "https://github.com/o/*";
}

static void want_commit_hex(struct hm_expect *w, const char *hex)
{
	RK_MUST(hm_git_id_parse(hm_slice_str(hex), &w->commit, err));
	w->has_commit = true;
}

static void want_commit(struct hm_expect *w)
{
	want_commit_hex(w, "101112131415161718191a1b1c1d1e1f20212223");
}

static void want_commit_other(struct hm_expect *w)
{
	want_commit_hex(w, "101112131415161718191a1b1c1d1e1f20212224");
}

static void want_commit_sha256(struct hm_expect *w)
{
	want_commit_hex(w, "101112131415161718191a1b1c1d1e1f20212223"
			"000000000000000000000000");
}

static void want_ref(struct hm_expect *w)
{
	w->ref = "refs/tags/v1";
}

static void want_ref_other(struct hm_expect *w)
{
	w->ref = "refs/tags/v2";
}

static void want_builder(struct hm_expect *w)
{
	w->builder_id = HM_BUILDER_ID_PREFIX "nitro-nsm/v1";
}

static void want_builder_other(struct hm_expect *w)
{
	w->builder_id = HM_BUILDER_ID_PREFIX "nitro-nsm/v2";
}

static void want_nonce(struct hm_expect *w)
{
	w->has_nonce = true;
	w->nonce = hm_slice_str("nonce");
}

static void want_policy(struct hm_expect *w, const char *members)
{
	use_policy(w, members);
}

#define POLICY(fn, members)                                                    \
	static void fn(struct hm_expect *w)                                    \
	{                                                                      \
		want_policy(w, members);                                       \
	}

POLICY(want_policy_all,
       "\"expires\":\"2027-01-01T00:00:00Z\",\"max_age_days\":3,"
       "\"repositories\":[{\"url\":\"https://github.com/x/y\"},"
       "{\"url\":\"https://github.com/o/*\",\"refs\":[\"refs/tags/*\"]}],"
       "\"builders\":[\"https://hallmark.dev/builder/nitro-nsm/v*\"],"
       "\"sandboxes\":[\"crun\"],\"networks\":[\"record\",\"none\"],"
       "\"network_record_complete\":true")
POLICY(want_policy_url, "\"repositories\":[{\"url\":\"https://github.com/x/*\"}]")
POLICY(want_policy_ref, "\"repositories\":[{\"url\":\"https://github.com/o/r\","
       "\"refs\":[\"refs/heads/*\"]}]")
POLICY(want_policy_builder,
       "\"builders\":[\"https://hallmark.dev/builder/qemu-*/v1\"]")
POLICY(want_policy_sandbox, "\"sandboxes\":[\"runsc\"]")
POLICY(want_policy_network, "\"networks\":[\"none\",\"locked\"]")
POLICY(want_policy_complete, "\"network_record_complete\":true")
POLICY(want_policy_age, "\"max_age_days\":2")
POLICY(want_policy_expired, "\"expires\":\"2026-05-03T09:20:30Z\"")
POLICY(want_policy_votes, "\"challengers\":{\"keys\":[\"a\",\"b\"],\"of\":2,"
       "\"threshold\":1}")
POLICY(want_policy_bare, "")
POLICY(want_endorsers, "\"endorsers\":{\"threshold\":1,\"keys\":[\"-----BEGIN "
       "PUBLIC KEY-----\\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4"
       "rXAxZuE=\\n-----END PUBLIC KEY-----\\n\"]}")

static void want_policy_source_only(struct hm_expect *w)
{
	w->repositories.count = 0;
	use_policy(w, "\"repositories\":[{\"url\":\"https://github.com/o/r\"}]");
}

static void want_old(struct hm_expect *w)
{
	use_policy(w, "\"max_age_days\":2");
	w->now_ms = RK_NOW + 3LL * 86400000;
}

static void want_past(struct hm_expect *w)
{
	w->now_ms = RK_NOW - RK_HOUR;
}

static void want_log(struct hm_expect *w)
{
	w->require_log = true;
}

struct trial {
	const char *bend;	/* "" = none */
	void (*demand)(struct hm_expect *w);
	enum hm_reason reason;
	const char *text;
};

static const struct trial trials[] = {
	/* what passes */
	{ "", NULL, HM_R_NONE, "" },
	{ "", want_index, HM_R_NONE, "" },
	{ "", want_index_and_pin, HM_R_NONE, "" },
	{ "", want_image, HM_R_NONE, "" },
	{ "", want_policy_images_good, HM_R_NONE, "" },
	{ "", want_policy_pin_good, HM_R_NONE, "" },
	{ "", want_policy_root_good, HM_R_NONE, "" },
	{ "", want_any, HM_R_NONE, "" },
	{ "", want_owner, HM_R_NONE, "" },
	{ "", want_commit, HM_R_NONE, "" },
	{ "", want_ref, HM_R_NONE, "" },
	{ "", want_builder, HM_R_NONE, "" },
	{ "", want_policy_all, HM_R_NONE, "" },
	{ "", want_policy_bare, HM_R_NONE, "" },
	{ "", want_policy_source_only, HM_R_NONE, "" },
	{ "local", want_development, HM_R_NONE, "" },
	{ "local", want_development_pinned, HM_R_NONE, "" },
	{ "qemu", want_development, HM_R_NONE, "" },
	{ "nonce", want_nonce, HM_R_NONE, "" },
	{ "layer", want_layer, HM_R_NONE, "" },
	{ "unrecorded", NULL, HM_R_NONE, "" },
	{ "incomplete", NULL, HM_R_NONE, "" },
	{ "offline", want_policy_complete, HM_R_NONE, "" },
	{ "nameless", want_any, HM_R_NONE, "" },
	/* the release as such */
	{ "cut", NULL, HM_R_MALFORMED, "tar" },
	{ "stray-attestation", NULL, HM_R_MALFORMED, "has no place" },
	{ "side-mode", NULL, HM_R_MALFORMED, "has mode 755" },
	{ "no-document", NULL, HM_R_MALFORMED, "lacks attestation/nitro.cbor" },
	{ "no-network", NULL, HM_R_MALFORMED, "lacks attestation/network" },
	{ "no-log", NULL, HM_R_MALFORMED, "lacks attestation/build.log" },
	{ "no-attestation", NULL, HM_R_NO_EVIDENCE, "the evidence statement" },
	{ "no-provenance", NULL, HM_R_NO_EVIDENCE, "the provenance statement" },
	{ "evidence-garbage", NULL, HM_R_MALFORMED, "evidence: " },
	{ "provenance-garbage", NULL, HM_R_MALFORMED, "provenance: " },
	{ "evidence-not-intoto", NULL, HM_R_MALFORMED, "" },
	{ "bundle-blank", NULL, HM_R_MALFORMED, "not written as releases are" },
	{ "timestamp", NULL, HM_R_MALFORMED, "timestamp that nothing checks" },
	{ "document-garbage", NULL, HM_R_MALFORMED, "attestation document" },
	/* the document */
	{ "document-unsigned", NULL, HM_R_NOT_NITRO, "it is not signed" },
	{ "", want_aws, HM_R_FOREIGN_ROOT, "CN=test root" },
	{ "", want_policy_root, HM_R_FOREIGN_ROOT, "not a root that you trust" },
	{ "", want_policy_root_alone, HM_R_FOREIGN_ROOT, "not a root" },
	{ "leaf-expired", NULL, HM_R_NOT_AUTHENTIC, "expired" },
	{ "signature", NULL, HM_R_NOT_AUTHENTIC, "not by this key" },
	{ "debug", NULL, HM_R_DEBUG, "debug mode" },
	{ "pcr2-zero", NULL, HM_R_DEBUG, "debug mode" },
	/* the image */
	{ "", want_nothing_known, HM_R_UNKNOWN_IMAGE, "unknown image: give" },
	{ "", want_pin_other, HM_R_UNKNOWN_IMAGE, "not the one pinned" },
	{ "", want_pin_one, HM_R_UNKNOWN_IMAGE, "unknown image: give" },
	{ "other-image", NULL, HM_R_UNKNOWN_IMAGE, "not the one pinned" },
	{ "", want_policy_pin_bad, HM_R_UNKNOWN_IMAGE, "none of the 1" },
	{ "", want_index_other, HM_R_UNKNOWN_IMAGE, "no entry of the index" },
	{ "", want_image_unindexed, HM_R_UNKNOWN_IMAGE, "--image-index" },
	{ "local", want_development_endorsed, HM_R_UNKNOWN_IMAGE, "endorsed" },
	{ "", want_layer, HM_R_UNKNOWN_IMAGE, "toolchain layer" },
	{ "layer", want_index, HM_R_UNKNOWN_IMAGE, "toolchain layer" },
	{ "layer-other", want_layer, HM_R_UNKNOWN_IMAGE, "toolchain layer" },
	{ "", want_endorsers, HM_R_UNKNOWN_IMAGE, "an endorsed image" },
	{ "", want_image_other, HM_R_UNKNOWN_IMAGE, "not one of those demanded" },
	{ "", want_policy_images, HM_R_UNKNOWN_IMAGE, "not one of those" },
	{ "", want_index_revoked, HM_R_REVOKED_IMAGE,
	  "c@14 was revoked: CVE-2026-1 in its kernel" },
	{ "", want_index_ended, HM_R_REVOKED_IMAGE, "was not valid on 3 May" },
	{ "", want_index_later, HM_R_REVOKED_IMAGE, "was not valid on 3 May" },
	{ "", want_index_expired, HM_R_IMAGE_INDEX, "expired on 1 December" },
	{ "", want_index_failed, HM_R_IMAGE_INDEX, "signed by 0" },
	/* keys */
	{ "no-key", NULL, HM_R_SIGNATURE, "names no key" },
	{ "key-garbage", NULL, HM_R_SIGNATURE, "" },
	{ "key-p384", NULL, HM_R_SIGNATURE, "not a P-256 key" },
	{ "e-signer", NULL, HM_R_SIGNATURE, "evidence statement" },
	{ "s-signer", NULL, HM_R_SIGNATURE, "provenance statement" },
	{ "hint", NULL, HM_R_SIGNATURE, "hint" },
	/* one build */
	{ "evidence-type", NULL, HM_R_BINDING, "in-toto" },
	{ "provenance-type", NULL, HM_R_BINDING, "in-toto" },
	{ "no-user-data", NULL, HM_R_BINDING, "binds nothing" },
	{ "user-data-garbage", NULL, HM_R_BINDING, "user_data" },
	{ "user-commit", NULL, HM_R_BINDING, "different sources" },
	{ "user-tree", NULL, HM_R_BINDING, "different sources" },
	{ "user-files", NULL, HM_R_BINDING, "different files" },
	{ "user-statement", NULL, HM_R_BINDING, "not made for this" },
	{ "statement-pcr", want_development, HM_R_BINDING, "different images" },
	{ "e-commit", NULL, HM_R_BINDING, "another commit or image" },
	{ "e-pcr", NULL, HM_R_BINDING, "another commit or image" },
	{ "e-statement", NULL, HM_R_BINDING, "another provenance" },
	{ "e-file", NULL, HM_R_BINDING, "different files" },
	{ "e-fewer", NULL, HM_R_BINDING, "different files" },
	{ "e-name", NULL, HM_R_BINDING, "different files" },
	{ "document-file", NULL, HM_R_BINDING, "not the document" },
	{ "network-content", NULL, HM_R_BINDING, "network.json is not" },
	{ "log-byte", NULL, HM_R_BINDING, "build.log is not" },
	{ "log-content", NULL, HM_R_BINDING, "build.log is not" },
	{ "latch", NULL, HM_R_BINDING, "PCR16" },
	{ "no-latch", NULL, HM_R_BINDING, "PCR16" },
	{ "", want_index_renamed, HM_R_BINDING, "names image c@14" },
	{ "", want_index_reversioned, HM_R_BINDING, "those of c@15" },
	{ "development", NULL, HM_R_BINDING, "not what this root vouches for" },
	{ "backend", NULL, HM_R_BINDING, "not what this root vouches for" },
	{ "", want_policy_root_development, HM_R_BINDING, "vouches for" },
	/* files */
	{ "file-content", NULL, HM_R_FILES, "hello: its content" },
	{ "file-size", NULL, HM_R_FILES, "hello: its size" },
	{ "file-mode", NULL, HM_R_FILES, "hello: its mode" },
	{ "file-missing", NULL, HM_R_FILES, "hello: was built and is missing" },
	{ "file-extra", NULL, HM_R_FILES, "zz: is in the release and was not" },
	{ "file-renamed", NULL, HM_R_FILES, "hello: was built and is missing" },
	{ "mtime", NULL, HM_R_FILES, "times in the release" },
	/* time */
	{ "nonce-other", want_nonce, HM_R_NONCE, "nonce that you demand" },
	{ "", want_nonce, HM_R_NONCE, "nonce that you demand" },
	{ "late-document", NULL, HM_R_TIME, "at the end of the build" },
	{ "early-document", NULL, HM_R_TIME, "at the end of the build" },
	{ "", want_past, HM_R_TIME, "from the future" },
	{ "", want_old, HM_R_TIME, "older than the policy allows" },
	{ "", want_policy_age, HM_R_NONE, "" },
	/* source */
	{ "", want_no_source, HM_R_SOURCE, "nothing was demanded" },
	{ "", want_repository, HM_R_SOURCE, "not from https://github.com/o/oth" },
	{ "nameless", NULL, HM_R_SOURCE, "(none named)" },
	{ "repository-name", want_any, HM_R_SOURCE, "is none: nothing" },
	{ "", want_commit_other, HM_R_SOURCE, "built from commit 1011" },
	{ "", want_commit_sha256, HM_R_SOURCE, "built from commit 1011" },
	{ "", want_ref_other, HM_R_SOURCE, "ref refs/tags/v1, not" },
	{ "", want_policy_url, HM_R_SOURCE, "one that the policy allows" },
	{ "", want_policy_ref, HM_R_SOURCE, "ref refs/tags/v1" },
	/* environment */
	{ "", want_builder_other, HM_R_ENVIRONMENT, "builder" },
	{ "", want_policy_builder, HM_R_ENVIRONMENT, "builder" },
	{ "", want_policy_sandbox, HM_R_ENVIRONMENT, "sandbox crun" },
	{ "", want_policy_network, HM_R_ENVIRONMENT, "network mode record" },
	{ "unrecorded", want_policy_complete, HM_R_ENVIRONMENT, "not recorded" },
	{ "incomplete", want_policy_complete, HM_R_ENVIRONMENT, "not complete" },
	/* the rest */
	{ "", want_log, HM_R_LOG, "none is named" },
	{ "", want_policy_votes, HM_R_VOTES, "1 of 2 challengers" },
	{ "", want_policy_expired, HM_R_POLICY_EXPIRED, "expired on 3 May" },
};

static void take_tar(const struct rk *k, struct hm_intake *in)
{
	AUTO_CLOSE int fd = rk_memfd(hm_buf_slice(&k->tar));

	hm_intake_init(in);
	snprintf(in->label, sizeof(in->label), "release.tar");
	RK_MUST(hm_intake_tar(fd, in, err));
}

static void check_words(const struct hm_intake *in, const struct hm_expect *w,
			const struct hm_verdict *v, const char *name)
{
	struct hm_view view = { .in = in, .want = w, .v = v };
	AUTO_BUF struct hm_buf text, json;
	AUTO_JSON struct hm_json *root = NULL;
	const char *s;
	int64_t code = -1;

	hm_buf_init(&text, 1U << 20);
	hm_buf_init(&json, 1U << 20);
	RK_MUST(hm_view_text(&view, &text, err));
	RK_MUST(hm_buf_cstr(&text, &s, err));
	ok(strstr(s, v->accepted ? "\nPASSED\n" : "\nFAILED: ") != NULL &&
	   !strstr(s, v->accepted ? "FAILED" : "PASSED"),
	   "%s: the last line says it", name);
	ok((strncmp(s, "NO HARDWARE", 11) == 0) ==
	   (v->checks[HM_CHECK_CHAIN].status == HM_CHECK_PASSED &&
	    !v->hardware), "%s: the first line says who vouches", name);
	RK_MUST(hm_view_json(&view, &json, err));
	RK_MUST(hm_json_parse(hm_buf_slice(&json), 1U << 20, &root, err));
	(void)hm_json_integer(hm_json_get(root, "exit_code"), &code);
	ok(strcmp(hm_json_get_string(root, "result"),
		  v->accepted ? "PASSED" : "FAILED") == 0 &&
	   code == hm_reason_exit(v->reason) &&
	   strcmp(hm_json_get_string(root, "reason"),
		  hm_reason_name(v->reason)) == 0, "%s: so does the JSON", name);
}

static void run(const struct trial *t, bool *reached)
{
	const struct rk_bend *bend = rk_find_bend(t->bend);
	AUTO_VERDICT struct hm_verdict v;
	AUTO_INTAKE struct hm_intake in;
	struct hm_expect w;
	struct hm_err err = {0};
	char name[128];
	struct rk k;
	int rc;

	HM_BUG_ON(t->bend[0] != '\0' && !bend);
	rk_init(&k);
	rk_make(&k, bend ? bend->step : RK_DONE, bend ? bend->bend : NULL);
	take_tar(&k, &in);
	demand_default(&w, &k);
	if (t->demand)
		t->demand(&w);
	hm_verdict_init(&v);
	rc = hm_verify(&in, &w, &v, &err);
	snprintf(name, sizeof(name), "%s%s%s", t->bend, t->bend[0] ? ": " : "",
		 t->text[0] ? t->text : hm_reason_name(t->reason));
	ok(rc == HM_OK && v.reason == t->reason &&
	   v.accepted == (t->reason == HM_R_NONE) &&
	   strstr(v.message, t->text), "%s", name);
	if (rc != HM_OK || v.reason != t->reason || !strstr(v.message, t->text))
		printf("# %s %s: %s\n", hm_code_name((enum hm_code)rc),
		       hm_reason_name(v.reason), rc ? err.msg : v.message);
	else
		check_words(&in, &w, &v, name);
	reached[v.reason] = true;
	rk_release(&k);
}

static void test_exit_codes(const bool *reached)
{
	for (int i = 0; i < _HM_R_COUNT; i++) {
		int code = hm_reason_exit((enum hm_reason)i);
		bool unique = true;

		for (int j = 0; j < i; j++)
			unique = unique &&
				 hm_reason_exit((enum hm_reason)j) != code;
		ok(reached[i], "a test above ends with exit %d, %s", code,
		   hm_reason_name((enum hm_reason)i));
		ok(unique && code != 1 && code != 2 && code != 3 && code != 70,
		   "exit %d means %s only", code,
		   hm_reason_name((enum hm_reason)i));
	}
}

/* schema/verdict.md and the manual say what the tables say. */
static void test_documents(void)
{
	AUTO_BUF struct hm_buf page, manual;
	const char *text, *man;
	char line[512];

	hm_buf_init(&page, 1U << 20);
	hm_buf_init(&manual, 1U << 20);
	RK_MUST(hm_file_read_user("schema/verdict.md", &page, err));
	RK_MUST(hm_file_read_user("man/hallmark-verify.1", &manual, err));
	RK_MUST(hm_buf_cstr(&page, &text, err));
	RK_MUST(hm_buf_cstr(&manual, &man, err));
	for (int i = 0; i < _HM_R_COUNT; i++) {
		enum hm_reason r = (enum hm_reason)i;

		snprintf(line, sizeof(line), "\n| %d | `%s` | %s |\n",
			 hm_reason_exit(r), hm_reason_name(r),
			 hm_reason_about(r));
		ok(strstr(text, line) != NULL, "verdict.md: exit %d",
		   hm_reason_exit(r));
		snprintf(line, sizeof(line), "\n.It %d\n%s%s",
			 hm_reason_exit(r), r ? hm_reason_name(r) : "",
			 r ? ": " : "");
		ok(strstr(man, line) != NULL, "the manual: exit %d",
		   hm_reason_exit(r));
	}
	for (int i = 0; i < _HM_CHECK_COUNT; i++) {
		snprintf(line, sizeof(line), "\n| `%s` | %s | ",
			 hm_check_name((enum hm_check_id)i),
			 hm_check_title((enum hm_check_id)i));
		ok(strstr(text, line) != NULL, "verdict.md: check %s",
		   hm_check_name((enum hm_check_id)i));
	}
}

/* Parts of one good release in another good one. */
static void test_swaps(void)
{
	static const char *const parts[] = { HM_TAR_PROVENANCE, HM_TAR_EVIDENCE,
		HM_TAR_DOCUMENT, HM_TAR_NETWORK, HM_TAR_LOG };
	struct rk a, b;
	struct hm_expect w;

	for (size_t mask = 1; mask < (1U << 6) - 1; mask++) {
		AUTO_VERDICT struct hm_verdict v;
		AUTO_INTAKE struct hm_intake in;

		rk_init(&a);
		rk_init(&b);
		b.facts.commit.bytes[3] ^= 1;
		b.files[1].data = hm_slice_str("another hello\n");
		b.log = hm_slice_str("another log\n");
		b.network = hm_slice_str("{\"version\":1}\n");
		/* One root vouches for both: only the binding tells them apart. */
		rk_make(&a, RK_DONE, NULL);
		b.root_key = a.root_key;
		RK_MUST(hm_buf_add_slice(&b.ca[0], hm_buf_slice(&a.ca[0]), err));
		rk_make(&b, RK_DONE, NULL);
		b.root_key = NULL;
		for (size_t p = 0; p < HM_ARRAY_LEN(parts); p++)
			for (size_t i = 0; (mask & (1U << p)) && i < 5; i++)
				if (strcmp(a.side[i].name, parts[p]) == 0)
					a.side[i] = b.side[i];
		if (mask & (1U << 5))
			a.files[1] = b.files[1];
		hm_buf_release(&a.tar);
		rk_tar(&a);
		take_tar(&a, &in);
		demand_default(&w, &a);
		hm_verdict_init(&v);
		RK_MUST(hm_verify(&in, &w, &v, err));
		ok(!v.accepted, "parts %zx of another build: %s", mask,
		   v.message);
		rk_release(&a);
		rk_release(&b);
	}
}

static void test_wanted(void)
{
	static const struct {
		const char *content;
		enum hm_reason reason;
	} files[] = {
		{ "\x7f""ELF hello\n", HM_R_NONE },
		{ "\x7f""ELF hellO\n", HM_R_FILES },
	};
	struct rk k;

	rk_init(&k);
	rk_make(&k, RK_DONE, NULL);
	for (size_t i = 0; i < HM_ARRAY_LEN(files); i++) {
		AUTO_VERDICT struct hm_verdict v;
		AUTO_INTAKE struct hm_intake in;
		struct hm_expect w;
		uint8_t sha256[HM_SHA256_LEN];

		hm_intake_init(&in);
		RK_MUST(hm_sha256(hm_slice_str(files[i].content), sha256, err));
		RK_MUST(hm_artifacts_add(&in.wanted, hm_slice_str("renamed"), 0644,
					 11, sha256, err));
		RK_MUST(hm_intake_bundle(hm_buf_slice(&k.sb), &in, err));
		RK_MUST(hm_intake_bundle(hm_buf_slice(&k.eb), &in, err));
		demand_default(&w, &k);
		hm_verdict_init(&v);
		RK_MUST(hm_verify(&in, &w, &v, err));
		ok(v.reason == files[i].reason, "a single file, renamed: %s",
		   v.message);
		if (v.accepted)
			check_words(&in, &w, &v, "a single file");
	}
	rk_release(&k);
}

int main(void)
{
	bool reached[_HM_R_COUNT] = { false };

	for (size_t i = 0; i < HM_ARRAY_LEN(trials); i++)
		run(&trials[i], reached);
	test_exit_codes(reached);
	test_documents();
	test_swaps();
	test_wanted();
	hm_policy_release(&world.policy);
	hm_image_index_release(&world.index);
	return tap_done();
}
