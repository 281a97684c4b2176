/*
 * Around the repository itself. Paths and names come from the commit and from
 * .gitmodules: they are checked before they become part of a path on the host,
 * and the worker believes none of what is found there.
 */
#include "runner-hook/git_worktree.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "lib/gitobject.h"
#include "lib/hex.h"
#include "lib/log.h"
#include "lib/path.h"
#include "runner-hook/git_run.h"

/* --- submodules ------------------------------------------------------------- */

static int join(struct hm_buf *b, const char *dir, const char *between,
		struct hm_slice name, const char **ret_path, struct hm_err *err)
{
	int rc;

	b->len = 0;
	rc = hm_buf_add_str(b, dir, err);
	if (rc == HM_OK)
		rc = hm_buf_add_str(b, between, err);
	if (rc == HM_OK)
		rc = hm_buf_add_slice(b, name, err);
	return rc < 0 ? rc : hm_buf_cstr(b, ret_path, err);
}

/* One "submodule.NAME.path\nPATH" of git config -z; true when PATH is path. */
static bool name_of(struct hm_slice record, struct hm_slice path,
		    struct hm_slice *ret_name)
{
	static const char prefix[] = "submodule.", suffix[] = ".path";
	const size_t around = sizeof(prefix) - 1 + sizeof(suffix) - 1;
	const uint8_t *nl = memchr(record.ptr, '\n', record.len);
	size_t key = nl ? (size_t)(nl - record.ptr) : 0;

	if (key <= around ||
	    !hm_slice_eq(hm_slice(nl + 1, record.len - key - 1), path))
		return false;
	*ret_name = hm_slice(record.ptr + sizeof(prefix) - 1, key - around);
	return true;
}

/* The name that .gitmodules of the commit has for path. False: none. */
static int submodule_name(const struct hm_repo *r, const struct hm_git_id *commit,
			  struct hm_slice path, struct hm_buf *name,
			  bool *ret_found, struct hm_err *err)
{
	AUTO_BUF struct hm_buf out;
	char blob[HM_GIT_HEX_MAX + 16], hex[HM_GIT_HEX_MAX];
	struct hm_slice rest, found;
	int status, rc;

	hm_buf_init(&out, HM_GIT_ANSWER_MAX);
	hm_git_id_hex(commit, hex);
	(void)snprintf(blob, sizeof(blob), "%s:.gitmodules", hex);
	rc = hm_git_run(r, NULL, (const char *const[]){
				"config", "--blob", blob, "-z", "--get-regexp",
				"^submodule\\..*\\.path$", NULL},
			&out, NULL, &status, err);
	if (rc < 0)
		return rc;
	*ret_found = false;
	for (rest = hm_buf_slice(&out); rest.len > 0;) {
		const uint8_t *end = memchr(rest.ptr, 0, rest.len);
		size_t n = end ? (size_t)(end - rest.ptr) : rest.len;

		if (name_of(hm_slice(rest.ptr, n), path, &found) &&
		    hm_path_check(found, NULL) == HM_OK) {
			*ret_found = true;
			return hm_buf_add_slice(name, found, err);
		}
		n += end ? 1 : 0;
		rest = hm_slice(rest.ptr + n, rest.len - n);
	}
	return HM_OK;
}

/*
 * A repository below .git/modules without its work tree: git would go to the
 * work tree that its configuration names and fail, so it is described by hand.
 */
static int bare_repo(const char *git_dir, struct hm_repo *ret_r,
		     struct hm_err *err)
{
	AUTO_REPO struct hm_repo r = {.bare = true};
	AUTO_BUF struct hm_buf shallow;
	const char *path;
	int rc;

	hm_buf_init(&shallow, HM_PATH_MAX + 1);
	rc = join(&shallow, git_dir, "/shallow", hm_slice(NULL, 0), &path, err);
	if (rc < 0)
		return rc;
	r.shallow = access(path, F_OK) == 0;
	r.root = strdup(git_dir);
	r.git_dir = strdup(git_dir);
	r.common_dir = strdup(git_dir);
	if (!r.root || !r.git_dir || !r.common_dir)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "submodule");
	*ret_r = HM_TAKE(r, (struct hm_repo){.root = NULL});
	return HM_OK;
}

