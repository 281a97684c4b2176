/*
 * Errs on the side of hiding: a redacted value costs a reader little, a token in
 * a public transparency record costs its owner everything. Three signs: the
 * parameter's name, a known token's prefix, and looking like randomness.
 */
#include "enclave-worker/interceptor/redact.h"

#include <stdio.h>
#include <strings.h>

#include "lib/hex.h"

/* Parameter names, compared without case; '*' at the end means "and longer". */
static const char *const secret_names[] = {
	"token",	 "access_token",  "refresh_token", "id_token",
	"auth",		 "auth_token",	  "authorization", "authtoken",
	"key",		 "api_key",	  "apikey",	   "access_key",
	"secret",	 "client_secret", "password",	   "passwd",
	"pass",		 "pwd",		  "sig",	   "signature",
	"jwt",		 "session",	  "sessionid",	   "private_token",
	"job_token",	 "credential",	  "credentials",   "code",
	"awsaccesskeyid", "x-amz-*",	  "x-goog-*",	   "x-ms-*",
	"policy",	 "key-pair-id",	  "hmac",	   "nonce",
	"state",	 "oauth*",	  "personal_access_token",
};

/* How widely used tokens begin. */
static const char *const token_prefixes[] = {
	"ghp_",	 "gho_",    "ghu_",  "ghs_",   "ghr_",	"github_pat_", "glpat-",
	"gldt-", "glcbt-",  "npm_",  "pypi-",  "AKIA",	"ASIA",	       "eyJ",
	"xoxb-", "xoxp-",   "xoxa-", "sk-",    "sk_live_", "rk_live_", "hf_",
	"dop_v1_", "crates_", "cio", "rubygems_", "NuGet", "AIza",     "ya29.",
	"SG.",	 "shpat_",  "dckr_pat_", "hvs.",
};

/* Shorter values are words, versions, and hashes cut short. */
#define RANDOM_MIN 28

int hm_redact_init(struct hm_redact *r, struct hm_err *err)
{
	return hm_random(r->key, sizeof(r->key), err);
}

static bool is_secret_name(struct hm_slice name)
{
	for (size_t i = 0; i < HM_ARRAY_LEN(secret_names); i++) {
		const char *want = secret_names[i];
		size_t len = strlen(want);

		if (want[len - 1] == '*') {
			if (name.len >= len - 1 &&
			    strncasecmp((const char *)name.ptr, want, len - 1) ==
				    0)
				return true;
		} else if (name.len == len &&
			   strncasecmp((const char *)name.ptr, want, len) == 0) {
			return true;
		}
	}
	return false;
}

static bool has_token_prefix(struct hm_slice v)
{
	for (size_t i = 0; i < HM_ARRAY_LEN(token_prefixes); i++) {
		size_t len = strlen(token_prefixes[i]);

		/* A bare prefix, or a word that begins like one, is no token. */
		if (v.len >= len + 16 &&
		    memcmp(v.ptr, token_prefixes[i], len) == 0)
			return true;
	}
	return false;
}

/*
 * Upper, lower and digits in one run without dots: base64 of randomness, not a
 * file name ("1.2.3.tar.gz"), a commit or a digest (hex has one case only).
 */
static bool looks_random(struct hm_slice v)
{
	size_t upper = 0, low = 0, digits = 0;

	for (size_t i = 0; i < v.len; i++) {
		uint8_t c = v.ptr[i];

		if (c == '.' || c == '/' || c == '@')
			return false;
		upper += c >= 'A' && c <= 'Z';
		low += c >= 'a' && c <= 'z';
		digits += c >= '0' && c <= '9';
	}
	return v.len >= RANDOM_MIN && upper >= 4 && low >= 4 && digits >= 3;
}

static bool is_secret_value(struct hm_slice v)
{
	return has_token_prefix(v) || looks_random(v);
}

/* H(key || H(key || value)), cut: equal or not is all it may tell. */
static int add_redacted(const struct hm_redact *r, struct hm_slice v,
			struct hm_buf *b, struct hm_err *err)
{
	uint8_t digest[HM_SHA256_LEN];
	char hex[2 * HM_SHA256_LEN + 1];
	AUTO_DIGEST struct hm_digest *d = NULL;

	if (hm_digest_new(HM_SHA256, &d, err) != HM_OK ||
	    hm_digest_update(d, r->key, sizeof(r->key), err) != HM_OK ||
	    hm_digest_update(d, v.ptr, v.len, err) != HM_OK ||
	    hm_digest_final(d, digest, err) != HM_OK ||
	    hm_digest_update(d, r->key, sizeof(r->key), err) != HM_OK ||
	    hm_digest_update(d, digest, sizeof(digest), err) != HM_OK ||
	    hm_digest_final(d, digest, err) != HM_OK)
		return err->code;
	hm_hex(digest, 8, hex);
	return hm_buf_addf(b, err, "redacted-%s", hex);
}

