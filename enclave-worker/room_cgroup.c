/*
 * A group is ours when runner-hook made it for us (its name says so), or when we
 * are PID 1 of an enclave. Groups of anybody else are not touched, even where
 * we could.
 */
#include "enclave-worker/room_cgroup.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include "enclave-worker/mount.h"
#include "lib/cgroup.h"
#include "lib/path.h"

static bool is_ours(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *last = slash ? slash + 1 : path;

	return strncmp(last, HM_CGROUP_PREFIX, strlen(HM_CGROUP_PREFIX)) == 0;
}

static int find_one(const char *controller)
{
	char path[HM_PATH_MAX + 1];
	AUTO_CLOSE int top = -1;

	if (!hm_cgroup_own_path(controller, path, sizeof(path)) || !is_ours(path))
		return -1;
	top = hm_cgroup_open_top(controller);
	return top < 0 ? -1 : hm_cgroup_open(top, path);
}

void hm_room_cgroup_find(struct hm_room *r)
{
	char path[HM_PATH_MAX + 1];

	if (r->kind == HM_ROOM_ENCLAVE)
		return;
	/* Only whether it is ours: it is opened through our own mount later. */
	r->owns_unified = hm_cgroup_own_path(NULL, path, sizeof(path)) && is_ours(path);
	r->cgroup[HM_ROOM_V1_MEMORY] = find_one("memory");
	r->cgroup[HM_ROOM_V1_PIDS] = find_one("pids");
}

int hm_room_cgroup_mount(struct hm_room *r, int *ret_mount, struct hm_err *err)
{
	if (r->kind == HM_ROOM_ENCLAVE)
		r->owns_unified = true;
	else if (unshare(CLONE_NEWCGROUP) != 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "cgroup namespace");
	return hm_mount_new("cgroup2", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
			    ret_mount, err);
}

int hm_room_cgroup_divide(struct hm_room *r, struct hm_err *err)
{
	AUTO_CLOSE int dir = -1;
	AUTO_CLOSE int leaf = -1;

	if (!r->owns_unified)
		return HM_OK;
	dir = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || (mkdirat(dir, "worker", 0755) != 0 && errno != EEXIST))
		return hm_fail(err, HM_E_SYSTEM, errno, "the worker's cgroup");
	leaf = hm_cgroup_open(dir, "worker");
	if (leaf < 0 || !hm_cgroup_put(leaf, "cgroup.procs", "0"))
		return hm_fail(err, HM_E_SYSTEM, errno, "move to the worker's cgroup");
	r->unified_memory = hm_cgroup_put(dir, "cgroup.subtree_control", "+memory");
	r->unified_pids = hm_cgroup_put(dir, "cgroup.subtree_control", "+pids");
	r->unified_cpu = hm_cgroup_put(dir, "cgroup.subtree_control", "+cpu");
	r->cgroup[HM_ROOM_UNIFIED] = HM_TAKE_FD(dir);
	return HM_OK;
}
