/*
 * Path shapes of six ecosystems. The URL is text from the build: a part that
 * has anything but letters, digits and the few marks that names and versions
 * use is refused, so nothing here can break out of the purl.
 */
#include "enclave-worker/purl.h"

#include <stdio.h>
#include <strings.h>

#define PARTS_MAX 32

struct url {
	struct hm_slice host;
	struct hm_slice parts[PARTS_MAX];
	size_t count;
};

static bool split(struct hm_slice text, struct url *ret)
{
	struct url u = {0};
	const uint8_t *p = memmem(text.ptr, text.len, "://", 3);
	const uint8_t *end = text.ptr + text.len;
	const uint8_t *query;

	if (!p)
		return false;
	p += 3;
	query = memchr(p, '?', (size_t)(end - p));
	if (query)
		end = query;
	for (;;) {
		const uint8_t *slash = memchr(p, '/', (size_t)(end - p));
		const uint8_t *stop = slash ? slash : end;
		struct hm_slice part = hm_slice(p, (size_t)(stop - p));

		if (!u.host.ptr)
			u.host = part;
		else if (u.count == PARTS_MAX)
			return false;
		else
			u.parts[u.count++] = part;
		if (!slash)
			break;
		p = slash + 1;
	}
	*ret = u;
	return u.host.len > 0;
}

static bool is(struct hm_slice s, const char *text)
{
	return hm_slice_eq_str(s, text);
}

static bool ends(struct hm_slice s, const char *tail)
{
	size_t n = strlen(tail);

	return s.len > n && memcmp(s.ptr + s.len - n, tail, n) == 0;
}

/* Part counted from the end, 0 = last. */
static struct hm_slice back(const struct url *u, size_t i)
{
	return i < u->count ? u->parts[u->count - 1 - i] : (struct hm_slice){0};
}

static bool is_plain(struct hm_slice s)
{
	static const char marks[] = "-_.+~!";

	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || (c && strchr(marks, c))))
			return false;
	}
	return s.len > 0;
}

/* '+' and '~' are fine in versions and must be encoded in a purl. */
static int add_plain(struct hm_buf *b, struct hm_slice s, bool lower,
		     struct hm_err *err)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.ptr[i];
		int rc;

		if (lower && c >= 'A' && c <= 'Z')
			c = (uint8_t)(c + ('a' - 'A'));
		rc = c == '+' ? hm_buf_add_str(b, "%2B", err)
			      : hm_buf_add(b, &c, 1, err);
		if (rc != HM_OK)
			return rc;
	}
	return HM_OK;
}

static int add_registry(struct hm_buf *b, const struct url *u,
			const char *const *usual, struct hm_err *err)
{
	for (; *usual; usual++)
		if (is(u->host, *usual))
			return HM_OK;
	if (!is_plain(u->host))
		return HM_OK;
	if (hm_buf_add_str(b, "?repository_url=https://", err) != HM_OK)
		return err->code;
	return hm_buf_add_slice(b, u->host, err);
}

/* .../crates/NAME/VERSION/download, or .../NAME/NAME-VERSION.crate */
static int cargo(const struct url *u, struct hm_buf *b, bool *ret_done,
		 struct hm_err *err)
{
	static const char *const usual[] = {"crates.io", "static.crates.io",
					    "index.crates.io", NULL};
	struct hm_slice name = back(u, 2), version = back(u, 1);

	if (ends(back(u, 0), ".crate")) {
		name = back(u, 1);
		version = back(u, 0);
		if (version.len < name.len + 8 ||
		    memcmp(version.ptr, name.ptr, name.len) != 0 ||
		    version.ptr[name.len] != '-')
			return HM_OK;
		version = hm_slice(version.ptr + name.len + 1,
				   version.len - name.len - 7);
	} else if (!is(back(u, 0), "download") || !is(back(u, 3), "crates")) {
		return HM_OK;
	}
	if (!is_plain(name) || !is_plain(version))
		return HM_OK;
	*ret_done = true;
	if (hm_buf_add_str(b, "pkg:cargo/", err) != HM_OK ||
	    add_plain(b, name, false, err) != HM_OK ||
	    hm_buf_add_str(b, "@", err) != HM_OK ||
	    add_plain(b, version, false, err) != HM_OK)
		return err->code;
	return add_registry(b, u, usual, err);
}

/* .../[@SCOPE/]NAME/-/NAME-VERSION.tgz */
static int npm(const struct url *u, struct hm_buf *b, bool *ret_done,
	       struct hm_err *err)
{
	static const char *const usual[] = {"registry.npmjs.org",
					    "registry.yarnpkg.com", NULL};
	struct hm_slice file = back(u, 0), name = back(u, 2);
	struct hm_slice scope = back(u, 3), version;

