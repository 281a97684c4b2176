/*
 * Mounts of the worker. Trusts the kernel only: where a step fails there is no
 * room and no build.
 *
 * Order, local (each step needs the one before):
 * 1. private propagation, so that nothing of ours shows on the host;
 * 2. descriptors of our cgroups, while the host's mounts are in sight;
 * 3. a new root: every directory of the old one bound at its path, read-only,
 *    nosuid; links copied; plain files left out;
 * 4. fresh /proc (of our pid namespace) and cgroup2 (of our cgroup namespace)
 *    in it. The kernel allows that to user namespaces only while the old ones
 *    are visible, hence before
 * 5. pivot_root, and the old root is detached.
 */
#include "enclave-worker/room.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "enclave-worker/mount.h"
#include "enclave-worker/room_cgroup.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/path.h"

/* A root directory has about 25 entries; more than this is not a root. */
#define ROOT_ENTRIES_MAX 512U
/* config.json, pid files and logs of a few commands, generated /etc. */
#define STATE_BYTES (64ULL << 20)
#define STATE_INODES 65536U
/* Of the root itself: directories and links only. */
#define ROOT_BYTES (4ULL << 20)
/* An inode takes a kilobyte of kernel memory that `size` does not count. */
#define BYTES_PER_INODE 2048U

struct entry {
	char *name;
	char *link;	/* target of a link, or */
	int mount;	/* copy of the directory */
};

struct entries {
	struct entry items[ROOT_ENTRIES_MAX];
	size_t count;
};

static void entries_release(struct entries *l)
{
	for (size_t i = 0; i < l->count; i++) {
		free(l->items[i].name);
		free(l->items[i].link);
		hm_cleanup_fd(&l->items[i].mount);
	}
	l->count = 0;
}

static int ids_are_mapped(const char *file, bool *ret_yes, struct hm_err *err)
{
	AUTO_BUF struct hm_buf b;
	AUTO_CLOSE int fd = open(file, O_RDONLY | O_CLOEXEC);
	const char *text;
	char *line, *save = NULL;
	int rc;

	hm_buf_init(&b, 65536);	/* 340 lines of at most 33 bytes */
	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "%s", file);
	rc = hm_io_read_to_end(fd, &b, HM_NO_DEADLINE, err);
	if (rc == HM_OK)
		rc = hm_buf_cstr(&b, &text, err);
	if (rc != HM_OK)
		return rc;
	*ret_yes = false;
	for (line = strtok_r((char *)b.data, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		unsigned long long inside, outside, count;

		if (sscanf(line, "%llu %llu %llu", &inside, &outside, &count) == 3 &&
		    inside <= HM_ROOM_ID_FIRST &&
		    inside + count >= HM_ROOM_ID_FIRST + HM_ROOM_ID_COUNT)
			*ret_yes = true;
	}
	return HM_OK;
}

/*
 * What the host has at /name. Nothing there is worth failing for: a directory
 * that root of a user namespace may not take (autofs, FUSE) is left out.
 */
static int take_entry(int root, const char *name, unsigned char type, struct entry *ret_e,
		      struct hm_err *err)
{
	uint64_t attr = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID;
	struct entry e = {.mount = -1};
	struct hm_err why;

	if (strcmp(name, "dev") != 0)
		attr |= MOUNT_ATTR_NODEV;
	e.name = hm_slice_dup(hm_slice_str(name));
	if (!e.name)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "room");
	if (type == DT_LNK) {
		char target[HM_PATH_MAX + 1];
		ssize_t n = readlinkat(root, name, target, sizeof(target));

		if (n > 0 && (size_t)n < sizeof(target))
			e.link = hm_slice_dup(hm_slice(target, (size_t)n));
	} else if (type == DT_DIR &&
		   hm_mount_copy(root, name, attr, &e.mount, &why) != HM_OK) {
		hm_log(HM_LOG_DEBUG, "ignoring /%s: %s", name, why.msg);
	}
	*ret_e = e;
	return HM_OK;
}

