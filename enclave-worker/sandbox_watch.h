/*
 * The memory limit where no cgroup holds it (an ordinary user without
 * delegation): counts what the sandbox uses, a few times a second. Weaker than a
 * cgroup, and reported as "rlimit": memory can overshoot between two counts.
 */
#pragma once

#include <sys/types.h>

#include "lib/buf.h"

/* A process can fill about 200 MB in this time; a count takes 0.2 ms. */
#define HM_SANDBOX_WATCH_MS 50

/*
 * Bytes that processes outside our own pid namespace use, and those in its
 * private file systems (init: its first process). The host's own shortage
 * counts as over any limit: UINT64_MAX.
 */
uint64_t hm_sandbox_memory_used(pid_t init, const char *root, const char *build);
