/*
 * Ids of a user namespace made by somebody who is not root: its root is
 * ourselves, and 100000..165535 are the user's subordinate ids when /etc/subuid
 * and /etc/subgid grant 65536 of them and newuidmap is there.
 */
#pragma once

#include <sys/types.h>

#include "lib/io.h"

/* The sandbox's ids as the worker sees them: the same as for root. */
#define HM_ID_MAP_FIRST 100000U
#define HM_ID_MAP_COUNT 65536U

/* pid: a child in its new user namespace that has not gone on yet. */
int hm_id_map_write(pid_t pid, hm_deadline_t deadline, struct hm_err *err) HM_MUST_CHECK;
/*
 * First subordinate id of name (or of the number id) in a subuid/subgid text;
 * 0 when none has HM_ID_MAP_COUNT of them.
 */
uint64_t hm_id_map_find(struct hm_slice text, const char *name, uint64_t id);