static int add_visible(struct hm_slice v, struct hm_buf *b, struct hm_err *err)
{
	for (size_t i = 0; i < v.len; i++) {
		uint8_t c = v.ptr[i];
		int rc = c > 0x20 && c < 0x7f && c != '"' && c != '\\'
				 ? hm_buf_add(b, &c, 1, err)
				 : hm_buf_addf(b, err, "%%%02X", c);

		if (rc != HM_OK)
			return rc;
	}
	return HM_OK;
}

static int add_value(const struct hm_redact *r, struct hm_slice v, bool secret,
		     struct hm_buf *b, struct hm_err *err)
{
	if (v.len > 0 && (secret || is_secret_value(v)))
		return add_redacted(r, v, b, err);
	return add_visible(v, b, err);
}

/* Up to the first of `stops`, or all of it. */
static struct hm_slice cut(struct hm_slice *rest, const char *stops)
{
	size_t n = 0;
	struct hm_slice head;

	while (n < rest->len && !memchr(stops, rest->ptr[n], strlen(stops)))
		n++;
	head = hm_slice(rest->ptr, n);
	*rest = hm_slice(rest->ptr + n, rest->len - n);
	return head;
}

static int add_query(const struct hm_redact *r, struct hm_slice query,
		     struct hm_buf *b, struct hm_err *err)
{
	while (query.len > 0) {
		struct hm_slice name = cut(&query, "=&;");

		if (query.len == 0 || query.ptr[0] != '=') {
			/* A value without a name. */
			if (add_value(r, name, false, b, err) != HM_OK)
				return err->code;
		} else {
			struct hm_slice value;

			query = hm_slice(query.ptr + 1, query.len - 1);
			value = cut(&query, "&;");
			if (add_visible(name, b, err) != HM_OK ||
			    hm_buf_add_str(b, "=", err) != HM_OK ||
			    add_value(r, value, is_secret_name(name), b, err) !=
				    HM_OK)
				return err->code;
		}
		if (query.len > 0) {
			if (hm_buf_add(b, query.ptr, 1, err) != HM_OK)
				return err->code;
			query = hm_slice(query.ptr + 1, query.len - 1);
		}
	}
	return HM_OK;
}

static int add_path(const struct hm_redact *r, struct hm_slice path,
		    struct hm_buf *b, struct hm_err *err)
{
	while (path.len > 0) {
		struct hm_slice segment = cut(&path, "/");

		if (add_value(r, segment, false, b, err) != HM_OK)
			return err->code;
		if (path.len == 0)
			break;
		if (hm_buf_add_str(b, "/", err) != HM_OK)
			return err->code;
		path = hm_slice(path.ptr + 1, path.len - 1);
	}
	return HM_OK;
}

/* "scheme://" and authority of an absolute URL, user information hidden. */
static int add_origin(const struct hm_redact *r, struct hm_slice *url,
		      struct hm_buf *b, struct hm_err *err)
{
	const uint8_t *colon = memmem(url->ptr, url->len, "://", 3);
	const uint8_t *stop = url->len ? memchr(url->ptr, '?', url->len) : NULL;
	struct hm_slice scheme, authority;
	const uint8_t *at;

	if (!colon || url->ptr[0] == '/' || (stop && stop < colon))
		return HM_OK;
	scheme = hm_slice(url->ptr, (size_t)(colon - url->ptr) + 3);
	*url = hm_slice(colon + 3, url->len - scheme.len);
	authority = cut(url, "/?#");
	if (add_visible(scheme, b, err) != HM_OK)
		return err->code;
	at = authority.len ? memrchr(authority.ptr, '@', authority.len) : NULL;
	if (at) {
		size_t len = (size_t)(at - authority.ptr);

		if (add_redacted(r, hm_slice(authority.ptr, len), b, err) !=
			    HM_OK ||
		    hm_buf_add_str(b, "@", err) != HM_OK)
			return err->code;
		authority = hm_slice(at + 1, authority.len - len - 1);
	}
	return add_visible(authority, b, err);
}

int hm_redact_url(const struct hm_redact *r, struct hm_slice url,
		  struct hm_buf *b, struct hm_err *err)
{
	struct hm_slice path, fragment;

	if (url.len > 0 && add_origin(r, &url, b, err) != HM_OK)
		return err->code;
	path = cut(&url, "?#");
	if (add_path(r, path, b, err) != HM_OK)
		return err->code;
	if (url.len > 0 && url.ptr[0] == '?') {
		url = hm_slice(url.ptr + 1, url.len - 1);
		if (hm_buf_add_str(b, "?", err) != HM_OK ||
		    add_query(r, cut(&url, "#"), b, err) != HM_OK)
			return err->code;
	}
	fragment = url;	/* '#' and more: servers redirect to such */
	if (fragment.len == 0)
		return HM_OK;
	if (hm_buf_add_str(b, "#", err) != HM_OK)
		return err->code;
	return add_query(r, hm_slice(fragment.ptr + 1, fragment.len - 1), b, err);
}
