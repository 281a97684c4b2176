/*
 * The tar on its way to its name. What the worker sends is bytes: the verifier
 * judges them; here only "all of it, and unchanged" counts.
 */
#include "package.h"

#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lib/archive.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/num.h"

struct hm_package {
	int dir;
	int fd;
	char *name;
	char temp[64];	/* "" while the file has no name */
	uint64_t size;
	struct hm_digest *digest;
};

/* ".hallmark-PID-NAME": the pid tells the next start whose it was. */
#define TEMP_PREFIX ".hallmark-tar-"

static int open_dir(const char *path, int *ret_dir, char **ret_name,
		    struct hm_err *err)
{
	AUTO_FREE char *for_dir = strdup(path);
	AUTO_FREE char *for_name = strdup(path);
	const char *name;
	int dir;

	if (!for_dir || !for_name)
		return hm_fail(err, HM_E_NOMEM, 0, "out of memory");
	name = basename(for_name);
	if (strcmp(name, "/") == 0 || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return hm_fail(err, HM_E_USAGE, 0, "--output %s: not a file name",
			       HM_ESC(hm_slice_str(path)));
	dir = open(dirname(for_dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return hm_fail(err, HM_E_SYSTEM, errno,
			       "the directory of --output %s",
			       HM_ESC(hm_slice_str(path)));
	*ret_name = strdup(name);
	if (!*ret_name) {
		(void)close(dir);
		return hm_fail(err, HM_E_NOMEM, 0, "out of memory");
	}
	*ret_dir = dir;
	return HM_OK;
}

static void temp_name(struct hm_package *p)
{
	(void)snprintf(p->temp, sizeof(p->temp), TEMP_PREFIX "%d", getpid());
}

int hm_package_new(const char *path, struct hm_package **ret_p,
		   struct hm_err *err)
{
	struct hm_package *p = calloc(1, sizeof(*p));
	struct stat st;
	int rc;

	if (!p)
		return hm_fail(err, HM_E_NOMEM, 0, "out of memory");
	p->dir = -1;
	p->fd = -1;
	rc = open_dir(path, &p->dir, &p->name, err);
	if (rc == HM_OK && fstatat(p->dir, p->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    !S_ISREG(st.st_mode))
		rc = hm_fail(err, HM_E_POLICY, 0,
			     "--output %s exists and is not a regular file",
			     HM_ESC(hm_slice_str(path)));
	if (rc == HM_OK)
		rc = hm_digest_new(HM_SHA256, &p->digest, err);
	if (rc == HM_OK) {
		p->fd = openat(p->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);
		if (p->fd < 0) {
			temp_name(p);
			p->fd = openat(p->dir, p->temp,
				       O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC |
					       O_NOFOLLOW, 0644);
		}
		if (p->fd < 0)
			rc = hm_fail(err, HM_E_SYSTEM, errno, "create %s",
				     HM_ESC(hm_slice_str(path)));
	}
	if (rc < 0) {
		hm_package_free(p);
		return rc;
	}
	*ret_p = p;
	return HM_OK;
}

int hm_package_add(struct hm_package *p, struct hm_slice chunk,
		   struct hm_err *err)
{
	int rc;

	if (!hm_u64_add(p->size, chunk.len, &p->size) ||
	    p->size > HM_TAR_MAX_BYTES)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "the release tar is over %llu bytes",
			       (unsigned long long)HM_TAR_MAX_BYTES);
	rc = hm_digest_update(p->digest, chunk.ptr, chunk.len, err);
	if (rc == HM_OK)
		rc = hm_io_write_all(p->fd, chunk.ptr, chunk.len,
				     HM_NO_DEADLINE, err);
	return rc < 0 ? hm_err_prefix(err, "release tar") : HM_OK;
}

/* linkat() cannot replace, so an unnamed file gets a passing name first. */
static int put_in_place(struct hm_package *p, struct hm_err *err)
{
	if (p->temp[0] == 0) {
		char self[64];

		(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", p->fd);
		temp_name(p);
		if (linkat(AT_FDCWD, self, p->dir, p->temp,
			   AT_SYMLINK_FOLLOW) < 0) {
			p->temp[0] = 0;
			return hm_fail(err, HM_E_SYSTEM, errno,
				       "name the release tar");
		}
	}
	if (renameat(p->dir, p->temp, p->dir, p->name) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "rename to '%s'",
			       HM_ESC(hm_slice_str(p->name)));
	p->temp[0] = 0;
	(void)fsync(p->dir);
	return HM_OK;
}

int hm_package_finish(struct hm_package *p, uint64_t size,
		      struct hm_slice sha256, char *sha256_hex,
		      struct hm_err *err)
{
	uint8_t got[HM_SHA256_LEN];
	int rc = hm_digest_final(p->digest, got, err);

	if (rc < 0)
		return rc;
	if (p->size != size || !hm_slice_eq(hm_slice(got, sizeof(got)), sha256))
		return hm_fail(err, HM_E_PROTOCOL, 0,
			       "the release tar is not what the worker "
			       "announced: %llu of %llu bytes",
			       (unsigned long long)p->size,
			       (unsigned long long)size);
	if (fsync(p->fd) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "sync the release tar");
	rc = put_in_place(p, err);
	if (rc == HM_OK)
		hm_hex(got, sizeof(got), sha256_hex);
	return rc;
}

void hm_package_free(struct hm_package *p)
{
	if (!p)
		return;
	if (p->temp[0] != 0)
		(void)unlinkat(p->dir, p->temp, 0);
	hm_cleanup_fd(&p->fd);
	hm_cleanup_fd(&p->dir);
	hm_digest_free(p->digest);
	free(p->name);
	free(p);
}

void hm_package_reap(const char *path)
{
	AUTO_FREE char *name = NULL;
	AUTO_CLOSE int dir = -1;
	struct dirent *e;
	DIR *d;
	int copy;

	if (open_dir(path, &dir, &name, NULL) < 0)
		return;
	copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = copy < 0 ? NULL : fdopendir(copy);
	if (!d) {
		hm_cleanup_fd(&copy);
		return;
	}
	while ((e = readdir(d)) != NULL) {
		size_t n = strlen(TEMP_PREFIX);
		uint64_t pid;

		if (strncmp(e->d_name, TEMP_PREFIX, n) == 0 &&
		    hm_parse_u64(hm_slice_str(e->d_name + n), INT32_MAX, &pid) &&
		    kill((pid_t)pid, 0) < 0 && errno == ESRCH)
			(void)unlinkat(dir, e->d_name, 0);
	}
	(void)closedir(d);
}
