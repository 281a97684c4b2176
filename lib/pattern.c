/*
 * Paths and globs as text. Their authors are not trusted (a path that leaves the
 * tree is the oldest attack there is), but they are mostly people with a typo,
 * so each problem has its own words.
 */
#include "lib/pattern.h"

#include "lib/path.h"

bool hm_has_control(const char *s, const char *allowed)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		/* C1 controls are U+0080..U+009F: C2 80..C2 9F in UTF-8 */
		if (c == 0xc2 && (unsigned char)s[1] < 0xa0)
			return true;
		if ((c < 0x20 || c == 0x7f) && !strchr(allowed, c))
			return true;
	}
	return false;
}

/* What is wrong with one component of a path, or NULL. */
static const char *component_problem(struct hm_slice c)
{
	if (c.len == 0)
		return "has an empty part; write single '/' between names and none at the end";
	if (hm_slice_eq_str(c, "."))
		return "has a '.' part; leave it out";
	if (hm_slice_eq_str(c, ".."))
		return "leaves the source root; name something inside the project";
	if (c.len > HM_NAME_MAX)
		return "has a part longer than 255 bytes; no file system takes it";
	return NULL;
}

/* '*', '?', '[...]' inside a component, and "**" as a whole one. */
static const char *glob_problem(struct hm_slice c)
{
	const char *s = (const char *)c.ptr;
	size_t i = 0;

	if (hm_slice_eq_str(c, "**"))
		return NULL;
	while (i < c.len) {
		size_t first;

		if (s[i] == '*' && i + 1 < c.len && s[i + 1] == '*')
			return "has '**' beside other characters; '**' must stand alone "
			       "between slashes";
		if (s[i] == '\\')
			return "has a backslash; to match a special character write it in "
			       "brackets, like '[*]'";
		if (s[i] != '[') {
			i++;
			continue;
		}
		first = i + 1 + (i + 1 < c.len && (s[i + 1] == '!' || s[i + 1] == '^'));
		/* a ']' right behind the opening stands for itself */
		for (i = first; i < c.len && (i == first || s[i] != ']'); i++)
			if (s[i] == '\\')
				return "has a backslash; to match a special character "
				       "write it in brackets, like '[*]'";
		if (i >= c.len)
			return "has a '[' without ']'; close it, or write '[[]' for the "
			       "character itself";
		i++;
	}
	return NULL;
}

const char *hm_pattern_problem(const char *s, bool glob)
{
	struct hm_slice rest = hm_slice_str(s);

	if (*s == '/')
		return "is absolute; write it from the source root, without the leading '/'";
	if (hm_has_control(s, ""))
		return "holds a control character; rename the file";
	if (rest.len > HM_PATH_MAX)
		return "is longer than 4095 bytes; no file system takes it";
	for (;;) {
		const uint8_t *slash = memchr(rest.ptr, '/', rest.len);
		size_t n = slash ? (size_t)(slash - rest.ptr) : rest.len;
		struct hm_slice c = hm_slice(rest.ptr, n);
		const char *problem = component_problem(c);

		if (!problem && glob)
			problem = glob_problem(c);
		if (problem || !slash)
			return problem;
		rest = hm_slice(slash + 1, rest.len - n - 1);
	}
}
