/*
 * Collecting outputs. Everything in the tree was written by the build, which
 * would like us to hash one thing and ship another, to read the host's files
 * through a link, to hang on a FIFO, or to run out of memory.
 *
 * Theory of operation: patterns select paths; the paths are sorted, so nothing
 * depends on the order of a directory; each is opened from the root again
 * (openat2: beneath, no link, no mount), checked by fstat and hashed.
 *
 * Should: name the file and the remedy in every refusal.
 * Mustn't: open anything but directories and regular files, hold more than the
 * list, recurse.
 */
#include "enclave-worker/artifacts.h"

#include <stdio.h>

#include "enclave-worker/glob.h"
#include "enclave-worker/near.h"
#include "enclave-worker/tree_walk.h"
#include "lib/dsse.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/path.h"

/*
 * What a statement has room for: said here, in words about the outputs, and not
 * later in words about a buffer. A subject is its name and about 150 bytes; a
 * mebibyte is left for the rest.
 */
#define SUBJECT_BYTES 150U
#define NAMES_MAX (HM_STATEMENT_MAX - (1U << 20))

struct found {
	char *path;
	ino_t inode;
	nlink_t links;
};

struct collection {
	struct found *items;
	size_t count, room;
	size_t name_bytes;
	size_t max_files;
	/* Of the pattern at hand. */
	const struct hm_glob *glob;
	size_t matches;
	bool matched_directory;
};

static void collection_release(struct collection *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->items[i].path);
	free(c->items);
	*c = (struct collection){.items = NULL};
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(((const struct found *)a)->path,
		      ((const struct found *)b)->path);
}

/* Sorts, and drops what several patterns matched. */
static void settle(struct collection *c)
{
	size_t kept = 0;

	if (c->count > 1)
		qsort(c->items, c->count, sizeof(c->items[0]), compare_paths);
	for (size_t i = 0; i < c->count; i++) {
		if (kept > 0 && strcmp(c->items[kept - 1].path,
				       c->items[i].path) == 0) {
			c->name_bytes -= strlen(c->items[i].path) + 1;
			free(c->items[i].path);
			continue;
		}
		c->items[kept++] = c->items[i];
	}
	c->count = kept;
}

static int check_size(const struct collection *c, struct hm_err *err)
{
	if (c->count > c->max_files)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "output.files: more than %zu files",
			       c->max_files);
	if (c->name_bytes > NAMES_MAX ||
	    c->count * SUBJECT_BYTES > NAMES_MAX - c->name_bytes)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "output.files: %zu files are more than a "
			       "statement can hold; put them into an archive",
			       c->count);
	return HM_OK;
}

static int make_room(struct collection *c, struct hm_err *err)
{
	size_t room = c->room > 0 ? 2 * c->room : 64;
	struct found *items;
	int rc;

	/*
	 * Twice the limits, because patterns may overlap; only what is left after
	 * dropping duplicates counts.
	 */
	if (c->count >= 2 * c->max_files + 64 ||
	    c->name_bytes > 2 * NAMES_MAX) {
		settle(c);
		rc = check_size(c, err);
		if (rc < 0)
			return rc;
	}
	if (c->count < c->room)
		return HM_OK;
	items = reallocarray(c->items, room, sizeof(*items));
	if (!items)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "list of outputs");
	c->items = items;
	c->room = room;
	return HM_OK;
}

static int add(struct collection *c, const char *path, const struct stat *st,
	       struct hm_err *err)
{
	int rc = hm_artifact_name_check(hm_slice_str(path), err);

	if (rc == HM_OK && (st->st_mode & (S_ISUID | S_ISGID | S_ISVTX)))
		return hm_fail(err, HM_E_POLICY, 0,
			       "output '%s' has mode %04o, which an archive of "
			       "plain files cannot say; clear it with chmod ug-s,-t",
			       HM_ESC(hm_slice_str(path)),
			       st->st_mode & 07777U);
	if (rc == HM_OK)
		rc = make_room(c, err);
	if (rc < 0)
		return rc;
	c->items[c->count] = (struct found){.path = strdup(path),
					    .inode = st->st_ino,
					    .links = st->st_nlink};
	if (!c->items[c->count].path)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "list of outputs");
	c->count++;
	c->name_bytes += strlen(path) + 1;
	return HM_OK;
}

static const char *kind(mode_t mode)
{
	if (S_ISLNK(mode))
		return "a symbolic link; copy what it points to (cp -L) or leave it out";
	if (S_ISFIFO(mode))
		return "a FIFO";
	if (S_ISSOCK(mode))
		return "a socket";
	return "a device";
}