int hm_repo_submodule(const struct hm_repo *r, const struct hm_git_id *commit,
		      struct hm_slice path, struct hm_repo *ret_sub,
		      struct hm_err *err)
{
	AUTO_BUF struct hm_buf b, name;
	const char *dir;
	bool found = false;
	int rc;

	hm_buf_init(&b, 2 * HM_PATH_MAX);
	hm_buf_init(&name, HM_PATH_MAX);
	rc = join(&b, r->root, "/", path, &dir, err);
	if (rc == HM_OK)
		rc = hm_buf_add_str(&b, "/.git", err);
	if (rc == HM_OK)
		rc = hm_buf_cstr(&b, &dir, err);
	if (rc < 0)
		return rc;
	/* without this, git would find the repository around it */
	if (!r->bare && access(dir, F_OK) == 0) {
		b.len -= strlen("/.git");
		rc = hm_buf_cstr(&b, &dir, err);
		return rc < 0 ? rc : hm_repo_open(dir, ret_sub, err);
	}
	rc = submodule_name(r, commit, path, &name, &found, err);
	if (rc < 0)
		return rc;
	if (found) {
		rc = join(&b, r->common_dir, "/modules/", hm_buf_slice(&name),
			  &dir, err);
		if (rc < 0)
			return rc;
		if (access(dir, F_OK) == 0)
			return bare_repo(dir, ret_sub, err);
	}
	return hm_fail(err, HM_E_POLICY, 0,
		       "submodule '%s' is not checked out: run `git submodule "
		       "update --init --recursive` (with actions/checkout: "
		       "`submodules: recursive`)", HM_ESC(path));
}

/* --- LFS ---------------------------------------------------------------------- */

/* Where LFS content is kept: <common dir>/lfs, unless lfs.storage says else. */
static int lfs_dir(const struct hm_repo *r, struct hm_buf *b, struct hm_err *err)
{
	AUTO_BUF struct hm_buf out;
	int status, rc;

	hm_buf_init(&out, HM_PATH_MAX);
	rc = hm_git_run(r, NULL, (const char *const[]){
				"config", "-z", "--get", "lfs.storage", NULL},
			&out, NULL, &status, err);
	if (rc < 0)
		return rc;
	if (status == 0 && out.len > 1)
		out.len--;	/* the NUL of -z */
	else
		out.len = 0;
	if (out.len == 0 || out.data[0] != '/') {
		rc = hm_buf_add_str(b, r->common_dir, err);
		if (rc == HM_OK)
			rc = hm_buf_add_str(b, "/", err);
	}
	if (rc == HM_OK && out.len == 0)
		rc = hm_buf_add_str(b, "lfs", err);
	else if (rc == HM_OK)
		rc = hm_buf_add_slice(b, hm_buf_slice(&out), err);
	return rc;
}

int hm_repo_lfs_open(const struct hm_repo *r, const uint8_t sha256[32],
		     int *ret_fd, struct hm_err *err)
{
	AUTO_BUF struct hm_buf b;
	AUTO_CLOSE int fd = -1;
	char hex[65];
	const char *path;
	int rc;

	hm_buf_init(&b, 2 * HM_PATH_MAX);
	hm_hex(sha256, 32, hex);
	rc = lfs_dir(r, &b, err);
	if (rc == HM_OK)
		rc = hm_buf_addf(&b, err, "/objects/%.2s/%.2s/%s", hex, hex + 2,
				 hex);
	if (rc == HM_OK)
		rc = hm_buf_cstr(&b, &path, err);
	if (rc < 0)
		return rc;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return hm_fail(err, HM_E_POLICY, 0,
			       "its LFS content %.12s... is not here: run `git "
			       "lfs fetch` (with actions/checkout: `lfs: true`)",
			       hex);
	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "open LFS content %.12s...",
			       hex);
	*ret_fd = HM_TAKE_FD(fd);
	return HM_OK;
}

/* --- changed files ------------------------------------------------------------ */

/*
 * "-c filter.X.clean=" and "process=" for every filter that the repository's
 * configuration has, since comparing a file would run it.
 */
static int without_filters(const struct hm_repo *r, struct hm_buf *text,
			   const char **args, size_t max, size_t *ret_n,
			   struct hm_err *err)
{
	AUTO_BUF struct hm_buf out;
	size_t n = 0, start = 0;
	int status, rc;

