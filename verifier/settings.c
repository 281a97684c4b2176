/*
 * Loads what flags name. Nothing here has a default that accepts more: without a
 * root flag it is AWS's, without --endorser-threshold every endorser given must
 * have signed, and a flag beside a policy is asked in addition to it.
 */
#include "verifier/settings.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/hex.h"
#include "lib/log.h"
#include "lib/path.h"

#define PEM_MAX (64U << 10)	/* a certificate or key in PEM is about 1 KiB */
#define NONCE_MAX 512U		/* what runner-hook and the NSM take */

void hm_settings_init(struct hm_settings *s)
{
	memset(s, 0, sizeof(*s));
	hm_policy_init(&s->policy);
	hm_image_index_init(&s->index);
	hm_buf_init(&s->nonce, NONCE_MAX);
}

void hm_settings_release(struct hm_settings *s)
{
	for (size_t i = 0; i < s->endorser_count; i++)
		hm_key_free(s->endorsers[i]);
	for (size_t i = 0; i < s->text_count; i++)
		free(s->texts[i]);
	if (s->logs)
		hm_log_keys_release(s->logs);
	free(s->logs);
	hm_policy_release(&s->policy);
	hm_image_index_release(&s->index);
	hm_buf_release(&s->nonce);
	hm_settings_init(s);
}

static int read_pem(const char *path, struct hm_buf *b, struct hm_err *err)
{
	hm_buf_init(b, PEM_MAX);
	return hm_file_read_user(path, b, err);
}

int hm_settings_roots(const struct hm_cli_list *paths, struct hm_root *roots,
		      size_t *count, struct hm_err *err)
{
	if (paths->count > HM_ROOTS_MAX)
		return hm_fail(err, HM_E_USAGE, 0, "--trust-root given more "
			       "than %u times", HM_ROOTS_MAX);
	for (size_t i = 0; i < paths->count; i++) {
		AUTO_BUF struct hm_buf pem, der;
		int rc = read_pem(paths->items[i], &pem, err);

		hm_buf_init(&der, PEM_MAX);
		if (rc == HM_OK)
			rc = hm_cert_pem_to_der(hm_buf_slice(&pem), &der, err);
		if (rc == HM_OK)
			rc = hm_sha256(hm_buf_slice(&der), roots[i].sha256, err);
		if (rc != HM_OK)
			return hm_err_prefix(err, "--trust-root");
		/* Only AWS's own root speaks for hardware without a policy. */
		roots[i].kind = memcmp(roots[i].sha256, hm_nitro_root_g1,
				       HM_SHA256_LEN) == 0 ?
				HM_ROOT_NITRO : HM_ROOT_DEVELOPMENT;
		*count = i + 1;
	}
	return HM_OK;
}

/* A copy that lives as long as the settings. */
static int keep(struct hm_settings *s, const char *text, struct hm_strings *to,
		struct hm_err *err)
{
	char *copy;

	if (to->count == HM_POLICY_ITEMS ||
	    s->text_count == HM_ARRAY_LEN(s->texts))
		return hm_fail(err, HM_E_USAGE, 0, "too many names");
	copy = hm_slice_dup(hm_slice_str(text));
	if (!copy)
		return hm_fail(err, HM_E_NOMEM, 0, "names");
	s->texts[s->text_count++] = copy;
	to->items[to->count++] = copy;
	return HM_OK;
}

static int load_repositories(const struct hm_flags *f, struct hm_settings *s,
			     struct hm_err *err)
{
	char name[HM_REPOSITORY_MAX];

	for (size_t i = 0; i < f->repositories.count; i++) {
		int rc;

		if (strchr(f->repositories.items[i], '*'))
			return hm_fail(err, HM_E_USAGE, 0, "--repo takes one "
				       "repository; patterns belong in a policy");
		rc = hm_repository_normal(f->repositories.items[i], name, err);
		if (rc != HM_OK)
			return hm_err_prefix(err, "--repo");
		rc = keep(s, name, &s->want.repositories, err);
		if (rc != HM_OK)
			return rc;
	}
	for (size_t i = 0; i < f->owners.count; i++) {
		char pattern[HM_REPOSITORY_MAX];
		int rc;

		if (strpbrk(f->owners.items[i], "/* "))
			return hm_fail(err, HM_E_USAGE, 0,
				       "--owner takes a name on github.com");
		if (snprintf(pattern, sizeof(pattern), "%s/x",
			     f->owners.items[i]) >= (int)sizeof(pattern))
			return hm_fail(err, HM_E_USAGE, 0, "--owner: too long");
		rc = hm_repository_normal(pattern, name, err);
		if (rc != HM_OK)
			return hm_err_prefix(err, "--owner");
		name[strlen(name) - 1] = '*';
		rc = keep(s, name, &s->want.repositories, err);
		if (rc != HM_OK)
			return rc;
	}
	return HM_OK;
}

