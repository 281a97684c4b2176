/*
 * Limits that the host puts around a local enclave as a whole, and the means to
 * find and remove what a killed runner-hook left behind. Uses cgroup2 where its
 * controllers are, the version 1 hierarchies of a hybrid host otherwise, and
 * does without where the user may have neither: the worker then holds the
 * limits itself. No mount is made.
 */
#pragma once

#include <sys/types.h>

#include "lib/buf.h"

/* "hallmark-<pid>-<start time>-<pid namespace>-<n>": whose it is, reuse-proof. */
#define HM_HOST_CGROUP_NAME_MAX 96

struct hm_host_cgroup {
	char name[HM_HOST_CGROUP_NAME_MAX];
	int unified_parent;	/* cgroup2 directory that holds ours, or -1 */
	int unified;		/* ours, or -1: for CLONE_INTO_CGROUP */
	int v1_parent[2];	/* memory, pids; -1 where cgroup2 has them */
};
#define HM_HOST_CGROUP_NONE                                                    \
	((struct hm_host_cgroup){.unified_parent = -1,                         \
				 .unified = -1,                                \
				 .v1_parent = {-1, -1}})

/*
 * Makes the groups it may make, with these limits. Having no cgroups is not an
 * error: fields stay -1.
 */
void hm_host_cgroup_make(uint64_t memory_bytes, uint32_t pids_max,
			 struct hm_host_cgroup *ret_g);
/* Puts a process that has not run anything yet into the version 1 groups. */
int hm_host_cgroup_add(const struct hm_host_cgroup *g, pid_t pid,
		       struct hm_err *err) HM_MUST_CHECK;
/* Kills what is left inside and removes the groups. Within about a second. */
void hm_host_cgroup_remove(struct hm_host_cgroup *g);
/* Removes groups whose owner is dead. Returns how many there were. */
size_t hm_host_cgroup_reap(void);
