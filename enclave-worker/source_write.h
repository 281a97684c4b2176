/*
 * Creating files, links and directories below a directory fd, one name at a
 * time. Everything made here is new: an existing name is refused, so nothing is
 * ever written through a link. Modes are fixed whatever the umask, and every
 * time stamp is the same.
 */
#pragma once

#include <sys/types.h>

#include "lib/buf.h"

/* name: one checked component, NUL-terminated. HM_E_POLICY when it exists. */
int hm_source_mkdir(int dir, const char *name, int *ret_fd,
		    struct hm_err *err) HM_MUST_CHECK;
int hm_source_create(int dir, const char *name, int *ret_fd,
		     struct hm_err *err) HM_MUST_CHECK;
int hm_source_symlink(int dir, const char *name, const char *target,
		      int64_t mtime_s, struct hm_err *err) HM_MUST_CHECK;
/* Sets mode and times of a file or directory when its content is complete. */
int hm_source_seal(int fd, mode_t mode, int64_t mtime_s,
		   struct hm_err *err) HM_MUST_CHECK;
/* HM_E_POLICY unless dir is a directory without entries. */
int hm_source_check_empty(int dir, struct hm_err *err) HM_MUST_CHECK;
