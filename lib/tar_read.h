/*
 * Reading our release tar in one strict pass, without libarchive, so that the
 * verifier stays small: what we accept is exactly what lib/archive.h writes.
 * Regular files only (directories are implied), checked names in byte order, no
 * duplicates, no file that is also a directory, no unknown pax key, one time
 * for all files, the end marker and nothing after it, caps on count and size;
 * every header byte must be the one our writer would have put there for this
 * name, mode, size and time.
 */
#pragma once

#include "lib/archive.h"

struct hm_tar_entry {
	struct hm_slice name;	/* valid during the callback */
	unsigned int mode;
	uint64_t size;
	int64_t mtime_s;
};
struct hm_tar_events {
	int (*entry)(void *ctx, const struct hm_tar_entry *e, struct hm_err *err);
	int (*data)(void *ctx, const void *p, size_t len, struct hm_err *err);
	int (*end)(void *ctx, struct hm_err *err);	/* of one entry */
};
/*
 * Streams from fd (not seekable is fine). Memory flat. What the events said
 * holds only when this returns HM_OK: the rest may still be refused.
 * HM_E_FORMAT, HM_E_POLICY (a link, a bad name or order), HM_E_TOO_LARGE, or
 * what a callback returned.
 */
int hm_tar_read(int fd, const struct hm_tar_events *events, void *ctx,
		struct hm_err *err) HM_MUST_CHECK;
