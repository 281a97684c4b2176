/*
 * Near matches. The names come from the build and go into a message, so they
 * are escaped; looking is bounded by one directory's listing.
 */
#include "enclave-worker/near.h"

#include <stdio.h>

#include "enclave-worker/tree_walk.h"
#include "lib/log.h"
#include "lib/path.h"

/* How many names are shown when none is close. */
#define SHOWN 4

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Levenshtein distance, one row at a time. */
static size_t distance(const char *a, const char *b)
{
	size_t row[HM_NAME_MAX + 1];
	size_t n = strlen(b);

	if (n > HM_NAME_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1,
				      diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[n];
}

static const char *nearest(const struct hm_dir_names *names, const char *wanted)
{
	/* Half wrong is not a typing error any more. */
	size_t best = strlen(wanted) / 2 + 1;
	const char *name = NULL;

	for (size_t i = 0; i < names->count; i++) {
		size_t d = distance(wanted, names->items[i]);

		if (d < best) {
			best = d;
			name = names->items[i];
		}
	}
	return name;
}

static void append(char out[HM_NEAR_MAX], const char *text)
{
	size_t at = strlen(out), n = strlen(text);

	if (n < HM_NEAR_MAX - at)
		memcpy(out + at, text, n + 1);
}

static void append_name(char out[HM_NEAR_MAX], const char *dir,
			const char *name)
{
	char quoted[64], path[HM_PATH_MAX + 1];

	if (snprintf(path, sizeof(path), "%s%s%s", dir, dir[0] ? "/" : "",
		     name) >= (int)sizeof(path))
		return;
	append(out, "'");
	append(out, hm_escape(hm_slice_str(path), quoted, sizeof(quoted)));
	append(out, "'");
}

static void describe(const struct hm_dir_names *names, const char *dir,
		     const char *wanted, char out[HM_NEAR_MAX])
{
	const char *near = nearest(names, wanted);

	if (near) {
		append(out, "; did you mean ");
		append_name(out, dir, near);
		append(out, "?");
		return;
	}
	append(out, "; ");
	if (dir[0])
		append_name(out, "", dir);
	else
		append(out, "the source root");
	if (names->count == 0)
		append(out, " is empty");
	for (size_t i = 0; i < names->count && i < SHOWN; i++) {
		append(out, i == 0 ? " holds " : ", ");
		append_name(out, "", names->items[i]);
	}
	if (names->count > SHOWN)
		append(out, ", ...");
}

const char *hm_near_hint(int root_fd, const char *pattern,
			 char out[HM_NEAR_MAX])
{
	char dir[HM_PATH_MAX + 1] = "", wanted[HM_NAME_MAX + 1];
	const char *rest = pattern;

	out[0] = 0;
	/* Down as far as plain components exist; then look around there. */
	for (;;) {
		AUTO_NAMES struct hm_dir_names names = {.items = NULL};
		AUTO_CLOSE int fd = -1;
		size_t n = strcspn(rest, "/"), len = strlen(dir);
		struct hm_err err;
		struct stat st;

		if (n > HM_NAME_MAX || len + 1 + n > HM_PATH_MAX ||
		    hm_dir_names_read(root_fd, dir, &names, &fd, &err) < 0)
			return out;
		memcpy(wanted, rest, n);
		wanted[n] = 0;
		if (strpbrk(wanted, "*?[") || rest[n] == 0 ||
		    fstatat(fd, wanted, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			describe(&names, dir, wanted, out);
			return out;
		}
		if (!S_ISDIR(st.st_mode)) {
			append(out, "; ");
			append_name(out, dir, wanted);
			append(out, " is not a directory");
			return out;
		}
		(void)snprintf(dir + len, sizeof(dir) - len, "%s%s",
			       len > 0 ? "/" : "", wanted);
		rest += n + 1;
	}
}
