/*
 * Names and paths that somebody else chose. A path is checked component by
 * component, then opened beneath a directory fd with openat2(BENEATH,
 * NO_MAGICLINKS, NO_SYMLINKS); absolute strings are never built.
 * Where the kernel has no openat2 we refuse rather than emulate.
 */
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include "lib/buf.h"

/* NAME_MAX of Linux; longer names cannot exist on our file systems. */
#define HM_NAME_MAX 255
/* PATH_MAX less the terminating NUL. */
#define HM_PATH_MAX 4095

/*
 * One name: not empty, not "." or "..", no '/', no NUL, at most HM_NAME_MAX.
 * Control characters are refused; other bytes need not be UTF-8.
 */
int hm_name_check(struct hm_slice name, struct hm_err *err) HM_MUST_CHECK;
/* A relative path of checked names separated by single '/'. */
int hm_path_check(struct hm_slice path, struct hm_err *err) HM_MUST_CHECK;

/* openat2 beneath dir without following any link. EAGAIN is retried 16 times. */
int hm_openat_beneath(int dir, const char *path, int flags, mode_t mode,
		      int *ret_fd, struct hm_err *err) HM_MUST_CHECK;
/* As above for existing files, and no mount point is crossed (EXDEV). */
int hm_openat_same_mount(int dir, const char *path, int flags, int *ret_fd,
			 struct hm_err *err) HM_MUST_CHECK;

/*
 * Reads a whole small file below dir. Refuses links, anything but a regular
 * file, and anything over b's max. The last component only may be named here.
 */
int hm_file_read(int dir, const char *name, struct hm_buf *b,
		 struct hm_err *err) HM_MUST_CHECK;
/* Same, but the path may be anything the user typed (links followed). */
int hm_file_read_user(const char *path, struct hm_buf *b,
		      struct hm_err *err) HM_MUST_CHECK;
/*
 * Replaces (or makes) dir/name atomically: temporary file in dir, fsync,
 * rename, fsync of dir. Nothing partial is ever visible under name.
 */
int hm_file_write_atomic(int dir, const char *name, struct hm_slice data,
			 mode_t mode, struct hm_err *err) HM_MUST_CHECK;

/* Removes a tree below dir without following links or crossing mounts. */
int hm_tree_remove(int dir, const char *name, struct hm_err *err) HM_MUST_CHECK;
/* mkdir -p of a path the user typed. */
int hm_mkdirs(const char *path, mode_t mode, struct hm_err *err) HM_MUST_CHECK;
/*
 * The same, and every directory on the way is synced, made now or before: what
 * is kept and synced below it then survives a power cut. Parents that may not
 * be opened are passed over.
 */
int hm_mkdirs_durable(const char *path, mode_t mode,
		      struct hm_err *err) HM_MUST_CHECK;
