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

static int sync_files(struct hm_log_dir *d, struct hm_err *err)
{
	int rc = HM_OK;

	for (size_t i = 0; i < d->file_count; i++) {
		if (rc == HM_OK && fsync(d->files[i]) < 0)
			rc = hm_fail(err, HM_E_SYSTEM, errno, "sync tile");
		hm_cleanup_fd(&d->files[i]);
	}
	d->file_count = 0;
	return rc;
}

static int sync_dirs(struct hm_log_dir *d, struct hm_err *err)
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

int hm_log_sync_tiles(struct hm_log_dir *d, struct hm_err *err)
{
	int rc = sync_files(d, err);

	return rc == HM_OK ? sync_dirs(d, err) : rc;
}

void hm_log_drop_tiles(struct hm_log_dir *d)
{
	for (size_t i = 0; i < d->file_count; i++)
		hm_cleanup_fd(&d->files[i]);
	d->file_count = 0;
	d->dir_count = 0;
	/* A failed append may have left directories that nobody synced. */
	memset(d->known, 0, sizeof(d->known));
}

static int add_dir(struct hm_log_dir *d, const char *dir, struct hm_err *err)
{
	for (size_t i = d->dir_count; i > 0; i--) {
		if (strcmp(d->dirs[i - 1], dir) == 0)
			return HM_OK;
	}
	if (d->dir_count == HM_LOG_DIRS_MAX) {
		int rc = sync_dirs(d, err);

		if (rc != HM_OK)
			return rc;
	}
	(void)snprintf(d->dirs[d->dir_count++], HM_TILE_PATH_MAX, "%s", dir);
	return HM_OK;
}

/* "a/b/c" becomes "a/b", then "a", then ".". */
static void to_parent(char path[HM_TILE_PATH_MAX])
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
	else
		memcpy(path, ".", 2);
}

static bool is_known(struct hm_log_dir *d, const char *dir)
{
	for (size_t i = 0; i < HM_LOG_KNOWN_DIRS; i++) {
		if (strcmp(d->known[i], dir) == 0)
			return true;
	}
	(void)snprintf(d->known[d->known_next++ % HM_LOG_KNOWN_DIRS],
		       HM_TILE_PATH_MAX, "%s", dir);
	return false;
}

/*
 * Remembers that the directory of this path has a new name in it. Whoever made
 * that directory may have died before its own name was synced, so all above it
 * are synced too, the first time that this process comes here.
 */
static int touch_parent(struct hm_log_dir *d, const char *path,
			struct hm_err *err)
{
	char dir[HM_TILE_PATH_MAX];
	int rc;

	(void)snprintf(dir, sizeof(dir), "%s", path);
	to_parent(dir);
	rc = add_dir(d, dir, err);
	if (is_known(d, dir))
		return rc;
	while (rc == HM_OK && strcmp(dir, ".") != 0) {
		to_parent(dir);
		rc = add_dir(d, dir, err);
	}
	return rc;
}

/* Makes the directories above a path of the public part; see touch_parent(). */
static int make_parents(const struct hm_log_dir *d, const char *path,
			struct hm_err *err)
{
	char part[HM_TILE_PATH_MAX];
	const char *slash = path;

	while ((slash = strchr(slash, '/')) != NULL) {
		(void)snprintf(part, sizeof(part), "%.*s", (int)(slash - path),
			       path);
		slash++;
		if (mkdirat(d->public_dir, part, 0755) < 0 && errno != EEXIST)
			return hm_fail(err, HM_E_SYSTEM, errno,
				       "make directory '%s'", part);
	}
	return HM_OK;
}

/*
 * A file under tmp/, not synced. What a crash left under its name is removed and
 * never opened: it may be a second name of a file that is in use.
 */
static int write_temp(const struct hm_log_dir *d, const char *name,
		      struct hm_slice data, int *ret_fd, struct hm_err *err)
{
	AUTO_CLOSE int fd = -1;
	int rc;

	if (unlinkat(d->tmp_dir, name, 0) < 0 && errno != ENOENT)
		return hm_fail(err, HM_E_SYSTEM, errno, "remove file");
	fd = openat(d->tmp_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC |
		    O_NOFOLLOW, 0644);
	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "create file");
	rc = hm_io_write_all(fd, data.ptr, data.len, HM_NO_DEADLINE, err);
	if (rc == HM_OK)
		*ret_fd = HM_TAKE_FD(fd);
	return rc;
}

/* The file's fsync is due at the next hm_log_sync_tiles(). */
static int sync_later(struct hm_log_dir *d, int *fd, struct hm_err *err)
{
	int rc = HM_OK;

	if (d->file_count == HM_LOG_FILES_MAX)
		rc = sync_files(d, err);
	if (rc == HM_OK)
		d->files[d->file_count++] = HM_TAKE_FD(*fd);
	return rc;
}

static int move_in(const struct hm_log_dir *d, const char *from,
		   const char *path, struct hm_err *err)
{
	if (renameat(d->tmp_dir, from, d->public_dir, path) == 0)
		return HM_OK;
	if (errno == ENOENT) {
		int rc = make_parents(d, path, err);

		if (rc != HM_OK)
			return rc;
		if (renameat(d->tmp_dir, from, d->public_dir, path) == 0)
			return HM_OK;
	}
	return hm_fail(err, HM_E_SYSTEM, errno, "rename '%s'", path);
}

int hm_log_place(struct hm_log_dir *d, const char *path, struct hm_slice data,
		 struct hm_err *err)
{
	AUTO_CLOSE int fd = -1;
	int rc = write_temp(d, "tile", data, &fd, err);

	if (rc != HM_OK)
		return hm_err_prefix(err, "'%s'", path);
	rc = move_in(d, "tile", path, err);
	if (rc == HM_OK)
		rc = sync_later(d, &fd, err);
	return rc == HM_OK ? touch_parent(d, path, err) : rc;
}

static int stage(struct hm_log_dir *d, const char *name, struct hm_slice note,
		 struct hm_err *err)
{
	AUTO_CLOSE int fd = -1;
	int rc = write_temp(d, name, note, &fd, err);

	if (rc == HM_OK)
		rc = sync_later(d, &fd, err);
	return rc == HM_OK ? rc : hm_err_prefix(err, "'%s'", name);
}

int hm_log_put_checkpoint(struct hm_log_dir *d, struct hm_slice note,
			  struct hm_err *err)
{
	int rc = stage(d, "checkpoint", note, err);

	if (rc == HM_OK)
		rc = hm_log_sync_tiles(d, err);
	return rc == HM_OK ? move_in(d, "checkpoint", "checkpoint", err) : rc;
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
	int rc = stage(d, "signed", note, err);

	if (rc == HM_OK)
		rc = stage(d, "checkpoint", note, err);
	if (rc == HM_OK)
		rc = hm_log_sync_tiles(d, err);
	if (rc != HM_OK)
		return rc;
	/* All that the note signs is on disk, and so is the note: decide. */
	if (renameat(d->tmp_dir, "signed", d->dir, "signed") < 0 ||
	    fsync(d->dir) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "replace 'signed'");
	if (d->memory_dir >= 0)
		rc = hm_file_write_atomic(d->memory_dir, d->memory_name, note,
					  0644, err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "memory of signed trees");
	/*
	 * Its directory is not waited for. Should the power cut take the name
	 * back to an older checkpoint, DIR/signed brings the newest one again.
	 */
	return move_in(d, "checkpoint", "checkpoint", err);
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