	if (!is(back(u, 1), "-") || !ends(file, ".tgz") || !is_plain(name) ||
	    file.len < name.len + 6 ||
	    memcmp(file.ptr, name.ptr, name.len) != 0 ||
	    file.ptr[name.len] != '-')
		return HM_OK;
	version = hm_slice(file.ptr + name.len + 1, file.len - name.len - 5);
	/* The '@' of a scope may come encoded. */
	if (scope.len > 3 && memcmp(scope.ptr, "%40", 3) == 0)
		scope = hm_slice(scope.ptr + 3, scope.len - 3);
	else if (scope.len > 1 && scope.ptr[0] == '@')
		scope = hm_slice(scope.ptr + 1, scope.len - 1);
	else
		scope.len = 0;
	if (!is_plain(version) || (scope.len > 0 && !is_plain(scope)))
		return HM_OK;
	*ret_done = true;
	if (hm_buf_add_str(b, "pkg:npm/", err) != HM_OK ||
	    (scope.len > 0 && (hm_buf_add_str(b, "%40", err) != HM_OK ||
			       add_plain(b, scope, false, err) != HM_OK ||
			       hm_buf_add_str(b, "/", err) != HM_OK)) ||
	    add_plain(b, name, false, err) != HM_OK ||
	    hm_buf_add_str(b, "@", err) != HM_OK ||
	    add_plain(b, version, false, err) != HM_OK)
		return err->code;
	return add_registry(b, u, usual, err);
}

/* NAME-VERSION[-BUILD]-PY-ABI-PLATFORM.whl, or NAME-VERSION.tar.gz */
static int pypi(const struct url *u, struct hm_buf *b, bool *ret_done,
		struct hm_err *err)
{
	static const char *const usual[] = {"files.pythonhosted.org", "pypi.org",
					    NULL};
	struct hm_slice file = back(u, 0), name, version;
	const uint8_t *dash;

	/* Only below .../packages/, or any tarball would be a Python one. */
	if (!is(u->count >= 5 ? back(u, 4) : (struct hm_slice){0}, "packages"))
		return HM_OK;
	if (ends(file, ".whl")) {
		dash = memchr(file.ptr, '-', file.len);
		if (!dash)
			return HM_OK;
		name = hm_slice(file.ptr, (size_t)(dash - file.ptr));
		version = hm_slice(dash + 1, file.len - name.len - 1);
		dash = memchr(version.ptr, '-', version.len);
		if (!dash)
			return HM_OK;
		version.len = (size_t)(dash - version.ptr);
	} else if (ends(file, ".tar.gz")) {
		file.len -= 7;
		dash = memrchr(file.ptr, '-', file.len);
		if (!dash)
			return HM_OK;
		name = hm_slice(file.ptr, (size_t)(dash - file.ptr));
		version = hm_slice(dash + 1, file.len - name.len - 1);
	} else {
		return HM_OK;
	}
	if (!is_plain(name) || !is_plain(version))
		return HM_OK;
	*ret_done = true;
	if (hm_buf_add_str(b, "pkg:pypi/", err) != HM_OK)
		return err->code;
	/* PEP 503: one spelling for '-', '_', '.'. */
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.ptr[i];

		if (c == '_' || c == '.')
			c = '-';
		if (add_plain(b, hm_slice(&c, 1), true, err) != HM_OK)
			return err->code;
	}
	if (hm_buf_add_str(b, "@", err) != HM_OK ||
	    add_plain(b, version, false, err) != HM_OK)
		return err->code;
	return add_registry(b, u, usual, err);
}

/* MODULE/@v/VERSION.zip, "!x" standing for "X" */
static int golang(const struct url *u, struct hm_buf *b, bool *ret_done,
		  struct hm_err *err)
{
	static const char *const usual[] = {"proxy.golang.org", NULL};
	struct hm_slice version = back(u, 0);

	if (u->count < 3 || !is(back(u, 1), "@v") || !ends(version, ".zip"))
		return HM_OK;
	version.len -= 4;
	for (size_t i = 0; i + 2 < u->count; i++)
		if (!is_plain(u->parts[i]))
			return HM_OK;
	if (!is_plain(version))
		return HM_OK;
	*ret_done = true;
	if (hm_buf_add_str(b, "pkg:golang", err) != HM_OK)
		return err->code;
	for (size_t i = 0; i + 2 < u->count; i++) {
		struct hm_slice part = u->parts[i];

		if (hm_buf_add_str(b, "/", err) != HM_OK)
			return err->code;
		/* The purl type asks for lower case; "!x" is upper-case x. */
		for (size_t n = 0; n < part.len; n++)
			if (part.ptr[n] != '!' &&
			    add_plain(b, hm_slice(part.ptr + n, 1), true, err) !=
				    HM_OK)
				return err->code;
	}
	if (hm_buf_add_str(b, "@", err) != HM_OK ||
	    add_plain(b, version, false, err) != HM_OK)
		return err->code;
	return add_registry(b, u, usual, err);
}

