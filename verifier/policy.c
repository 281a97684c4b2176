/*
 * Reads a policy. The text is the user's own, so it is not distrusted for malice
 * but for mistakes: an unknown or misspelt member, an empty list or a threshold
 * that nobody can reach would silently ask less than its author meant, so each
 * is an error.
 */
#include "verifier/policy.h"

#include <ctype.h>
#include <stdio.h>

#include "lib/hex.h"
#include "lib/when.h"
#include "lib/x509.h"

void hm_policy_init(struct hm_policy *p)
{
	memset(p, 0, sizeof(*p));
}

void hm_policy_release(struct hm_policy *p)
{
	for (size_t i = 0; i < p->endorser_count; i++)
		hm_key_free(p->endorsers[i]);
	for (size_t i = 0; i < p->witness_count; i++)
		hm_note_key_release(&p->witnesses[i]);
	free(p->witnesses);
	if (p->logs)
		hm_log_keys_release(p->logs);
	free(p->logs);
	hm_json_free(p->root);
	hm_policy_init(p);
}

bool hm_pattern_match(const char *pattern, const char *text)
{
	size_t n = strlen(pattern);
	bool state[HM_REPOSITORY_MAX + 1] = { true };

	if (n > HM_REPOSITORY_MAX)
		return false;
	/* state[i]: pattern[0..i) matches the text read so far. */
	for (const char *t = text;; t++) {
		for (size_t i = 0; i < n; i++)	/* a star may match nothing */
			if (state[i] && pattern[i] == '*')
				state[i + 1] = true;
		if (*t == '\0')
			return state[n];
		for (size_t i = n + 1; i-- > 0;) {
			bool twice = (i > 0 && pattern[i - 1] == '*') &&
				     ((i > 1 && pattern[i - 2] == '*') ||
				      pattern[i] == '*');
			bool stays = i > 0 && pattern[i - 1] == '*' &&
				     state[i] && (*t != '/' || twice);

			state[i] = stays || (i > 0 && state[i - 1] &&
					     pattern[i - 1] == *t &&
					     pattern[i - 1] != '*');
		}
	}
}

bool hm_strings_match(const struct hm_strings *patterns, const char *text)
{
	for (size_t i = 0; i < patterns->count; i++)
		if (hm_pattern_match(patterns->items[i], text))
			return true;
	return false;
}

int hm_repository_normal(const char *text, char out[HM_REPOSITORY_MAX],
			 struct hm_err *err)
{
	static const char github[] = "https://github.com/";
	const char *scheme = strstr(text, "://");
	const char *slash = strchr(text, '/');
	int n;

	if (!slash || !hm_slice_is_text(hm_slice_str(text)) ||
	    strchr(text, ' '))
		return hm_fail(err, HM_E_USAGE, 0,
			       "a repository is OWNER/NAME or "
			       "https://HOST/OWNER/NAME");
	if (scheme)
		n = snprintf(out, HM_REPOSITORY_MAX, "%s", text);
	else if (strchr(slash + 1, '/'))
		n = snprintf(out, HM_REPOSITORY_MAX, "https://%s", text);
	else
		n = snprintf(out, HM_REPOSITORY_MAX, "%s%s", github, text);
	if (n < 0 || n >= HM_REPOSITORY_MAX)
		return hm_fail(err, HM_E_USAGE, 0, "repository name too long");
	size_t len = strlen(out);

	while (len > 0 && out[len - 1] == '/')
		out[--len] = '\0';
	if (len > 4 && strcmp(out + len - 4, ".git") == 0)
		out[len - 4] = '\0';
	if (strncasecmp(out, github, sizeof(github) - 1) == 0)
		for (char *c = out; *c != '\0'; c++)
			*c = (char)tolower((unsigned char)*c);
	return HM_OK;
}

static int get_text(const char *s, const char *what, struct hm_err *err)
{
	if (!s || s[0] == '\0' || strlen(s) > HM_REPOSITORY_MAX ||
	    !hm_slice_is_text(hm_slice_str(s)))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "%s must be a line of text", what);
	return HM_OK;
}

