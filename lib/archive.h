/*
 * Writing our release tar (lib/tar_header.h says which bytes). Deterministic:
 * the caller adds names in byte order; owner, group and device are zero, and
 * every file carries the one time given here. Memory is flat.
 */
#pragma once

#include "lib/buf.h"

/* GitHub: a release asset is below 2 GiB; we leave room for bigger stores. */
#define HM_TAR_MAX_BYTES (64ULL << 30)
#define HM_TAR_MAX_ENTRIES 200000U

struct hm_tar_writer;
/*
 * Called with each chunk in order. A negative return ends the write and is
 * returned unchanged.
 */
typedef int (*hm_tar_sink_fn)(void *ctx, const void *p, size_t len,
			      struct hm_err *err);
int hm_tar_writer_new(hm_tar_sink_fn sink, void *ctx, int64_t mtime_s,
		      struct hm_tar_writer **ret_w, struct hm_err *err) HM_MUST_CHECK;
/*
 * mode: 0644 or 0755. size bytes must follow through _data(). HM_E_POLICY for
 * what the format refuses, HM_E_TOO_LARGE past the limits above, HM_E_BUG when
 * the file before is not complete.
 */
int hm_tar_writer_file(struct hm_tar_writer *w, struct hm_slice name,
		       unsigned int mode, uint64_t size,
		       struct hm_err *err) HM_MUST_CHECK;
int hm_tar_writer_data(struct hm_tar_writer *w, const void *p, size_t len,
		       struct hm_err *err) HM_MUST_CHECK;
int hm_tar_writer_finish(struct hm_tar_writer *w, struct hm_err *err) HM_MUST_CHECK;
void hm_tar_writer_free(struct hm_tar_writer *w);
void hm_tar_writer_cleanup(struct hm_tar_writer **w);
#define AUTO_TAR_WRITER HM_CLEANUP(hm_tar_writer_cleanup)

/*
 * The time that a tar of a commit carries: the committer's, held within what a
 * header can say (1970 to 2242). Reader and writer both go through this.
 */
int64_t hm_tar_mtime(int64_t committer_s);
