/*
 * Removing a tree that somebody hostile may have made: millions of names,
 * thousands of levels, links and mounts. One fd is open, whatever the depth, and
 * each directory is entered once and left once.
 */
#include "lib/path.h"

#include <dirent.h>
#include <stdio.h>

#include "lib/log.h"

/*
 * Removes what it can at one level; returns the name of a subdirectory that
 * must be emptied first in sub, or "" when the level is empty.
 */
static int remove_level(int fd, char sub[HM_NAME_MAX + 1], struct hm_err *err)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	sub[0] = 0;
	if (!d) {
		hm_cleanup_fd(&copy);
		return hm_fail(err, HM_E_SYSTEM, errno, "open directory");
	}
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, e->d_name, 0) == 0)
			continue;
		if (errno != EISDIR && errno != EPERM && errno != EBUSY)
			break;
		if (unlinkat(fd, e->d_name, AT_REMOVEDIR) == 0)
			continue;
		if (errno != ENOTEMPTY && errno != EEXIST)
			break;
		(void)snprintf(sub, HM_NAME_MAX + 1, "%s", e->d_name);
		(void)closedir(d);
		return HM_OK;
	}
	if (e) {
		int saved = errno;
		char name[HM_NAME_MAX + 1];

		(void)snprintf(name, sizeof(name), "%s", e->d_name);
		(void)closedir(d);
		return hm_fail(err, HM_E_SYSTEM, saved, "remove '%s'",
			       HM_ESC(hm_slice_str(name)));
	}
	(void)closedir(d);
	return HM_OK;
}

/* The directories above the one at hand, to know them again on the way up. */
struct ancestors {
	ino_t *items;
	size_t count, room;
};

static int descend(int *fd, dev_t device, struct ancestors *up,
		   const char *sub, struct hm_err *err)
{
	AUTO_CLOSE int next = openat(*fd, sub, O_RDONLY | O_DIRECTORY |
				     O_CLOEXEC | O_NOFOLLOW);
	struct stat here, st;

	if (next < 0 || fstat(next, &st) < 0 || fstat(*fd, &here) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "open '%s'",
			       HM_ESC(hm_slice_str(sub)));
	if (st.st_dev != device)
		return hm_fail(err, HM_E_POLICY, 0,
			       "'%s' is a mount: not removed",
			       HM_ESC(hm_slice_str(sub)));
	if (up->count == up->room) {
		size_t room = up->room > 0 ? 2 * up->room : 64;
		ino_t *items = reallocarray(up->items, room, sizeof(*items));

		if (!items)
			return hm_fail(err, HM_E_NOMEM, ENOMEM, "remove");
		up->items = items;
		up->room = room;
	}
	up->items[up->count++] = here.st_ino;
	(void)close(*fd);
	*fd = HM_TAKE_FD(next);
	return HM_OK;
}

/* ".." is followed only to where we came from: somebody may move things. */
static int climb(int *fd, dev_t device, struct ancestors *up,
		 struct hm_err *err)
{
	AUTO_CLOSE int parent = openat(*fd, "..", O_RDONLY | O_DIRECTORY |
				       O_CLOEXEC);
	struct stat st;

	if (parent < 0 || fstat(parent, &st) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "open '..'");
	if (st.st_dev != device || st.st_ino != up->items[--up->count])
		return hm_fail(err, HM_E_POLICY, 0,
			       "a directory was moved while it was removed");
	(void)close(*fd);
	*fd = HM_TAKE_FD(parent);
	return HM_OK;
}

static int empty(int dir, const char *name, struct hm_err *err)
{
	/* A bound for the case that somebody keeps filling it. */
	enum { STEPS_MAX = 20000000 };
	AUTO_CLOSE int fd = openat(dir, name, O_RDONLY | O_DIRECTORY |
				   O_CLOEXEC | O_NOFOLLOW);
	struct ancestors up = {.items = NULL};
	char sub[HM_NAME_MAX + 1];
	struct stat st;
	int rc = HM_OK;

	if (fd < 0 || fstat(fd, &st) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "open '%s'",
			       HM_ESC(hm_slice_str(name)));
	for (int step = 0; rc == HM_OK && step < STEPS_MAX; step++) {
		rc = remove_level(fd, sub, err);
		if (rc == HM_OK && sub[0])
			rc = descend(&fd, st.st_dev, &up, sub, err);
		else if (rc == HM_OK && up.count > 0)
			rc = climb(&fd, st.st_dev, &up, err);
		else
			break;
	}
	free(up.items);
	return rc;
}

int hm_tree_remove(int dir, const char *name, struct hm_err *err)
{
	int rc;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return HM_OK;
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0)
		return HM_OK;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return hm_fail(err, HM_E_SYSTEM, errno, "remove '%s'",
			       HM_ESC(hm_slice_str(name)));
	rc = empty(dir, name, err);
	if (rc == HM_OK && unlinkat(dir, name, AT_REMOVEDIR) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "remove '%s'",
			       HM_ESC(hm_slice_str(name)));
	return rc;
}
