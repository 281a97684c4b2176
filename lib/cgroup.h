/*
 * Finding and writing control groups, of version 2 and of the version 1
 * hierarchies that many hosts still have beside it. Everything goes through
 * directory descriptors; no path of a mount is assumed.
 */
#pragma once

#include <sys/types.h>

#include "lib/buf.h"

/* What runner-hook calls the groups it makes; the worker knows its own by it. */
#define HM_CGROUP_PREFIX "hallmark-"

/*
 * Our own path, without the first '/', in the version 1 hierarchy of controller,
 * or in version 2 (controller NULL). False when we are in none.
 */
bool hm_cgroup_own_path(const char *controller, char *out, size_t out_size);
/*
 * Opens the top of that hierarchy, or returns -1: where it is mounted, or (root)
 * through a mount that is attached nowhere, since hosts mount cgroups read-only
 * or not at all. Ask hm_cgroup_own_path() first: asking for a version 1
 * hierarchy that is not there would make it.
 */
int hm_cgroup_open_top(const char *controller);
/* A directory below dir; "" is dir itself. -1 on failure, errno set. */
int hm_cgroup_open(int dir, const char *path);

bool hm_cgroup_put(int dir, const char *file, const char *value);
bool hm_cgroup_put_number(int dir, const char *file, uint64_t value);
/* Is word among the blank-separated words of this file? */
bool hm_cgroup_has_word(int dir, const char *file, const char *word);
/* The number after key at the start of a line ("populated 0"). */
bool hm_cgroup_get(int dir, const char *file, const char *key, uint64_t *ret);
/*
 * SIGKILL to every process of the group itself, by cgroup.kill and by listing
 * them (older kernels, version 1). True when there was none left to kill.
 */
bool hm_cgroup_kill(int dir);