/* --- step one: which paths --------------------------------------------------- */

static uint64_t select_matching(void *ctx, uint64_t at, const char *name)
{
	return hm_glob_step(((struct collection *)ctx)->glob, at, name);
}

static int visit_matching(void *ctx, const char *path, const struct stat *st,
			  uint64_t at, uint64_t *ret_enter, struct hm_err *err)
{
	struct collection *c = ctx;
	bool matched = hm_glob_matched(c->glob, at);

	if (S_ISDIR(st->st_mode)) {
		*ret_enter = hm_glob_enter(c->glob, at);
		c->matched_directory |= hm_glob_matched(c->glob, *ret_enter);
		return HM_OK;
	}
	if (S_ISREG(st->st_mode)) {
		c->matches += matched;
		return matched ? add(c, path, st, err) : HM_OK;
	}
	/*
	 * A link in the middle of a path that the pattern spells out would be
	 * followed by a shell; where a wildcard met it, it is just not a
	 * directory.
	 */
	if (!matched && !(at & c->glob->after_literal))
		return HM_OK;
	return hm_fail(err, HM_E_POLICY, 0, "output '%s' is %s",
		       HM_ESC(hm_slice_str(path)), kind(st->st_mode));
}

static int find(int root_fd, const char *pattern, struct collection *c,
		struct hm_err *err)
{
	static const struct hm_walk walk = {select_matching, visit_matching};
	AUTO_GLOB struct hm_glob glob = {.text = NULL};
	char hint[HM_NEAR_MAX];
	int rc;

	if (hm_path_check(hm_slice_str(pattern), err) < 0)
		return hm_err_prefix(err, "output.files");
	rc = hm_glob_compile(pattern, &glob, err);
	if (rc < 0)
		return rc;
	c->glob = &glob;
	c->matches = 0;
	c->matched_directory = false;
	rc = hm_tree_walk(root_fd, &walk, c, hm_glob_start(&glob), err);
	c->glob = NULL;
	if (rc < 0 || c->matches > 0)
		return rc;
	if (c->matched_directory)
		return hm_fail(err, HM_E_POLICY, 0,
			       "output.files: '%s' holds no file",
			       HM_ESC(hm_slice_str(pattern)));
	return hm_fail(err, HM_E_POLICY, 0,
		       "output.files: nothing matches '%s'%s",
		       HM_ESC(hm_slice_str(pattern)),
		       hm_near_hint(root_fd, pattern, hint));
}

/* --- step two: names outside ------------------------------------------------- */

/*
 * A file with a second name outside the source root could be changed there, or
 * is somebody else's. Inside it is ordinary: cargo links each of its outputs to
 * one in target/debug/deps.
 */
struct inode {
	ino_t inode;
	nlink_t links, seen;
	const char *path;
};

struct inodes {
	struct inode *items;
	size_t count;
};

static int compare_inodes(const void *a, const void *b)
{
	ino_t x = ((const struct inode *)a)->inode;
	ino_t y = ((const struct inode *)b)->inode;

	return (x > y) - (x < y);
}

static uint64_t select_all(void *ctx, uint64_t at, const char *name)
{
	(void)ctx, (void)name;
	return at;
}

static int visit_counting(void *ctx, const char *path, const struct stat *st,
			  uint64_t at, uint64_t *ret_enter, struct hm_err *err)
{
	struct inodes *t = ctx;
	struct inode key = {.inode = st->st_ino}, *hit;

	(void)path, (void)err;
	*ret_enter = at;
	if (S_ISREG(st->st_mode) && st->st_nlink > 1) {
		hit = bsearch(&key, t->items, t->count, sizeof(key),
			      compare_inodes);
		if (hit)
			hit->seen++;
	}
	return HM_OK;
}

static int count_names(int root_fd, struct inodes *t, struct hm_err *err)
{
	static const struct hm_walk walk = {select_all, visit_counting};
	int rc = hm_tree_walk(root_fd, &walk, t, 1, err);

	for (size_t i = 0; rc == HM_OK && i < t->count; i++) {
		if (t->items[i].seen != t->items[i].links)
			return hm_fail(err, HM_E_POLICY, 0,
				       "output '%s' is a hard link to a file outside "
				       "the build directory; copy it instead",
				       HM_ESC(hm_slice_str(t->items[i].path)));
	}
	return rc;
}

static int check_links(int root_fd, const struct collection *c,
		       struct hm_err *err)
{
	struct inodes t = {.count = 0};
	AUTO_FREE struct inode *items = calloc(c->count + 1, sizeof(*items));
	size_t unique = 0;

