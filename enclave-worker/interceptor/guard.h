/*
 * What the interceptor gives up before it meets the first hostile byte: its
 * user id, every capability, the file system, new privileges, core dumps, and
 * all system calls but those of its loop.
 */
#pragma once

#include <sys/types.h>

#include "lib/err.h"

/*
 * empty_dir becomes the root directory. uid/gid 0 = keep the ids. Everything is
 * read back; when one step did not take, this fails and the caller must exit.
 */
int hm_guard_enter(const char *empty_dir, uid_t uid, gid_t gid,
		   struct hm_err *err) HM_MUST_CHECK;
