/*
 * config.json of the container, as data: everything the sandbox promises that
 * the runtime has to keep is written here and nowhere else.
 */
#pragma once

#include <sys/types.h>

#include "lib/buf.h"

struct hm_oci {
	const char *root;		/* directory that becomes "/", read-only */
	const char *build;		/* directory that becomes /build */
	const char *netns;		/* path, or NULL: a new one, loopback only */
	const char *cgroup;		/* "/sandbox", or NULL */
	const char *const *argv;
	const char *const *envp;	/* "K=V", NULL-ended, whole environment */
	const char *cwd;
	/* Ids inside, and which ids of ours they are: one run. */
	uint32_t id_inside, id_first, id_count;
	uint32_t uid;			/* inside; also the group */
	uint64_t shm_bytes;
	uint64_t nofile_max;
	/*
	 * Mount points inside root whose mounts the runtime is to bind again: one
	 * with its own kernel takes root for a single read-only file system.
	 */
	const char *const *binds;
	size_t bind_count;
	uint64_t nproc_max;		/* 0 = not by rlimit */
};

/* Appends the text. */
int hm_oci_write(const struct hm_oci *c, struct hm_buf *b, struct hm_err *err) HM_MUST_CHECK;
