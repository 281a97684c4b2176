/*
 * The system calls that put the source on disk. Distrusted: every name and every
 * link target; they come from the commit. A name is one component (no slash, no
 * dots: hm_name_check), the parent is an fd that we opened when we made the
 * directory, and all creation is exclusive. So a link that the commit holds is
 * only ever a leaf: no path is resolved through it (CVE-2021-21300 class), even
 * on a file system that folds case, where the second spelling exists already.
 */
#include "enclave-worker/source_write.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

static int made(struct hm_err *err, const char *what)
{
	if (errno == EEXIST)
		return hm_fail(err, HM_E_POLICY, 0,
			       "this name comes twice in its directory");
	return hm_fail(err, HM_E_SYSTEM, errno, "%s", what);
}

int hm_source_mkdir(int dir, const char *name, int *ret_fd, struct hm_err *err)
{
	AUTO_CLOSE int fd = -1;

	if (mkdirat(dir, name, 0700) < 0)
		return made(err, "mkdir");
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "open directory");
	*ret_fd = HM_TAKE_FD(fd);
	return HM_OK;
}

int hm_source_create(int dir, const char *name, int *ret_fd, struct hm_err *err)
{
	int fd = openat(dir, name,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return made(err, "create");
	*ret_fd = fd;
	return HM_OK;
}

static void same_times(int64_t mtime_s, struct timespec ts[2])
{
	ts[0] = ts[1] = (struct timespec){.tv_sec = mtime_s};
}

int hm_source_symlink(int dir, const char *name, const char *target,
		      int64_t mtime_s, struct hm_err *err)
{
	struct timespec ts[2];

	same_times(mtime_s, ts);
	if (symlinkat(target, dir, name) < 0)
		return made(err, "symlink");
	if (utimensat(dir, name, ts, AT_SYMLINK_NOFOLLOW) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "set time of link");
	return HM_OK;
}

int hm_source_seal(int fd, mode_t mode, int64_t mtime_s, struct hm_err *err)
{
	struct timespec ts[2];

	same_times(mtime_s, ts);
	if (fchmod(fd, mode) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "set mode");
	if (futimens(fd, ts) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "set time");
	return HM_OK;
}

int hm_source_check_empty(int dir, struct hm_err *err)
{
	AUTO_CLOSE int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *e;
	DIR *d;
	unsigned int n = 0;

	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "source directory");
	d = fdopendir(fd);
	if (!d)
		return hm_fail(err, HM_E_SYSTEM, errno, "source directory");
	(void)HM_TAKE_FD(fd);	/* transferred */
	while ((e = readdir(d)) != NULL)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	if (n > 0)
		return hm_fail(err, HM_E_POLICY, 0,
			       "the source directory is not empty");
	return HM_OK;
}