/* maven2/GROUP/PARTS/ARTIFACT/VERSION/ARTIFACT-VERSION.jar|pom|war|aar */
static int maven(const struct url *u, struct hm_buf *b, bool *ret_done,
		 struct hm_err *err)
{
	static const char *const usual[] = {"repo.maven.apache.org",
					    "repo1.maven.org", NULL};
	static const char *const types[] = {".jar", ".pom", ".war", ".aar"};
	struct hm_slice file = back(u, 0), version = back(u, 1);
	struct hm_slice artifact = back(u, 2);
	const char *type = NULL;
	char want[512];
	int n;

	if (u->count < 5 || !is(u->parts[0], "maven2"))
		return HM_OK;
	for (size_t i = 1; i < u->count; i++)
		if (!is_plain(u->parts[i]))
			return HM_OK;
	for (size_t i = 0; i < HM_ARRAY_LEN(types); i++) {
		n = snprintf(want, sizeof(want), "%.*s-%.*s%s",
			     (int)artifact.len, (const char *)artifact.ptr,
			     (int)version.len, (const char *)version.ptr,
			     types[i]);
		if (n > 0 && (size_t)n < sizeof(want) && is(file, want))
			type = types[i] + 1;
	}
	if (!type)
		return HM_OK;
	*ret_done = true;
	if (hm_buf_add_str(b, "pkg:maven/", err) != HM_OK)
		return err->code;
	for (size_t i = 1; i + 3 < u->count; i++)
		if ((i > 1 && hm_buf_add_str(b, ".", err) != HM_OK) ||
		    add_plain(b, u->parts[i], false, err) != HM_OK)
			return err->code;
	if (hm_buf_add_str(b, "/", err) != HM_OK ||
	    add_plain(b, artifact, false, err) != HM_OK ||
	    hm_buf_add_str(b, "@", err) != HM_OK ||
	    add_plain(b, version, false, err) != HM_OK)
		return err->code;
	if (strcmp(type, "jar") != 0)
		return hm_buf_addf(b, err, "?type=%s", type);
	return add_registry(b, u, usual, err);
}

/* .../pool/AREA/X/SOURCE/NAME_VERSION_ARCH.deb */
static int debian(const struct url *u, struct hm_buf *b, bool *ret_done,
		  struct hm_err *err)
{
	struct hm_slice file = back(u, 0), name, version, arch;
	const uint8_t *first, *last;
	const char *vendor = "debian";

	if (!ends(file, ".deb") || !is(back(u, 4), "pool"))
		return HM_OK;
	for (size_t i = 0; i < u->count; i++)
		if (is(u->parts[i], "ubuntu"))
			vendor = "ubuntu";
	file.len -= 4;
	first = memchr(file.ptr, '_', file.len);
	last = memrchr(file.ptr, '_', file.len);
	if (!first || first == last)
		return HM_OK;
	name = hm_slice(file.ptr, (size_t)(first - file.ptr));
	version = hm_slice(first + 1, (size_t)(last - first) - 1);
	arch = hm_slice(last + 1, file.len - (size_t)(last - file.ptr) - 1);
	if (!is_plain(name) || !is_plain(version) || !is_plain(arch))
		return HM_OK;
	*ret_done = true;
	if (hm_buf_addf(b, err, "pkg:deb/%s/", vendor) != HM_OK ||
	    add_plain(b, name, false, err) != HM_OK ||
	    hm_buf_add_str(b, "@", err) != HM_OK ||
	    add_plain(b, version, false, err) != HM_OK ||
	    hm_buf_add_str(b, "?arch=", err) != HM_OK)
		return err->code;
	return add_plain(b, arch, false, err);
}

int hm_purl_add(struct hm_slice url, struct hm_buf *b, struct hm_err *err)
{
	static int (*const kinds[])(const struct url *, struct hm_buf *, bool *,
				    struct hm_err *) = {cargo, npm,   pypi,
							golang, maven, debian};
	bool done = false;
	struct url u;

	if (!split(url, &u))
		return HM_OK;
	for (size_t i = 0; i < HM_ARRAY_LEN(kinds) && !done; i++)
		if (kinds[i](&u, b, &done, err) != HM_OK)
			return err->code;
	return HM_OK;
}
