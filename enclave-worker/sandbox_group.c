/*
 * Limits by cgroup. A limit that could not be written is a limit we do not have:
 * each is read back by the kernel's own success, and hm_sandbox_group_kind()
 * reports the weakest.
 */
#include "enclave-worker/sandbox_group.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lib/cgroup.h"

/* The kernel's own unit for cpu.max, in microseconds. */
#define CPU_PERIOD 100000U
/* A killed process leaves its group within milliseconds; memory takes longer. */
#define POLL_MS 2

static int make_dir(int parent, struct hm_err *err, int *ret_fd)
{
	int fd;

	if (parent < 0)
		return HM_OK;
	if (mkdirat(parent, HM_SANDBOX_GROUP_NAME, 0755) != 0 && errno != EEXIST)
		return hm_fail(err, HM_E_SYSTEM, errno, "cgroup of the sandbox");
	fd = hm_cgroup_open(parent, HM_SANDBOX_GROUP_NAME);
	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "cgroup of the sandbox");
	*ret_fd = fd;
	return HM_OK;
}

static uint64_t oom_kills(const struct hm_sandbox_group *g)
{
	uint64_t n = 0;

	if (g->dir[HM_ROOM_UNIFIED] >= 0 &&
	    hm_cgroup_get(g->dir[HM_ROOM_UNIFIED], "memory.events", "oom_kill", &n))
		return n;
	if (g->dir[HM_ROOM_V1_MEMORY] >= 0 &&
	    hm_cgroup_get(g->dir[HM_ROOM_V1_MEMORY], "memory.oom_control", "oom_kill", &n))
		return n;
	return 0;
}

static void limit(struct hm_sandbox_group *g, uint64_t memory_bytes, uint32_t pids_max,
		  uint32_t cpus)
{
	int unified = g->dir[HM_ROOM_UNIFIED], mem = g->dir[HM_ROOM_V1_MEMORY];
	int pids = g->dir[HM_ROOM_V1_PIDS];

	if (unified >= 0) {
		g->memory = hm_cgroup_put_number(unified, "memory.max", memory_bytes);
		(void)hm_cgroup_put_number(unified, "memory.swap.max", 0);
		/* One victim more or less: the build has failed anyway. */
		(void)hm_cgroup_put(unified, "memory.oom.group", "1");
		g->pids = hm_cgroup_put_number(unified, "pids.max", pids_max);
		if (cpus > 0) {
			char text[48];

			(void)snprintf(text, sizeof(text), "%llu %u",
				       (unsigned long long)cpus * CPU_PERIOD, CPU_PERIOD);
			(void)hm_cgroup_put(unified, "cpu.max", text);
		}
	}
	if (!g->memory && mem >= 0) {
		g->memory = hm_cgroup_put_number(mem, "memory.limit_in_bytes", memory_bytes);
		(void)hm_cgroup_put_number(mem, "memory.memsw.limit_in_bytes", memory_bytes);
	}
	if (!g->pids && pids >= 0)
		g->pids = hm_cgroup_put_number(pids, "pids.max", pids_max);
}

int hm_sandbox_group_make(const struct hm_room *room, uint64_t memory_bytes,
			  uint32_t pids_max, uint32_t cpus,
			  struct hm_sandbox_group *ret_g, struct hm_err *err)
{
	struct hm_sandbox_group g = {.room = room, .dir = {-1, -1, -1}};

	for (size_t i = 0; i < HM_ROOM_CONTROLLER_COUNT; i++) {
		int rc = make_dir(room->cgroup[i], err, &g.dir[i]);

		if (rc != HM_OK) {
			hm_sandbox_group_remove(&g);
			return rc;
		}
	}
	limit(&g, memory_bytes, pids_max, cpus);
	g.oom_before = oom_kills(&g);
	*ret_g = g;
	return HM_OK;
}

int hm_sandbox_group_add(const struct hm_sandbox_group *g, pid_t pid, bool placed,
			 struct hm_err *err)
{
	for (size_t i = 0; i < HM_ROOM_CONTROLLER_COUNT; i++) {
		if (i == HM_ROOM_UNIFIED && placed)
			continue;
		if (g->dir[i] >= 0 &&
		    !hm_cgroup_put_number(g->dir[i], "cgroup.procs", (uint64_t)pid))
			return hm_fail(err, HM_E_SYSTEM, errno, "put the build into its cgroup");
	}
	return HM_OK;
}

static bool is_empty(int dir)
{
	uint64_t populated = 0;

	if (dir < 0)
		return true;
	if (hm_cgroup_get(dir, "cgroup.events", "populated", &populated))
		return populated == 0;
	return hm_cgroup_kill(dir);
}

int hm_sandbox_group_kill(const struct hm_sandbox_group *g, hm_deadline_t deadline,
			  struct hm_err *err)
{
	for (;;) {
		bool empty = true;

		for (size_t i = 0; i < HM_ROOM_CONTROLLER_COUNT; i++) {
			if (is_empty(g->dir[i]))
				continue;
			(void)hm_cgroup_kill(g->dir[i]);
			empty = false;
		}
		if (empty)
			return HM_OK;
		if (hm_deadline_left(deadline) == 0)
			return hm_fail(err, HM_E_TIMEOUT, 0,
				       "processes of the build do not die");
		(void)usleep(POLL_MS * 1000U);
	}
}

bool hm_sandbox_group_oom(struct hm_sandbox_group *g)
{
	uint64_t now = oom_kills(g);
	bool more = now > g->oom_before;

	g->oom_before = now;
	return more;
}

void hm_sandbox_group_remove(struct hm_sandbox_group *g)
{
	for (size_t i = 0; i < HM_ROOM_CONTROLLER_COUNT; i++) {
		if (g->dir[i] < 0)
			continue;
		hm_cleanup_fd(&g->dir[i]);
		/* A runtime may have made groups below; they are empty by now. */
		(void)unlinkat(g->room->cgroup[i], HM_SANDBOX_GROUP_NAME, AT_REMOVEDIR);
	}
}

const char *hm_sandbox_group_kind(const struct hm_sandbox_group *g)
{
	if (!g->memory || !g->pids)
		return "rlimit";
	return g->room->unified_memory && g->room->unified_pids ? "cgroup2" : "cgroup1";
}