/* An array of 1..max elements; absent gives NULL. */
static int get_array(const struct hm_json *o, const char *key, size_t max,
		     const struct hm_json **ret, struct hm_err *err)
{
	const struct hm_json *a = hm_json_get(o, key);

	*ret = a;
	if (!a)
		return HM_OK;
	if (hm_json_type(a) != HM_JSON_ARRAY || hm_json_count(a) == 0 ||
	    hm_json_count(a) > max)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "%s must be a list of 1 to %zu entries", key,
			       max);
	return HM_OK;
}

static int get_strings(const struct hm_json *o, const char *key,
		       struct hm_strings *out, struct hm_err *err)
{
	const struct hm_json *a;
	int rc = get_array(o, key, HM_POLICY_ITEMS, &a, err);

	for (size_t i = 0; rc == HM_OK && a && i < hm_json_count(a); i++) {
		const char *s = hm_json_string(hm_json_at(a, i));

		rc = get_text(s, key, err);
		out->items[out->count++] = s;
	}
	return rc;
}

static int get_count(const struct hm_json *o, const char *key, int64_t max,
		     size_t *ret, struct hm_err *err)
{
	int64_t v;

	if (!hm_json_integer(hm_json_get(o, key), &v) || v < 1 || v > max)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "%s must be a number from 1 to %lld", key,
			       (long long)max);
	*ret = (size_t)v;
	return HM_OK;
}

static int get_flag(const struct hm_json *o, const char *key, bool *ret,
		    struct hm_err *err)
{
	const struct hm_json *v = hm_json_get(o, key);

	if (v && !hm_json_bool(v, ret))
		return hm_fail(err, HM_E_FORMAT, 0, "%s must be true or false",
			       key);
	return HM_OK;
}

/* A nested object whose keys are known; absent gives NULL. */
static int get_object(const struct hm_json *o, const char *key,
		      const char *const *known, const struct hm_json **ret,
		      struct hm_err *err)
{
	const struct hm_json *v = hm_json_get(o, key);

	*ret = v;
	if (!v)
		return HM_OK;
	if (hm_json_type(v) != HM_JSON_OBJECT)
		return hm_fail(err, HM_E_FORMAT, 0, "%s must be an object", key);
	if (hm_json_only_keys(v, known, err) != HM_OK)
		return hm_err_prefix(err, "%s", key);
	return HM_OK;
}

static int get_root(const struct hm_json *o, struct hm_root *r,
		    struct hm_err *err)
{
	static const char *const keys[] = { "sha256", "kind", NULL };
	const char *named = hm_json_string(o);
	const char *hex, *kind;
	int rc;

	if (named && strcmp(named, "aws-nitro-g1") == 0) {
		memcpy(r->sha256, hm_nitro_root_g1, HM_SHA256_LEN);
		r->kind = HM_ROOT_NITRO;
		return HM_OK;
	}
	if (hm_json_type(o) != HM_JSON_OBJECT)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "must be \"aws-nitro-g1\" or an object");
	rc = hm_json_only_keys(o, keys, err);
	if (rc != HM_OK)
		return rc;
	hex = hm_json_get_string(o, "sha256");
	kind = hm_json_get_string(o, "kind");
	if (!hex || !hm_unhex(hm_slice_str(hex), r->sha256, HM_SHA256_LEN))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "sha256 must be 64 lower-case hex digits");
	if (kind && strcmp(kind, "nitro") == 0)
		r->kind = HM_ROOT_NITRO;
	else if (kind && strcmp(kind, "development") == 0)
		r->kind = HM_ROOT_DEVELOPMENT;
	else
		return hm_fail(err, HM_E_FORMAT, 0,
			       "kind must be \"nitro\" or \"development\"");
	return HM_OK;
}

static int get_roots(struct hm_policy *p, struct hm_err *err)
{
	const struct hm_json *a;
	int rc = get_array(p->root, "trust_roots", HM_ROOTS_MAX, &a, err);

	for (size_t i = 0; rc == HM_OK && a && i < hm_json_count(a); i++) {
		rc = get_root(hm_json_at(a, i), &p->roots[i], err);
		if (rc != HM_OK)
			return hm_err_prefix(err, "trust_roots[%zu]", i);
		p->root_count++;
	}
	return rc;
}