static int load_source(const struct hm_flags *f, struct hm_settings *s,
		       struct hm_err *err)
{
	struct hm_expect *want = &s->want;
	int rc = load_repositories(f, s, err);

	if (rc != HM_OK)
		return rc;
	if (f->source_digest) {
		rc = hm_git_id_parse(hm_slice_str(f->source_digest),
				     &want->commit, err);
		if (rc != HM_OK)
			return hm_fail(err, HM_E_USAGE, 0, "--source-digest "
				       "wants a commit id of 40 or 64 lower-case "
				       "hex digits");
		want->has_commit = true;
	}
	if (f->source_ref && f->source_tag)
		return hm_fail(err, HM_E_USAGE, 0, "--source-ref and "
			       "--source-tag are the same demand: give one");
	if (f->source_tag) {
		if (snprintf(s->ref, sizeof(s->ref), "refs/tags/%s",
			     f->source_tag) >= (int)sizeof(s->ref))
			return hm_fail(err, HM_E_USAGE, 0,
				       "--source-tag: too long");
		want->ref = s->ref;
	} else if (f->source_ref) {
		want->ref = f->source_ref;
	}
	want->config_path = f->config_path;
	want->any_source = f->any_source;
	if (f->any_source && (want->repositories.count > 0 ||
			      want->has_commit || want->ref))
		return hm_fail(err, HM_E_USAGE, 0, "--any-source contradicts a "
			       "demand about the source");
	return HM_OK;
}

static int load_pins(const struct hm_flags *f, struct hm_expect *want,
		     struct hm_err *err)
{
	for (size_t i = 0; i < HM_IMAGE_PCRS; i++) {
		if (!f->pcr[i])
			continue;
		want->pin.has[i] = true;
		if (!hm_unhex(hm_slice_str(f->pcr[i]), want->pin.pcr[i],
			      HM_PCR_LEN))
			return hm_fail(err, HM_E_USAGE, 0, "--pcr%zu wants 96 "
				       "lower-case hex digits", i);
	}
	return HM_OK;
}

static int load_policy(const char *path, struct hm_settings *s,
		       struct hm_err *err)
{
	AUTO_BUF struct hm_buf text;
	int rc;

	hm_buf_init(&text, HM_POLICY_MAX);
	rc = hm_file_read_user(path, &text, err);
	if (rc == HM_OK)
		rc = hm_policy_parse(hm_buf_slice(&text), &s->policy, err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "%s", HM_ESC(hm_slice_str(path)));
	s->want.policy = &s->policy;
	return HM_OK;
}

static int load_endorsers(const struct hm_flags *f, struct hm_settings *s,
			  struct hm_err *err)
{
	if (f->endorser_keys.count > HM_ENDORSERS_MAX)
		return hm_fail(err, HM_E_USAGE, 0, "--endorser-key given more "
			       "than %u times", HM_ENDORSERS_MAX);
	for (size_t i = 0; i < f->endorser_keys.count; i++) {
		AUTO_BUF struct hm_buf pem;
		int rc = read_pem(f->endorser_keys.items[i], &pem, err);

		if (rc == HM_OK)
			rc = hm_key_from_public_pem(hm_buf_slice(&pem),
						    &s->endorsers[i], err);
		if (rc != HM_OK)
			return hm_err_prefix(err, "--endorser-key");
		s->endorser_count++;
	}
	if (f->endorser_threshold > s->endorser_count)
		return hm_fail(err, HM_E_USAGE, 0, "--endorser-threshold is "
			       "more than there are keys");
	return HM_OK;
}

/* A bad signature is for the verdict; an unreadable file is not. */
static int judge_index(struct hm_settings *s, int rc, const struct hm_err *err)
{
	if (rc != HM_E_FORMAT && rc != HM_E_CRYPTO && rc != HM_E_POLICY &&
	    rc != HM_E_TOO_LARGE)
		return rc;
	s->want.index_failed = true;
	s->want.index_problem = *err;
	return HM_OK;
}

static int open_index(struct hm_settings *s, struct hm_slice text,
		      struct hm_key *const *keys, size_t count,
		      size_t threshold, struct hm_err *err)
{
	const struct hm_key *pinned[HM_ENDORSERS_MAX];
	AUTO_IMAGE_INDEX struct hm_image_index x = {0};
	int rc;

	for (size_t i = 0; i < count; i++)
		pinned[i] = keys[i];
	rc = hm_image_index_open(text, pinned, count, threshold, &x, err);
	if (rc != HM_OK)
		return judge_index(s, rc, err);
	hm_image_index_release(&s->index);
	s->index = x;
	hm_image_index_init(&x);	/* transferred */
	return HM_OK;
}