static int take_root(int root, struct entries *l, struct hm_err *err)
{
	int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int rc = HM_OK;

	if (!list) {
		rc = hm_fail(err, HM_E_SYSTEM, errno, "read /");
		hm_cleanup_fd(&fd);
		return rc;
	}
	while (rc == HM_OK && (e = readdir(list)) != NULL) {
		struct stat st;
		unsigned char type = e->d_type;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    strcmp(e->d_name, "proc") == 0 ||
		    strcmp(e->d_name, &HM_ROOM_DIR[1]) == 0)
			continue;
		if (type == DT_UNKNOWN && fstatat(root, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			type = S_ISDIR(st.st_mode) ? DT_DIR : S_ISLNK(st.st_mode) ? DT_LNK : DT_REG;
		if (type != DT_DIR && type != DT_LNK)
			continue;
		if (l->count == ROOT_ENTRIES_MAX)
			rc = hm_fail(err, HM_E_TOO_LARGE, 0, "more than %u directories in /",
				     ROOT_ENTRIES_MAX);
		else
			rc = take_entry(root, e->d_name, type, &l->items[l->count], err);
		if (rc == HM_OK)
			l->count++;
	}
	(void)closedir(list);
	return rc;
}

static int lay_entries(int top, const struct entries *l, struct hm_err *err)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct entry *e = &l->items[i];
		int rc = HM_OK;

		if (e->link) {
			if (symlinkat(e->link, top, e->name) != 0)
				return hm_fail(err, HM_E_SYSTEM, errno, "link /%s", e->name);
		} else if (e->mount >= 0) {
			rc = hm_mount_point_dir(top, e->name, err);
			if (rc == HM_OK)
				rc = hm_mount_attach(e->mount, top, e->name, err);
		}
		if (rc != HM_OK)
			return rc;
	}
	return HM_OK;
}

/* A fresh proc shows our pid namespace only. */
static int lay_proc(int top, struct hm_err *err)
{
	AUTO_CLOSE int mount_fd = -1;
	int rc = hm_mount_new("proc", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
			      &mount_fd, err);

	if (rc != HM_OK && err->sys_errno == EPERM)
		return hm_err_prefix(err, "this host (a container?) hides parts of /proc, which "
				     "forbids a sandbox; run as root or outside of it");
	if (rc == HM_OK)
		rc = hm_mount_point_dir(top, "proc", err);
	return rc == HM_OK ? hm_mount_attach(mount_fd, top, "proc", err) : rc;
}