	hm_buf_init(&out, HM_GIT_ANSWER_MAX);
	rc = hm_git_run(r, NULL, (const char *const[]){
				"config", "-z", "--name-only", "--get-regexp",
				"^filter\\..*\\.(clean|process|required)$", NULL},
			&out, NULL, &status, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < out.len; i++) {
		if (out.data[i] != 0)
			continue;
		rc = hm_buf_add(text, out.data + start, i - start, err);
		if (rc == HM_OK)	/* an empty command is none; also "false" */
			rc = hm_buf_add(text, "=", 2, err);
		if (rc < 0)
			return rc;
		start = i + 1;
		n++;
	}
	if (2 * n > max)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "the repository configures %zu filters", n);
	start = 0;
	for (size_t i = 0; i < n; i++) {
		args[2 * i] = "-c";
		args[2 * i + 1] = (const char *)text->data + start;
		start += strlen(args[2 * i + 1]) + 1;
	}
	*ret_n = 2 * n;
	return HM_OK;
}

/*
 * A checked-out LFS file differs from its pointer by design, and git can only
 * tell by running the filter. Equal sizes are enough for a warning.
 */
static bool is_lfs_checkout(const struct hm_repo *r, const char *id,
			    const char *path)
{
	AUTO_BUF struct hm_buf blob, full;
	struct hm_lfs_pointer p;
	const char *name;
	struct stat st;
	int status;

	hm_buf_init(&blob, HM_LFS_POINTER_MAX);
	hm_buf_init(&full, 2 * HM_PATH_MAX);
	return hm_git_run(r, NULL, (const char *const[]){"cat-file", "blob", id,
							 NULL},
			  &blob, NULL, &status, NULL) == HM_OK &&
	       status == 0 && hm_lfs_pointer_parse(hm_buf_slice(&blob), &p) &&
	       join(&full, r->root, "/", hm_slice_str(path), &name, NULL) == HM_OK &&
	       lstat(name, &st) == 0 && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size == p.size;
}

/*
 * One record of `status --porcelain=v2 -z`: "1 XY sub mH mI mW hH hI path".
 * Only an unstaged content change of a regular file can be LFS at work.
 */
static bool is_change(const struct hm_repo *r, char *record)
{
	char *field[9];
	size_t n = 0;

	for (char *p = record; n < 8; n++) {
		char *blank = strchr(p, ' ');

		if (!blank)
			return true;
		*blank = 0;
		field[n] = p;
		p = blank + 1;
		field[n + 1] = p;
	}
	if (strcmp(field[0], "1") != 0 || strcmp(field[1], ".M") != 0 ||
	    strcmp(field[4], field[5]) != 0 || strncmp(field[4], "100", 3) != 0)
		return true;
	return !is_lfs_checkout(r, field[7], field[8]);
}

int hm_repo_dirty(const struct hm_repo *r, bool *ret_dirty, struct hm_err *err)
{
	AUTO_BUF struct hm_buf out, text;
	const char *args[HM_GIT_ARGS_MAX - 40];
	const char *nul;
	size_t n = 0, len;
	int status, rc;

	hm_buf_init(&out, HM_GIT_ANSWER_MAX);
	hm_buf_init(&text, 65536);
	*ret_dirty = false;
	if (r->bare)
		return HM_OK;
	rc = without_filters(r, &text, args, 10, &n, err);
	if (rc < 0)
		return rc;
	args[n++] = "status";
	args[n++] = "--porcelain=v2";
	args[n++] = "-z";
	args[n++] = "--untracked-files=no";
	args[n++] = "--no-renames";
	args[n++] = "--ignore-submodules=dirty";	/* no git runs inside them */
	args[n] = NULL;
	rc = hm_git_run(r, NULL, args, &out, NULL, &status, err);
	if (rc == HM_OK && status != 0)
		rc = hm_fail(err, HM_E_SYSTEM, 0, "git status failed");
	if (rc == HM_OK)
		rc = hm_buf_cstr(&out, &nul, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < out.len && !*ret_dirty; i += len + 1) {
		len = strlen((char *)out.data + i);
		*ret_dirty = is_change(r, (char *)out.data + i);
	}
	return HM_OK;
}
