/*
 * Walking a directory tree that an untrusted build left behind: without
 * recursion, without following a link or crossing a mount, names in byte order
 * so that the first problem reported is always the same one.
 */
#pragma once

#include <sys/stat.h>

#include "lib/buf.h"

/* Beyond any real tree; a hostile one must not keep us walking. */
#define HM_WALK_MAX_ENTRIES 4000000U
/* Paths waiting, and the names of one directory: 32 MiB is ~500,000 names. */
#define HM_WALK_MAX_BYTES (32U << 20)

struct hm_walk {
	/*
	 * A name in a directory whose state is at: the entry's state, or 0 when it
	 * is of no interest (it is then not even looked at).
	 */
	uint64_t (*select)(void *ctx, uint64_t at, const char *name);
	/*
	 * One selected entry; path is below the root and valid during the call.
	 * For a directory, *ret_enter (0 on entry) is the state to walk it with.
	 */
	int (*visit)(void *ctx, const char *path, const struct stat *st,
		     uint64_t state, uint64_t *ret_enter, struct hm_err *err);
};

/* state: of the root directory, not 0. */
int hm_tree_walk(int root_fd, const struct hm_walk *walk, void *ctx,
		 uint64_t state, struct hm_err *err) HM_MUST_CHECK;

/* The names in one directory, in byte order. */
struct hm_dir_names {
	char **items;
	size_t count;
	size_t room;
	size_t bytes;
};
void hm_dir_names_release(struct hm_dir_names *n);
#define AUTO_NAMES HM_CLEANUP(hm_dir_names_release)
/* path "" is the root itself. HM_E_TOO_LARGE past HM_WALK_MAX_BYTES. */
int hm_dir_names_read(int root_fd, const char *path, struct hm_dir_names *ret_names,
		  int *ret_dir_fd, struct hm_err *err) HM_MUST_CHECK;