static int get_repository(const struct hm_json *o,
			  struct hm_policy_repository *r, struct hm_err *err)
{
	static const char *const keys[] = { "url", "refs", NULL };
	int rc;

	if (hm_json_type(o) != HM_JSON_OBJECT)
		return hm_fail(err, HM_E_FORMAT, 0, "must be an object");
	rc = hm_json_only_keys(o, keys, err);
	if (rc != HM_OK)
		return rc;
	r->url = hm_json_get_string(o, "url");
	rc = get_text(r->url, "url", err);
	if (rc == HM_OK)
		rc = get_strings(o, "refs", &r->refs, err);
	return rc;
}

static int get_repositories(struct hm_policy *p, struct hm_err *err)
{
	const struct hm_json *a;
	int rc = get_array(p->root, "repositories", HM_POLICY_ITEMS, &a, err);

	for (size_t i = 0; rc == HM_OK && a && i < hm_json_count(a); i++) {
		rc = get_repository(hm_json_at(a, i), &p->repositories[i], err);
		if (rc != HM_OK)
			return hm_err_prefix(err, "repositories[%zu]", i);
		p->repository_count++;
	}
	return rc;
}

static int get_pin(const struct hm_json *o, struct hm_pin *pin,
		   struct hm_err *err)
{
	static const char *const keys[] = { "pcr0", "pcr1", "pcr2", NULL };
	int rc;

	if (hm_json_type(o) != HM_JSON_OBJECT)
		return hm_fail(err, HM_E_FORMAT, 0, "must be an object");
	rc = hm_json_only_keys(o, keys, err);
	if (rc != HM_OK)
		return rc;
	/* PCR0 alone does not fix where one section ends and the next begins. */
	for (size_t i = 0; i < HM_IMAGE_PCRS; i++) {
		const char *s = hm_json_get_string(o, keys[i]);

		pin->has[i] = true;
		if (!s || !hm_unhex(hm_slice_str(s), pin->pcr[i], HM_PCR_LEN))
			return hm_fail(err, HM_E_FORMAT, 0,
				       "%s must be 96 lower-case hex digits",
				       keys[i]);
	}
	return HM_OK;
}

static int get_pins(struct hm_policy *p, struct hm_err *err)
{
	const struct hm_json *a;
	int rc = get_array(p->root, "pcrs", HM_POLICY_ITEMS, &a, err);

	for (size_t i = 0; rc == HM_OK && a && i < hm_json_count(a); i++) {
		rc = get_pin(hm_json_at(a, i), &p->pins[i], err);
		if (rc != HM_OK)
			return hm_err_prefix(err, "pcrs[%zu]", i);
		p->pin_count++;
	}
	return rc;
}

static int get_endorsers(struct hm_policy *p, struct hm_err *err)
{
	static const char *const keys[] = { "keys", "threshold", NULL };
	const struct hm_json *o, *a;
	int rc = get_object(p->root, "endorsers", keys, &o, err);

	if (rc != HM_OK || !o)
		return rc;
	rc = get_array(o, "keys", HM_ENDORSERS_MAX, &a, err);
	if (rc != HM_OK || !a)
		return rc == HM_OK ? hm_fail(err, HM_E_FORMAT, 0,
					     "endorsers: keys are missing") : rc;
	for (size_t i = 0; i < hm_json_count(a); i++) {
		const char *pem = hm_json_string(hm_json_at(a, i));

		if (!pem)
			return hm_fail(err, HM_E_FORMAT, 0,
				       "endorsers.keys[%zu]: not a string", i);
		rc = hm_key_from_public_pem(hm_slice_str(pem),
					    &p->endorsers[i], err);
		if (rc != HM_OK)
			return hm_fail(err, rc == HM_E_NOMEM ? rc : HM_E_FORMAT,
				       0, "endorsers.keys[%zu]: not a public "
				       "key in PEM", i);
		p->endorser_count++;
	}
	rc = get_count(o, "threshold", (int64_t)p->endorser_count,
		       &p->endorser_threshold, err);
	return rc == HM_OK ? rc : hm_err_prefix(err, "endorsers");
}