static int lay_cgroup(struct hm_room *r, int top, struct hm_err *err)
{
	AUTO_CLOSE int mount_fd = -1;
	AUTO_CLOSE int target = -1;
	int rc = hm_room_cgroup_mount(r, &mount_fd, err);

	if (rc != HM_OK)
		return rc;
	/* On top of what a hybrid host has there, inside our namespace only. */
	target = openat(top, "sys/fs/cgroup", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (target < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "/sys/fs/cgroup");
	return hm_mount_attach(mount_fd, target, "", err);
}

/*
 * To the directory we are in. pivot_root refuses the kernel's own rootfs and a
 * chroot; there the new root covers the old one, which stays below, unreachable.
 */
static int change_root(void)
{
	if (syscall(SYS_pivot_root, ".", ".") == 0)
		return umount2(".", MNT_DETACH);
	if (errno != EINVAL || mount(".", "/", NULL, MS_MOVE, NULL) != 0)
		return -1;
	return chroot(".");
}

static int mirror_root(struct hm_room *r, struct hm_err *err)
{
	static struct entries list;	/* 12 KiB: not on the stack; used once */
	const struct hm_tmpfs t = {.max_bytes = ROOT_BYTES, .max_inodes = 2 * ROOT_ENTRIES_MAX,
				   .mode = 0755};
	AUTO_CLOSE int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSE int mount_fd = -1;
	AUTO_CLOSE int top = -1;
	struct mount_attr ro = {.attr_set = MOUNT_ATTR_RDONLY};
	int rc;

	if (root < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "/");
	rc = take_root(root, &list, err);
	if (rc == HM_OK)
		rc = hm_mount_tmpfs(&t, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, &mount_fd, err);
	/* Any directory will do to attach it: it becomes the root in a moment. */
	if (rc == HM_OK)
		rc = hm_mount_attach(mount_fd, root, "tmp", err);
	if (rc == HM_OK) {
		top = openat(root, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (top < 0)
			rc = hm_fail(err, HM_E_SYSTEM, errno, "new root");
	}
	if (rc == HM_OK)
		rc = lay_entries(top, &list, err);
	if (rc == HM_OK)
		rc = lay_proc(top, err);
	if (rc == HM_OK)
		rc = lay_cgroup(r, top, err);
	if (rc == HM_OK)
		rc = hm_mount_point_dir(top, &HM_ROOM_DIR[1], err);
	entries_release(&list);
	if (rc != HM_OK)
		return rc;
	if (fchdir(top) != 0 || change_root() != 0 || chdir("/") != 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "change to the new root");
	if (mount_setattr(AT_FDCWD, "/", 0, &ro, sizeof(ro)) != 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "make the root read-only");
	return HM_OK;
}

/*
 * pivot_root fails while the root is the kernel's own rootfs, and runtimes use
 * nothing else. A bind of it, moved to "/", is a mount like any other.
 */
static int move_root(struct hm_room *r, struct hm_err *err)
{
	AUTO_CLOSE int root = -1;

	if (mkdir(HM_ROOM_DIR, 0711) != 0 && errno != EEXIST)
		return hm_fail(err, HM_E_SYSTEM, errno, HM_ROOM_DIR);
	if (mount("/", HM_ROOM_DIR, NULL, MS_BIND | MS_REC, NULL) != 0 ||
	    chdir(HM_ROOM_DIR) != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 ||
	    chroot(".") != 0 || chdir("/") != 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "move the root");
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "/");
	return lay_cgroup(r, root, err);
}

static int lay_state(struct hm_err *err)
{
	const struct hm_tmpfs t = {.max_bytes = STATE_BYTES, .max_inodes = STATE_INODES,
				   .mode = 0711};
	AUTO_CLOSE int mount_fd = -1;
	AUTO_CLOSE int dir = open(HM_ROOM_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (dir < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, HM_ROOM_DIR);
	rc = hm_mount_tmpfs(&t, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, &mount_fd, err);
	if (rc == HM_OK)
		rc = hm_mount_attach(mount_fd, dir, "", err);
	if (rc == HM_OK && (mkdir(HM_ROOM_STATE, 0711) != 0 || mkdir(HM_ROOM_BUILD, 0755) != 0))
		rc = hm_fail(err, HM_E_SYSTEM, errno, "directories of the room");
	return rc;
}

int hm_room_prepare(enum hm_room_kind kind, struct hm_room *ret_r, struct hm_err *err)
{
	struct hm_room r = {.kind = kind, .cgroup = {-1, -1, -1}};
	bool uids = false, gids = false;
	int rc;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "room: private mounts");
	hm_room_cgroup_find(&r);
	rc = kind == HM_ROOM_LOCAL ? mirror_root(&r, err) : move_root(&r, err);
	if (rc == HM_OK)
		rc = hm_room_cgroup_divide(&r, err);
	if (rc == HM_OK)
		rc = lay_state(err);
	if (rc == HM_OK)
		rc = ids_are_mapped("/proc/self/uid_map", &uids, err);
	if (rc == HM_OK)
		rc = ids_are_mapped("/proc/self/gid_map", &gids, err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "room");
	r.many_ids = uids && gids;
	*ret_r = r;
	return HM_OK;
}

int hm_room_open_build(struct hm_room *r, uint64_t max_bytes, int *ret_fd, struct hm_err *err)
{
	const struct hm_tmpfs t = {.max_bytes = max_bytes,
				   .max_inodes = max_bytes / BYTES_PER_INODE, .mode = 0755};
	AUTO_CLOSE int mount_fd = -1;
	AUTO_CLOSE int dir = open(HM_ROOM_BUILD, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd, rc;

	(void)r;
	if (dir < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, HM_ROOM_BUILD);
	rc = hm_mount_tmpfs(&t, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, &mount_fd, err);
	if (rc == HM_OK)
		rc = hm_mount_attach(mount_fd, dir, "", err);
	if (rc != HM_OK)
		return rc;
	fd = open(HM_ROOM_BUILD, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, HM_ROOM_BUILD);
	*ret_fd = fd;
	return HM_OK;
}
