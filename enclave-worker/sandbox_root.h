/*
 * The directory that becomes "/" of the sandbox: a small tmpfs of ours in which
 * read-only copies of mounts stand, and the private writable places.
 */
#pragma once

#include <sys/types.h>

#include "enclave-worker/sandbox.h"

/* Where the root stands while it is made and used. */
#define HM_SANDBOX_ROOT HM_ROOM_STATE "/root"
/* Home of the build's user. */
#define HM_SANDBOX_HOME "/home/build"

struct hm_sandbox_owner {
	uid_t uid;	/* the build's user as we see it */
	gid_t gid;
};

/*
 * Lays it; *ret_fd is its top. bare: without nosuid and nodev on the top itself,
 * where only what we wrote is, for runtimes that set its flags anew and may not
 * take any away (runsc).
 */
int hm_sandbox_root_lay(const struct hm_sandbox_spec *spec, struct hm_sandbox_owner owner,
			bool bare, int *ret_fd, struct hm_err *err) HM_MUST_CHECK;
/* Detaches everything below HM_SANDBOX_ROOT. */
void hm_sandbox_root_drop(void);
/* Gives the source tree to the build's user, once. Follows no link. */
int hm_sandbox_root_chown(const char *build_dir, struct hm_sandbox_owner owner,
			  struct hm_err *err) HM_MUST_CHECK;
/*
 * PATH inside: the toolchains' bin directories, then the system's. Appends
 * "PATH=...".
 */
int hm_sandbox_root_path(const struct hm_sandbox_spec *spec, struct hm_buf *b,
			 struct hm_err *err) HM_MUST_CHECK;