static int get_log(struct hm_policy *p, struct hm_err *err)
{
	static const char *const keys[] = { "required", "keys",
					    "max_delay_minutes", NULL };
	struct hm_strings vkeys = {0};
	const struct hm_json *o;
	size_t minutes = 0;
	int rc = get_object(p->root, "log", keys, &o, err);

	if (rc != HM_OK || !o)
		return rc;
	rc = get_flag(o, "required", &p->log_required, err);
	if (rc == HM_OK)
		rc = get_strings(o, "keys", &vkeys, err);
	if (rc == HM_OK && hm_json_get(o, "max_delay_minutes"))
		rc = get_count(o, "max_delay_minutes", 525600, &minutes, err);
	p->log_delay_ms = (int64_t)minutes * 60000;
	if (rc == HM_OK && vkeys.count == 0)
		rc = hm_fail(err, HM_E_FORMAT, 0,
			     "keys are missing: a log is named by its key");
	if (rc == HM_OK) {
		p->logs = calloc(1, sizeof(*p->logs));
		if (!p->logs)
			rc = hm_fail(err, HM_E_NOMEM, 0, "keys");
	}
	for (size_t i = 0; rc == HM_OK && i < vkeys.count; i++)
		rc = hm_log_keys_add_vkey(p->logs, hm_slice_str(vkeys.items[i]),
					  err);
	return rc == HM_OK ? rc : hm_err_prefix(err, "log");
}

/* {"keys", "threshold"}, and "of" for challengers. */
static int get_group(struct hm_policy *p, const char *key, bool has_of,
		     struct hm_strings *members, size_t *threshold, size_t *of,
		     struct hm_err *err)
{
	static const char *const keys[] = { "keys", "threshold", "of", NULL };
	static const char *const keys_no_of[] = { "keys", "threshold", NULL };
	const struct hm_json *o;
	int rc = get_object(p->root, key, has_of ? keys : keys_no_of, &o, err);

	if (rc != HM_OK || !o)
		return rc;
	rc = get_strings(o, "keys", members, err);
	if (rc == HM_OK && members->count == 0)
		rc = hm_fail(err, HM_E_FORMAT, 0, "keys are missing");
	*of = members->count;
	if (rc == HM_OK && has_of)
		rc = get_count(o, "of", (int64_t)members->count, of, err);
	/* The denominator is fixed here: a silent challenger is not a yes. */
	if (rc == HM_OK && *of != members->count)
		rc = hm_fail(err, HM_E_FORMAT, 0,
			     "of must be the number of keys");
	if (rc == HM_OK)
		rc = get_count(o, "threshold", (int64_t)*of, threshold, err);
	return rc == HM_OK ? rc : hm_err_prefix(err, "%s", key);
}

/* Cosigning keys; one that signs twice is one witness. */
static int get_witnesses(struct hm_policy *p, struct hm_err *err)
{
	struct hm_strings vkeys = {0};
	size_t of;
	int rc = get_group(p, "witnesses", false, &vkeys, &p->witness_threshold,
			   &of, err);

	if (rc != HM_OK || vkeys.count == 0)
		return rc;
	p->witnesses = calloc(vkeys.count, sizeof(*p->witnesses));
	if (!p->witnesses)
		return hm_fail(err, HM_E_NOMEM, 0, "witnesses");
	for (size_t i = 0; i < vkeys.count; i++) {
		struct hm_note_key *k = &p->witnesses[i];

		rc = hm_note_vkey_parse(hm_slice_str(vkeys.items[i]), k, err);
		if (rc != HM_OK)
			return hm_err_prefix(err, "witnesses.keys[%zu]", i);
		p->witness_count++;
		for (size_t j = 0; j < i; j++)
			if (memcmp(k->id, p->witnesses[j].id, sizeof(k->id)) == 0)
				return hm_fail(err, HM_E_FORMAT, 0, "witnesses."
					       "keys[%zu]: is there twice", i);
		if (k->type != HM_NOTE_COSIGNATURE)
			return hm_fail(err, HM_E_FORMAT, 0, "witnesses.keys[%zu]"
				       ": not a witness's key", i);
	}
	return HM_OK;
}