	if (!items)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "list of outputs");
	for (size_t i = 0; i < c->count; i++) {
		if (c->items[i].links > 1)
			items[t.count++] = (struct inode){
				.inode = c->items[i].inode,
				.links = c->items[i].links,
				.path = c->items[i].path,
			};
	}
	if (t.count == 0)
		return HM_OK;
	qsort(items, t.count, sizeof(*items), compare_inodes);
	for (size_t i = 0; i < t.count; i++) {
		if (unique == 0 || items[unique - 1].inode != items[i].inode)
			items[unique++] = items[i];
	}
	t.items = items;
	t.count = unique;
	return count_names(root_fd, &t, err);
}

/* --- step three: contents ---------------------------------------------------- */

int hm_artifact_open(int root_fd, const char *name, int *ret_fd,
		     unsigned int *ret_mode, uint64_t *ret_size,
		     struct hm_err *err)
{
	AUTO_CLOSE int fd = -1;
	struct stat st;
	int rc;

	/* O_NONBLOCK: a FIFO must not hang us before fstat sees it. */
	rc = hm_openat_same_mount(root_fd, name,
				  O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
				  &fd, err);
	if (rc < 0 && (err->sys_errno == EXDEV || err->sys_errno == ELOOP))
		return hm_fail(err, HM_E_POLICY, 0,
			       "output '%s' is behind a link or a mount",
			       HM_ESC(hm_slice_str(name)));
	if (rc < 0)
		return hm_err_prefix(err, "output");
	if (fstat(fd, &st) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "output '%s'",
			       HM_ESC(hm_slice_str(name)));
	if (!S_ISREG(st.st_mode))
		return hm_fail(err, HM_E_POLICY, 0,
			       "output '%s' is not a regular file",
			       HM_ESC(hm_slice_str(name)));
	*ret_mode = st.st_mode & 0111 ? 0755 : 0644;
	*ret_size = (uint64_t)st.st_size;
	*ret_fd = HM_TAKE_FD(fd);
	return HM_OK;
}

static int measure(int root_fd, const char *path, uint64_t *left,
		   struct hm_artifacts *a, struct hm_err *err)
{
	uint8_t sha256[HM_SHA256_LEN];
	uint64_t size, hashed = 0;
	AUTO_CLOSE int fd = -1;
	unsigned int mode;
	int rc;

	rc = hm_artifact_open(root_fd, path, &fd, &mode, &size, err);
	if (rc < 0)
		return rc;
	/* Before reading: a sparse file of a terabyte costs nothing to make. */
	if (size > *left)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "output '%s': the outputs are too large together",
			       HM_ESC(hm_slice_str(path)));
	*left -= size;
	rc = hm_sha256_fd(fd, sha256, &hashed, err);
	if (rc < 0)
		return hm_err_prefix(err, "output '%s'",
				     HM_ESC(hm_slice_str(path)));
	if (hashed != size)
		return hm_fail(err, HM_E_POLICY, 0,
			       "output '%s' changed while it was read",
			       HM_ESC(hm_slice_str(path)));
	return hm_artifacts_add(a, hm_slice_str(path), mode, size, sha256, err);
}

static int collect(int root_fd, const char *const *patterns, size_t count,
		   const struct hm_artifacts_limits *limits,
		   struct collection *c, struct hm_artifacts *a,
		   struct hm_err *err)
{
	uint64_t left = limits->max_bytes;
	int rc = HM_OK;

	for (size_t i = 0; rc == HM_OK && i < count; i++)
		rc = find(root_fd, patterns[i], c, err);
	if (rc < 0)
		return rc;
	settle(c);
	rc = check_size(c, err);
	if (rc == HM_OK)
		rc = check_links(root_fd, c, err);
	for (size_t i = 0; rc == HM_OK && i < c->count; i++)
		rc = measure(root_fd, c->items[i].path, &left, a, err);
	return rc < 0 ? rc : hm_artifacts_sort(a, err);
}

int hm_artifacts_collect(int root_fd, const char *const *patterns, size_t count,
			 const struct hm_artifacts_limits *limits,
			 struct hm_artifacts *ret_a, struct hm_err *err)
{
	AUTO_ARTIFACTS struct hm_artifacts a = {.count = 0};
	struct collection c = {.max_files = limits->max_files};
	int rc = collect(root_fd, patterns, count, limits, &c, &a, err);

	collection_release(&c);
	if (rc < 0)
		return rc;
	*ret_a = a;
	a = (struct hm_artifacts){.count = 0};
	return HM_OK;
}