static int load_index(const struct hm_flags *f, struct hm_settings *s,
		      struct hm_err *err)
{
	const struct hm_policy *p = &s->policy;
	size_t threshold = f->endorser_threshold > 0 ?
			   (size_t)f->endorser_threshold : s->endorser_count;
	AUTO_BUF struct hm_buf text;
	int rc;

	hm_buf_init(&text, HM_INDEX_MAX);
	if (!f->image_index)
		return s->endorser_count == 0 ? HM_OK :
			hm_fail(err, HM_E_USAGE, 0, "--endorser-key needs "
				"--image-index FILE");
	if (s->endorser_count == 0 && p->endorser_count == 0)
		return hm_fail(err, HM_E_USAGE, 0, "--image-index needs "
			       "--endorser-key PEM, or a policy with endorsers");
	rc = hm_file_read_user(f->image_index, &text, err);
	if (rc == HM_OK && s->endorser_count > 0)
		rc = open_index(s, hm_buf_slice(&text), s->endorsers,
				s->endorser_count, threshold, err);
	if (rc == HM_OK && p->endorser_count > 0 && !s->want.index_failed)
		rc = open_index(s, hm_buf_slice(&text), p->endorsers,
				p->endorser_count, p->endorser_threshold, err);
	if (rc != HM_OK)
		return rc;
	if (!s->want.index_failed)
		s->want.index = &s->index;
	return HM_OK;
}

static int add_log_key(struct hm_log_keys *logs, const char *arg,
		       struct hm_err *err)
{
	AUTO_BUF struct hm_buf text;
	struct stat st;
	int rc;

	hm_buf_init(&text, HM_TRUSTED_ROOT_MAX);
	if (stat(arg, &st) < 0)
		return hm_log_keys_add_vkey(logs, hm_slice_str(arg), err);
	rc = hm_file_read_user(arg, &text, err);
	if (rc != HM_OK)
		return rc;
	if (text.len > 0 && text.data[0] == '{')
		return hm_log_keys_add_trusted_root(logs, hm_buf_slice(&text),
						    err);
	return hm_log_keys_add_vkey(logs, hm_buf_slice(&text), err);
}

static int load_logs(const struct hm_flags *f, struct hm_settings *s,
		     struct hm_err *err)
{
	int rc = HM_OK;

	s->want.require_log = f->require_log;
	if (f->log_keys.count == 0) {
		if (f->require_log && !s->policy.logs)
			return hm_fail(err, HM_E_USAGE, 0, "--require-log needs "
				       "--log-key, or a policy that names logs");
		return HM_OK;
	}
	s->logs = calloc(1, sizeof(*s->logs));
	if (!s->logs)
		return hm_fail(err, HM_E_NOMEM, 0, "log keys");
	hm_log_keys_init(s->logs);
	for (size_t i = 0; rc == HM_OK && i < f->log_keys.count; i++)
		rc = add_log_key(s->logs, f->log_keys.items[i], err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "--log-key");
	s->want.logs = s->logs;
	return HM_OK;
}

static int load_nonce(const char *hex, struct hm_settings *s,
		      struct hm_err *err)
{
	size_t n = strlen(hex);
	uint8_t *p;
	int rc = hm_buf_reserve(&s->nonce, n / 2, &p, err);

	if (rc != HM_OK || n == 0 || n % 2 != 0 ||
	    !hm_unhex(hm_slice_str(hex), p, n / 2))
		return hm_fail(err, HM_E_USAGE, 0,
			       "--nonce wants 1 to %u bytes in hex", NONCE_MAX);
	hm_buf_grown(&s->nonce, n / 2);
	s->want.nonce = hm_buf_slice(&s->nonce);
	s->want.has_nonce = true;
	return HM_OK;
}

int hm_settings_load(const struct hm_flags *f, int64_t now_ms,
		     struct hm_settings *s, struct hm_err *err)
{
	int rc = hm_settings_roots(&f->trust_roots, s->want.roots,
				   &s->want.root_count, err);

	s->want.now_ms = now_ms;
	s->want.builder_id = f->builder_id;
	if (rc == HM_OK && f->policy)
		rc = load_policy(f->policy, s, err);
	if (rc == HM_OK)
		rc = load_source(f, s, err);
	if (rc == HM_OK)
		rc = load_pins(f, &s->want, err);
	for (size_t i = 0; rc == HM_OK && i < f->images.count; i++)
		rc = keep(s, f->images.items[i], &s->want.images, err);
	if (rc == HM_OK)
		rc = load_endorsers(f, s, err);
	if (rc == HM_OK)
		rc = load_index(f, s, err);
	if (rc == HM_OK)
		rc = load_logs(f, s, err);
	if (rc == HM_OK && f->nonce)
		rc = load_nonce(f->nonce, s, err);
	return rc;
}