static int get_modes(struct hm_policy *p, struct hm_err *err)
{
	int rc = get_strings(p->root, "sandboxes", &p->sandboxes, err);

	if (rc == HM_OK)
		rc = get_strings(p->root, "networks", &p->networks, err);
	for (size_t i = 0; rc == HM_OK && i < p->networks.count; i++) {
		const char *m = p->networks.items[i];

		if (strcmp(m, "none") != 0 && strcmp(m, "record") != 0 &&
		    strcmp(m, "locked") != 0)
			rc = hm_fail(err, HM_E_FORMAT, 0, "networks: must be "
				     "\"none\", \"record\" or \"locked\"");
	}
	if (rc == HM_OK)
		rc = get_flag(p->root, "network_record_complete",
			      &p->network_complete, err);
	return rc;
}

static int get_head(struct hm_policy *p, struct hm_err *err)
{
	static const char *const keys[] = {
		"version", "name", "expires", "max_age_days", "trust_roots",
		"repositories", "builders", "images", "pcrs", "endorsers",
		"sandboxes", "networks", "network_record_complete", "log",
		"witnesses", "challengers", NULL,
	};
	const char *expires;
	size_t days = 0;
	int64_t version;
	int rc;

	if (hm_json_type(p->root) != HM_JSON_OBJECT)
		return hm_fail(err, HM_E_FORMAT, 0, "not a JSON object");
	rc = hm_json_only_keys(p->root, keys, err);
	if (rc != HM_OK)
		return rc;
	if (!hm_json_integer(hm_json_get(p->root, "version"), &version) ||
	    version != 1)
		return hm_fail(err, HM_E_FORMAT, 0, "version must be 1");
	p->name = hm_json_get_string(p->root, "name");
	rc = get_text(p->name, "name", err);
	if (rc != HM_OK)
		return rc;
	expires = hm_json_get_string(p->root, "expires");
	if (hm_json_get(p->root, "expires") &&
	    (!expires || !hm_when_parse(hm_slice_str(expires), &p->expires_ms)))
		return hm_fail(err, HM_E_FORMAT, 0, "expires must be a time "
			       "like 2027-05-03T10:00:00Z");
	if (hm_json_get(p->root, "max_age_days"))
		rc = get_count(p->root, "max_age_days", 36500, &days, err);
	p->max_age_ms = (int64_t)days * 86400000;
	return rc;
}

static int parse(struct hm_slice text, struct hm_policy *p, struct hm_err *err)
{
	int rc = hm_json_parse(text, HM_POLICY_MAX, &p->root, err);

	if (rc == HM_OK)
		rc = hm_sha256(text, p->sha256, err);
	if (rc == HM_OK)
		rc = get_head(p, err);
	if (rc == HM_OK)
		rc = get_roots(p, err);
	if (rc == HM_OK)
		rc = get_repositories(p, err);
	if (rc == HM_OK)
		rc = get_strings(p->root, "builders", &p->builders, err);
	if (rc == HM_OK)
		rc = get_strings(p->root, "images", &p->images, err);
	if (rc == HM_OK)
		rc = get_pins(p, err);
	if (rc == HM_OK)
		rc = get_endorsers(p, err);
	if (rc == HM_OK)
		rc = get_modes(p, err);
	if (rc == HM_OK)
		rc = get_log(p, err);
	if (rc == HM_OK)
		rc = get_witnesses(p, err);
	if (rc == HM_OK)
		rc = get_group(p, "challengers", true, &p->challengers,
			       &p->challenger_threshold, &p->challenger_of,
			       err);
	return rc;
}

int hm_policy_parse(struct hm_slice text, struct hm_policy *ret_p,
		    struct hm_err *err)
{
	AUTO_POLICY struct hm_policy p = {0};
	int rc = parse(text, &p, err);

	if (rc != HM_OK)
		return hm_err_prefix(err, "policy");
	*ret_p = p;
	hm_policy_init(&p);	/* transferred */
	return HM_OK;
}
