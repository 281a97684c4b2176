/*
 * Names from outside, and files below a directory fd. Nothing here follows a
 * link that somebody else may have placed (classes of git CVE-2018-11235, tar
 * "..", runc CVE-2021-30465).
 */
#include "lib/path.h"

#include <linux/openat2.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/syscall.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "lib/log.h"

int hm_name_check(struct hm_slice name, struct hm_err *err)
{
	if (name.len == 0)
		return hm_fail(err, HM_E_POLICY, 0, "an empty name");
	if (name.len > HM_NAME_MAX)
		return hm_fail(err, HM_E_POLICY, 0,
			       "a name of %zu bytes; at most %d can exist",
			       name.len, HM_NAME_MAX);
	if (hm_slice_eq_str(name, ".") || hm_slice_eq_str(name, ".."))
		return hm_fail(err, HM_E_POLICY, 0, "the name '%s'",
			       HM_ESC(name));
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] == '/' || name.ptr[i] < 0x20 ||
		    name.ptr[i] == 0x7f)
			return hm_fail(err, HM_E_POLICY, 0,
				       "a slash or control character in '%s'",
				       HM_ESC(name));
	}
	return HM_OK;
}

int hm_path_check(struct hm_slice path, struct hm_err *err)
{
	struct hm_slice rest = path;

	if (path.len == 0)
		return hm_fail(err, HM_E_POLICY, 0, "an empty path");
	if (path.len > HM_PATH_MAX)
		return hm_fail(err, HM_E_POLICY, 0,
			       "a path of %zu bytes; at most %d can be opened",
			       path.len, HM_PATH_MAX);
	if (path.ptr[0] == '/')
		return hm_fail(err, HM_E_POLICY, 0, "absolute path '%s'",
			       HM_ESC(path));
	for (;;) {
		const uint8_t *slash = memchr(rest.ptr, '/', rest.len);
		size_t n = slash ? (size_t)(slash - rest.ptr) : rest.len;
		int rc = hm_name_check(hm_slice(rest.ptr, n), err);

		if (rc < 0)
			return hm_err_prefix(err, "path '%s'", HM_ESC(path));
		if (!slash)
			return HM_OK;
		rest.ptr += n + 1;
		rest.len -= n + 1;
		if (rest.len == 0)
			return hm_fail(err, HM_E_POLICY, 0,
				       "path '%s' ends in a slash",
				       HM_ESC(path));
	}
}

static int open_beneath(int dir, const char *path, int flags, mode_t mode,
			uint64_t resolve, int *ret_fd, struct hm_err *err)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC),
		.mode = (flags & (O_CREAT | __O_TMPFILE)) ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_SYMLINKS | resolve,
	};
	long fd = -1;

	/* EAGAIN: a rename elsewhere raced with "..": bounded, then given up. */
	for (int i = 0; i < 16; i++) {
		fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "open '%s'",
			       HM_ESC(hm_slice_str(path)));
	*ret_fd = (int)fd;
	return HM_OK;
}

int hm_openat_beneath(int dir, const char *path, int flags, mode_t mode,
		      int *ret_fd, struct hm_err *err)
{
	return open_beneath(dir, path, flags, mode, 0, ret_fd, err);
}

int hm_openat_same_mount(int dir, const char *path, int flags, int *ret_fd,
			 struct hm_err *err)
{
	return open_beneath(dir, path, flags, 0, RESOLVE_NO_XDEV, ret_fd, err);
}

static int read_fd(int fd, const char *name, struct hm_buf *b,
		   struct hm_err *err)
{
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "open '%s'",
			       HM_ESC(hm_slice_str(name)));
	if (!S_ISREG(st.st_mode))
		return hm_fail(err, HM_E_POLICY, 0, "'%s' is not a regular file",
			       HM_ESC(hm_slice_str(name)));
	rc = hm_io_read_to_end(fd, b, HM_NO_DEADLINE, err);
	if (rc < 0)
		return hm_err_prefix(err, "'%s'", HM_ESC(hm_slice_str(name)));
	return HM_OK;
}

int hm_file_read(int dir, const char *name, struct hm_buf *b, struct hm_err *err)
{
	/* O_NONBLOCK: a FIFO must not hang us before fstat sees it. */
	AUTO_CLOSE int fd = openat(dir, name, O_RDONLY | O_CLOEXEC |
						O_NOFOLLOW | O_NONBLOCK);

	return read_fd(fd, name, b, err);
}

int hm_file_read_user(const char *path, struct hm_buf *b, struct hm_err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return read_fd(fd, path, b, err);
}

int hm_file_write_atomic(int dir, const char *name, struct hm_slice data,
			 mode_t mode, struct hm_err *err)
{
	char temp[HM_NAME_MAX + 1];
	uint8_t salt[8];
	char hex[17];
	AUTO_CLOSE int fd = -1;
	int rc;

	if (getrandom(salt, sizeof(salt), 0) != (ssize_t)sizeof(salt))
		return hm_fail(err, HM_E_SYSTEM, errno, "getrandom");
	hm_hex(salt, sizeof(salt), hex);
	if (snprintf(temp, sizeof(temp), ".%.200s.%s", name, hex) >=
	    (int)sizeof(temp))
		return hm_fail(err, HM_E_TOO_LARGE, 0, "name too long");
	fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC |
			       O_NOFOLLOW, mode);
	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "create '%s'", name);
	rc = hm_io_write_all(fd, data.ptr, data.len, HM_NO_DEADLINE, err);
	/* fchmod: the umask must not decide what a private key's mode is. */
	if (rc == HM_OK && (fchmod(fd, mode) < 0 || fsync(fd) < 0 ||
			    renameat(dir, temp, dir, name) < 0))
		rc = hm_fail(err, HM_E_SYSTEM, errno, "write");
	if (rc < 0) {
		(void)unlinkat(dir, temp, 0);
		return hm_err_prefix(err, "'%s'", name);
	}
	if (fsync(dir) < 0 && errno != EINVAL && errno != EBADF)
		return hm_fail(err, HM_E_SYSTEM, errno, "sync '%s'", name);
	return HM_OK;
}

int hm_mkdirs(const char *path, mode_t mode, struct hm_err *err)
{
	AUTO_FREE char *copy = strdup(path);

	if (!copy)
		return hm_fail(err, HM_E_NOMEM, 0, "out of memory");
	for (char *p = copy + 1; *copy != 0; p++) {
		bool last = *p == 0;

		if (*p != '/' && !last)
			continue;
		*p = 0;
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			return hm_fail(err, HM_E_SYSTEM, errno,
				       "make directory '%s'",
				       HM_ESC(hm_slice_str(copy)));
		if (last)
			return HM_OK;
		*p = '/';
	}
	return hm_fail(err, HM_E_USAGE, 0, "an empty path");
}

int hm_mkdirs_durable(const char *path, mode_t mode, struct hm_err *err)
{
	AUTO_FREE char *copy = strdup(path);
	int rc = hm_mkdirs(path, mode, err);

	if (rc < 0)
		return rc;
	if (!copy)
		return hm_fail(err, HM_E_NOMEM, 0, "out of memory");
	for (;;) {
		char *slash = strrchr(copy, '/');
		const char *parent = !slash ? "." : slash == copy ? "/" : copy;
		AUTO_CLOSE int fd = -1;

		if (slash)
			*slash = 0;
		fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && fsync(fd) < 0 && errno != EINVAL && errno != EROFS)
			return hm_fail(err, HM_E_SYSTEM, errno, "sync '%s'",
				       HM_ESC(hm_slice_str(parent)));
		if (!slash || slash == copy)
			return HM_OK;
	}
}
