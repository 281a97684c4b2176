/*
 * Step 8, host side: the release tar arrives in chunks, goes to a temporary
 * file beside its place, and gets its name only when size and digest are what
 * the worker said. O_TMPFILE where the file system has it: then even SIGKILL
 * leaves nothing behind.
 */
#pragma once

#include "lib/crypto.h"

struct hm_package;
/* path: where the tar shall be; its directory must exist. */
int hm_package_new(const char *path, struct hm_package **ret_p,
		   struct hm_err *err) HM_MUST_CHECK;
int hm_package_add(struct hm_package *p, struct hm_slice chunk,
		   struct hm_err *err) HM_MUST_CHECK;
/*
 * Checks, syncs, and puts it in place, replacing what was there. sha256_hex
 * (65 bytes) receives the digest.
 */
int hm_package_finish(struct hm_package *p, uint64_t size,
		      struct hm_slice sha256, char *sha256_hex,
		      struct hm_err *err) HM_MUST_CHECK;
/* Without _finish() nothing stays. NULL is ok. */
void hm_package_free(struct hm_package *p);
/* Removes temporary files of dead processes beside path. */
void hm_package_reap(const char *path);
