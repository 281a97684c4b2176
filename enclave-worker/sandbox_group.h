/*
 * The cgroups of the sandbox, beside the worker's: its limits, its certain
 * death, and whether memory ran out. Where there are none, or not all, says so.
 */
#pragma once

#include <sys/types.h>

#include "enclave-worker/room.h"
#include "lib/io.h"

struct hm_sandbox_group {
	const struct hm_room *room;
	int dir[HM_ROOM_CONTROLLER_COUNT];	/* -1 = not had */
	uint64_t oom_before;
	bool memory, pids;	/* limits are held by a cgroup */
};
#define HM_SANDBOX_GROUP_NAME "sandbox"

/* Makes the groups with these limits. Having none is not an error. */
int hm_sandbox_group_make(const struct hm_room *room, uint64_t memory_bytes,
			  uint32_t pids_max, uint32_t cpus,
			  struct hm_sandbox_group *ret_g, struct hm_err *err) HM_MUST_CHECK;
/*
 * Puts a process in. All that it forks later is in, too. placed: the runtime has
 * put it below our cgroup2 already.
 */
int hm_sandbox_group_add(const struct hm_sandbox_group *g, pid_t pid, bool placed,
			 struct hm_err *err) HM_MUST_CHECK;
/* Kills all and waits until the groups are empty. HM_E_TIMEOUT. */
int hm_sandbox_group_kill(const struct hm_sandbox_group *g, hm_deadline_t deadline,
			  struct hm_err *err) HM_MUST_CHECK;
/* Did the kernel kill for memory since the last call? */
bool hm_sandbox_group_oom(struct hm_sandbox_group *g);
void hm_sandbox_group_remove(struct hm_sandbox_group *g);
/* "cgroup2", "cgroup1", or "rlimit" when one limit or more is not a cgroup's. */
const char *hm_sandbox_group_kind(const struct hm_sandbox_group *g);
