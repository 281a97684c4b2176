/*
 * The worker's room: its own mounts, before anybody talks to it. Afterwards
 * everything of the host is read-only to it, what it writes is on tmpfs of its
 * own that end with it, and /sys/fs/cgroup is a cgroup2 whose root is ours.
 *
 * Local: a mirror of the host's root at the same paths (toolchains stay where
 * they are), plus HM_ROOM_DIR. Enclave: the initramfs root moved so that
 * pivot_root works (facts: it fails on rootfs), plus HM_ROOM_DIR.
 */
#pragma once

#include <sys/types.h>

#include "lib/buf.h"

/* Hidden from nobody but out of everybody's way. */
#define HM_ROOM_DIR "/.hallmark"
#define HM_ROOM_STATE HM_ROOM_DIR "/state"	/* ours alone, 0711 */
#define HM_ROOM_BUILD HM_ROOM_DIR "/build"	/* becomes /build of the sandbox */

/* Sandbox ids as seen here: container root is this one, when we have them. */
#define HM_ROOM_ID_FIRST 100000U
#define HM_ROOM_ID_COUNT 65536U

enum hm_room_kind {
	HM_ROOM_LOCAL,
	HM_ROOM_ENCLAVE,
};

enum hm_room_controller {
	HM_ROOM_UNIFIED,
	HM_ROOM_V1_MEMORY,
	HM_ROOM_V1_PIDS,
	HM_ROOM_CONTROLLER_COUNT,
};

struct hm_room {
	enum hm_room_kind kind;
	bool many_ids;	/* 100000..165535 are ours; else our one id */
	/* Directories of cgroups that are ours to divide; -1 = we have none. */
	int cgroup[HM_ROOM_CONTROLLER_COUNT];
	bool owns_unified;
	bool unified_memory, unified_pids, unified_cpu;	/* enabled for children */
};

/*
 * Call once, first thing: PID 1, single-threaded. In an enclave /proc, /sys and
 * /dev are mounted already.
 */
int hm_room_prepare(enum hm_room_kind kind, struct hm_room *ret_r,
		    struct hm_err *err) HM_MUST_CHECK;
/*
 * Mounts a tmpfs for the source tree at HM_ROOM_BUILD and opens it. Once; the
 * descriptor is the (empty) source root.
 */
int hm_room_open_build(struct hm_room *r, uint64_t max_bytes, int *ret_fd,
		       struct hm_err *err) HM_MUST_CHECK;
