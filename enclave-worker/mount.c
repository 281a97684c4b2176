/*
 * Mounts by descriptor. Callers name what they mount; nothing here decides.
 */
#include "enclave-worker/mount.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lib/log.h"
#include "lib/path.h"

static int set_option(int fs, const char *key, const char *fmt, unsigned long long value,
		      struct hm_err *err)
{
	char text[32];

	(void)snprintf(text, sizeof(text), fmt[1] == 'o' ? "%llo" : "%llu", value);
	if (fsconfig(fs, FSCONFIG_SET_STRING, key, text, 0) != 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "tmpfs option %s=%s", key, text);
	return HM_OK;
}

static int finish(int fs, const char *type, uint64_t attr, int *ret_mount, struct hm_err *err)
{
	int fd;

	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "make a %s file system", type);
	fd = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned int)attr);
	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "mount %s", type);
	*ret_mount = fd;
	return HM_OK;
}

int hm_mount_tmpfs(const struct hm_tmpfs *t, uint64_t attr, int *ret_mount, struct hm_err *err)
{
	AUTO_CLOSE int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	int rc;

	if (fs < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "tmpfs");
	rc = set_option(fs, "size", "%u", t->max_bytes, err);
	if (rc == HM_OK)
		rc = set_option(fs, "nr_inodes", "%u", t->max_inodes, err);
	if (rc == HM_OK)
		rc = set_option(fs, "mode", "%o", t->mode, err);
	if (rc == HM_OK)
		rc = set_option(fs, "uid", "%u", t->uid, err);
	if (rc == HM_OK)
		rc = set_option(fs, "gid", "%u", t->gid, err);
	return rc == HM_OK ? finish(fs, "tmpfs", attr, ret_mount, err) : rc;
}

int hm_mount_new(const char *type, uint64_t attr, int *ret_mount, struct hm_err *err)
{
	AUTO_CLOSE int fs = fsopen(type, FSOPEN_CLOEXEC);

	if (fs < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "%s", type);
	return finish(fs, type, attr, ret_mount, err);
}

int hm_mount_copy(int dir, const char *path, uint64_t attr, int *ret_mount, struct hm_err *err)
{
	struct mount_attr set = {.attr_set = attr, .propagation = MS_PRIVATE};
	AUTO_CLOSE int fd = open_tree(dir, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
				      AT_RECURSIVE | AT_SYMLINK_NOFOLLOW |
				      (path[0] == 0 ? AT_EMPTY_PATH : 0));
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "take %s", path);
	if (S_ISLNK(st.st_mode))
		return hm_fail(err, HM_E_SYSTEM, ELOOP, "take %s", path);
	if (mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &set, sizeof(set)) != 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "restrict the mount of %s", path);
	*ret_mount = HM_TAKE_FD(fd);
	return HM_OK;
}

int hm_mount_attach(int mount, int dir, const char *path, struct hm_err *err)
{
	AUTO_CLOSE int target = -1;
	int rc = HM_OK;

	if (path[0] != 0) {
		rc = hm_openat_beneath(dir, path, O_PATH, 0, &target, err);
		if (rc != HM_OK)
			return hm_err_prefix(err, "mount point");
	}
	if (move_mount(mount, "", target >= 0 ? target : dir, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "mount at '%s'", path);
	return rc;
}

/* Opens the parent of path, making what is missing; *ret_last: its last name. */
static int make_parents(int dir, const char *path, int *ret_fd, const char **ret_last,
			struct hm_err *err)
{
	AUTO_CLOSE int at = openat(dir, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int rc = hm_path_check(hm_slice_str(path), err);
	const char *slash;

	if (rc != HM_OK)
		return rc;
	if (at < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "mount point %s", path);
	while ((slash = strchr(path, '/')) != NULL) {
		char name[HM_NAME_MAX + 1];
		int next;

		(void)snprintf(name, sizeof(name), "%.*s", (int)(slash - path), path);
		if (mkdirat(at, name, 0755) != 0 && errno != EEXIST)
			return hm_fail(err, HM_E_SYSTEM, errno, "make %s", name);
		next = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return hm_fail(err, HM_E_SYSTEM, errno, "open %s", name);
		(void)close(at);
		at = next;
		path = slash + 1;
	}
	*ret_last = path;
	*ret_fd = HM_TAKE_FD(at);
	return HM_OK;
}

int hm_mount_point_dir(int dir, const char *path, struct hm_err *err)
{
	AUTO_CLOSE int parent = -1;
	const char *last;
	int rc = make_parents(dir, path, &parent, &last, err);

	if (rc != HM_OK)
		return rc;
	if (mkdirat(parent, last, 0755) != 0 && errno != EEXIST)
		return hm_fail(err, HM_E_SYSTEM, errno, "make %s", path);
	return HM_OK;
}

int hm_mount_point_file(int dir, const char *path, struct hm_err *err)
{
	AUTO_CLOSE int parent = -1;
	AUTO_CLOSE int fd = -1;
	const char *last;
	int rc = make_parents(dir, path, &parent, &last, err);

	if (rc != HM_OK)
		return rc;
	fd = openat(parent, last, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "make %s", path);
	return HM_OK;
}
