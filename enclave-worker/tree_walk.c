/*
 * The walk over what a build left. The build is dead, but its files are as
 * hostile as it was: endless depth, millions of names, names that are no text,
 * links, mounts. Directories wait as paths in a list and are opened from the
 * root each time, so neither the C stack nor the fd table grows with the tree.
 */
#include "enclave-worker/tree_walk.h"

#include <dirent.h>
#include <stdio.h>

#include "lib/log.h"
#include "lib/path.h"

struct pending {
	char *path;
	uint64_t state;
};

struct walker {
	int root_fd;
	const struct hm_walk *walk;
	void *ctx;
	struct pending *stack;
	size_t count, room;
	size_t bytes;
	size_t entries;
};

void hm_dir_names_release(struct hm_dir_names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->items[i]);
	free(n->items);
	*n = (struct hm_dir_names){.items = NULL};
}

static int too_large(struct hm_err *err, const char *path)
{
	return hm_fail(err, HM_E_TOO_LARGE, 0,
		       "'%s': too many files to look through",
		       path[0] ? HM_ESC(hm_slice_str(path)) : ".");
}

static int names_add(struct hm_dir_names *n, const char *path, const char *name,
		     struct hm_err *err)
{
	if (n->count == n->room) {
		size_t room = n->room > 0 ? 2 * n->room : 64;
		char **items = reallocarray(n->items, room, sizeof(*items));

		if (!items)
			return hm_fail(err, HM_E_NOMEM, ENOMEM, "list files");
		n->items = items;
		n->room = room;
	}
	n->bytes += strlen(name) + 1;
	if (n->bytes > HM_WALK_MAX_BYTES)
		return too_large(err, path);
	n->items[n->count] = strdup(name);
	if (!n->items[n->count])
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "list files");
	n->count++;
	return HM_OK;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(DIR *dir, const char *path, struct hm_dir_names *n,
		      struct hm_err *err)
{
	int rc = HM_OK;

	while (rc == HM_OK) {
		struct dirent *d;

		errno = 0;
		d = readdir(dir);
		if (!d && errno != 0)
			return hm_fail(err, HM_E_SYSTEM, errno, "read '%s'",
				       HM_ESC(hm_slice_str(path)));
		if (!d)
			break;
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			rc = names_add(n, path, d->d_name, err);
	}
	if (n->count > 1)
		qsort(n->items, n->count, sizeof(n->items[0]), compare);
	return rc;
}

int hm_dir_names_read(int root_fd, const char *path, struct hm_dir_names *ret_names,
		  int *ret_dir_fd, struct hm_err *err)
{
	AUTO_NAMES struct hm_dir_names names = {.items = NULL};
	AUTO_CLOSE int fd = -1, listing = -1;
	DIR *dir;
	int rc;

	rc = hm_openat_same_mount(root_fd, path[0] ? path : ".",
				  O_RDONLY | O_DIRECTORY | O_NOFOLLOW, &fd,
				  err);
	if (rc < 0 && err->sys_errno == EXDEV)
		return hm_fail(err, HM_E_POLICY, 0, "'%s' is a mount point",
			       HM_ESC(hm_slice_str(path)));
	if (rc < 0)
		return rc;
	/* closedir() closes its fd; the caller's is to stay. */
	listing = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	dir = listing < 0 ? NULL : fdopendir(listing);
	if (!dir)
		return hm_fail(err, HM_E_SYSTEM, errno, "read '%s'",
			       HM_ESC(hm_slice_str(path)));
	listing = -1;
	rc = read_names(dir, path, &names, err);
	(void)closedir(dir);
	if (rc < 0)
		return rc;
	*ret_names = names;
	names = (struct hm_dir_names){.items = NULL};
	*ret_dir_fd = HM_TAKE_FD(fd);
	return HM_OK;
}

static int push(struct walker *w, const char *path, uint64_t state,
		struct hm_err *err)
{
	if (w->count == w->room) {
		size_t room = w->room > 0 ? 2 * w->room : 64;
		struct pending *stack = reallocarray(w->stack, room,
						     sizeof(*stack));

		if (!stack)
			return hm_fail(err, HM_E_NOMEM, ENOMEM, "list files");
		w->stack = stack;
		w->room = room;
	}
	w->bytes += strlen(path) + 1;
	if (w->bytes > HM_WALK_MAX_BYTES)
		return too_large(err, path);
	w->stack[w->count].path = strdup(path);
	if (!w->stack[w->count].path)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "list files");
	w->stack[w->count].state = state;
	w->count++;
	return HM_OK;
}

static int visit(struct walker *w, int dir_fd, const char *dir_path,
		 const char *name, uint64_t state, struct hm_err *err)
{
	char path[HM_PATH_MAX + 1];
	uint64_t enter = 0;
	struct stat st;
	int n, rc;

	n = snprintf(path, sizeof(path), "%s%s%s", dir_path,
		     dir_path[0] ? "/" : "", name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "'%s': a path of more than %d bytes",
			       HM_ESC(hm_slice_str(dir_path)), HM_PATH_MAX);
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "'%s'",
			       HM_ESC(hm_slice_str(path)));
	rc = w->walk->visit(w->ctx, path, &st, state, &enter, err);
	if (rc == HM_OK && enter != 0 && S_ISDIR(st.st_mode))
		rc = push(w, path, enter, err);
	return rc;
}

static int walk_directory(struct walker *w, const struct pending *p,
			  struct hm_err *err)
{
	AUTO_NAMES struct hm_dir_names names = {.items = NULL};
	AUTO_CLOSE int fd = -1;
	int rc = hm_dir_names_read(w->root_fd, p->path, &names, &fd, err);

	if (rc < 0)
		return rc;
	w->entries += names.count;
	if (w->entries > HM_WALK_MAX_ENTRIES)
		return too_large(err, p->path);
	for (size_t i = 0; rc == HM_OK && i < names.count; i++) {
		uint64_t state = w->walk->select(w->ctx, p->state,
						 names.items[i]);

		if (state != 0)
			rc = visit(w, fd, p->path, names.items[i], state, err);
	}
	return rc;
}

int hm_tree_walk(int root_fd, const struct hm_walk *walk, void *ctx,
		 uint64_t state, struct hm_err *err)
{
	struct walker w = {.root_fd = root_fd, .walk = walk, .ctx = ctx};
	int rc = push(&w, "", state, err);

	while (rc == HM_OK && w.count > 0) {
		struct pending p = w.stack[--w.count];

		w.bytes -= strlen(p.path) + 1;
		rc = walk_directory(&w, &p, err);
		free(p.path);
	}
	while (w.count > 0)
		free(w.stack[--w.count].path);
	free(w.stack);
	return rc;
}
