/*
 * Files of a log directory: made under tmp/, synced, then named, so that nothing
 * partial is ever visible, and every directory with a new name is synced before
 * anything is signed over what it holds.
 */
#include "lib/log_dir_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>

#include "lib/path.h"

#define LOCK_POLL_MS 5

int hm_log_open_dir(int at, const char *path, int *ret_fd, struct hm_err *err)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "open directory '%s'",
			       path);
	*ret_fd = fd;
	return HM_OK;
}

int hm_log_sync_dirs(struct hm_log_dir *d, struct hm_err *err)
{
	for (size_t i = 0; i < d->dir_count; i++) {
		AUTO_CLOSE int fd = -1;
		int rc = hm_log_open_dir(d->public_dir, d->dirs[i], &fd, err);

		if (rc != HM_OK)
			return rc;
		if (fsync(fd) < 0)
			return hm_fail(err, HM_E_SYSTEM, errno,
				       "sync directory '%s'", d->dirs[i]);
	}
	d->dir_count = 0;
	return HM_OK;
}

/* Remembers that the directory of this path has a new name in it. */
static int touch_parent(struct hm_log_dir *d, const char *path,
			struct hm_err *err)
{
	const char *slash = strrchr(path, '/');
	int len = slash ? (int)(slash - path) : 1;
	char parent[HM_TILE_PATH_MAX];

	(void)snprintf(parent, sizeof(parent), "%.*s", len, slash ? path : ".");
	for (size_t i = d->dir_count; i > 0; i--) {
		if (strcmp(d->dirs[i - 1], parent) == 0)
			return HM_OK;
	}
	if (d->dir_count == HM_LOG_DIRS_MAX) {
		int rc = hm_log_sync_dirs(d, err);

		if (rc != HM_OK)
			return rc;
	}
	memcpy(d->dirs[d->dir_count++], parent, sizeof(parent));
	return HM_OK;
}

/* Makes the directories above a path of the public part. */
static int make_parents(struct hm_log_dir *d, const char *path,
			struct hm_err *err)
{
	char part[HM_TILE_PATH_MAX];
	const char *slash = path;

	while ((slash = strchr(slash, '/')) != NULL) {
		int rc;

		(void)snprintf(part, sizeof(part), "%.*s", (int)(slash - path),
			       path);
		slash++;
		if (mkdirat(d->public_dir, part, 0755) < 0) {
			if (errno == EEXIST)
				continue;
			return hm_fail(err, HM_E_SYSTEM, errno,
				       "make directory '%s'", part);
		}
		rc = touch_parent(d, part, err);
		if (rc != HM_OK)
			return rc;
	}
	return HM_OK;
}

/* A synced file under tmp/. Its name is free again once it has been moved. */
static int write_temp(struct hm_log_dir *d, struct hm_slice data,
		      struct hm_err *err)
{
	AUTO_CLOSE int fd = openat(d->tmp_dir, "new", O_WRONLY | O_CREAT |
				   O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	int rc;

	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "create file");
	rc = hm_io_write_all(fd, data.ptr, data.len, HM_NO_DEADLINE, err);
	if (rc == HM_OK && fsync(fd) < 0)
		rc = hm_fail(err, HM_E_SYSTEM, errno, "sync file");
	return rc;
}

int hm_log_place(struct hm_log_dir *d, const char *path, struct hm_slice data,
		 struct hm_err *err)
{
	int rc = write_temp(d, data, err);

	if (rc != HM_OK)
		return hm_err_prefix(err, "'%s'", path);
	if (renameat(d->tmp_dir, "new", d->public_dir, path) < 0) {
		if (errno == ENOENT) {
			rc = make_parents(d, path, err);
			if (rc != HM_OK)
				return rc;
			rc = renameat(d->tmp_dir, "new", d->public_dir, path);
		} else {
			rc = -1;
		}
		if (rc < 0)
			return hm_fail(err, HM_E_SYSTEM, errno, "rename '%s'",
				       path);
	}
	return touch_parent(d, path, err);
}

int hm_log_read_signed(const struct hm_log_dir *d, int dir, const char *name,
		       struct hm_signed_tree *ret_s, bool *ret_found,
		       struct hm_err *err)
{
	AUTO_BUF struct hm_buf note;
	int rc;

	hm_buf_init(&note, HM_NOTE_MAX);
	*ret_found = false;
	if (dir < 0)
		return HM_OK;
	rc = hm_file_read(dir, name, &note, err);
	if (rc != HM_OK && err->sys_errno == ENOENT)
		return HM_OK;
	if (rc == HM_OK)
		rc = hm_signed_tree_parse(&note, &d->key, ret_s, err);
	*ret_found = rc == HM_OK;
	return rc == HM_OK ? rc : hm_err_prefix(err, "'%s'", name);
}

int hm_log_commit(struct hm_log_dir *d, struct hm_slice note,
		  struct hm_err *err)
{
	int rc = write_temp(d, note, err);

	if (rc == HM_OK &&
	    (renameat(d->tmp_dir, "new", d->dir, "signed") < 0 ||
	     fsync(d->dir) < 0))
		rc = hm_fail(err, HM_E_SYSTEM, errno, "replace");
	if (rc != HM_OK)
		return hm_err_prefix(err, "'signed'");
	if (d->memory_dir >= 0)
		rc = hm_file_write_atomic(d->memory_dir, d->memory_name, note,
					  0644, err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "memory of signed trees");
	rc = hm_log_place(d, "checkpoint", note, err);
	if (rc == HM_OK)
		rc = hm_log_sync_dirs(d, err);
	return rc;
}

int hm_log_lock(const struct hm_log_dir *d, hm_deadline_t deadline,
		     int *ret_fd, struct hm_err *err)
{
	AUTO_CLOSE int fd = openat(d->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC |
				   O_NOFOLLOW, 0644);

	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "open 'lock'");
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return hm_fail(err, HM_E_SYSTEM, errno, "lock");
		if (hm_deadline_left(deadline) == 0)
			return hm_fail(err, HM_E_TIMEOUT, 0,
				       "another process is writing to the log");
		(void)poll(NULL, 0, LOCK_POLL_MS);
	}
	*ret_fd = HM_TAKE_FD(fd);
	return HM_OK;
}
