/*
 * The new mount API in four calls. Everything is done on descriptors, so that a
 * path cannot be swapped between looking and mounting (class of runc
 * CVE-2021-30465); attributes are set before a mount becomes visible.
 */
#pragma once

#include <sys/mount.h>
#include <sys/types.h>

#include "lib/buf.h"

struct hm_tmpfs {
	uint64_t max_bytes;
	uint64_t max_inodes;
	unsigned int mode;
	uid_t uid;
	gid_t gid;
};

/* A new tmpfs, attached nowhere yet. attr: MOUNT_ATTR_*. */
int hm_mount_tmpfs(const struct hm_tmpfs *t, uint64_t attr, int *ret_mount,
		   struct hm_err *err) HM_MUST_CHECK;
/* A file system without options ("proc", "cgroup2"). */
int hm_mount_new(const char *type, uint64_t attr, int *ret_mount,
		 struct hm_err *err) HM_MUST_CHECK;
/*
 * A copy of what is mounted at path, with everything below it, every mount of
 * it with attr added. A link at the end is not followed: HM_E_SYSTEM.
 */
int hm_mount_copy(int dir, const char *path, uint64_t attr, int *ret_mount,
		  struct hm_err *err) HM_MUST_CHECK;
/* Attaches a mount at dir/path, which exists; path "" is dir itself. */
int hm_mount_attach(int mount, int dir, const char *path,
		    struct hm_err *err) HM_MUST_CHECK;

/* Makes dir/path and its parents (0755), without following links. */
int hm_mount_point_dir(int dir, const char *path, struct hm_err *err) HM_MUST_CHECK;
/* The same with an empty file at the end. */
int hm_mount_point_file(int dir, const char *path, struct hm_err *err) HM_MUST_CHECK;
