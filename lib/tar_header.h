/*
 * The bytes of our release tar, in one place: the writer (lib/archive.c) puts
 * them down and the reader (lib/tar_read.c) accepts nothing else, so the format
 * cannot drift apart and no header byte is free for anybody to choose.
 *
 * A file is a ustar header, its data, zeros up to 512. A name that ustar cannot
 * hold (100 bytes, or 155 + '/' + 100) and a size over 8 GiB - 1 are said in a
 * pax header before it, with the records "path" and "size", in this order. The
 * end is two zero blocks and nothing after them (no padding to 10240: every
 * byte of the file means something).
 */
#pragma once

#include "lib/path.h"

#define HM_TAR_BLOCK 512U
/* Eleven octal digits. */
#define HM_TAR_OCTAL_MAX 077777777777ULL
/* A path record is at most 4095 + 11 bytes, a size record 30: nine blocks. */
#define HM_TAR_PAX_MAX (9U * HM_TAR_BLOCK)
/* Pax header, its body, the file's header. */
#define HM_TAR_HEAD_MAX (HM_TAR_BLOCK + HM_TAR_PAX_MAX + HM_TAR_BLOCK)

/* Where the fields are (POSIX ustar). */
enum {
	HM_TAR_AT_NAME = 0,
	HM_TAR_AT_MODE = 100,
	HM_TAR_AT_UID = 108,
	HM_TAR_AT_GID = 116,
	HM_TAR_AT_SIZE = 124,
	HM_TAR_AT_MTIME = 136,
	HM_TAR_AT_CHECKSUM = 148,
	HM_TAR_AT_TYPE = 156,
	HM_TAR_AT_LINK = 157,
	HM_TAR_AT_MAGIC = 257,
	HM_TAR_AT_USER = 265,
	HM_TAR_AT_GROUP = 297,
	HM_TAR_AT_DEVICE = 329,
	HM_TAR_AT_PREFIX = 345,
	HM_TAR_AT_END = 500,
};

struct hm_tar_head {
	uint8_t bytes[HM_TAR_HEAD_MAX];
	size_t len;
};

/*
 * All header blocks of one regular file. HM_E_POLICY for a name that is no
 * checked path or no text, a mode other than 0644 and 0755, or a time outside
 * eleven octal digits.
 */
int hm_tar_head_make(struct hm_slice name, unsigned int mode, uint64_t size,
		     int64_t mtime_s, struct hm_tar_head *ret_head,
		     struct hm_err *err) HM_MUST_CHECK;

/* Sum of the block's bytes with the checksum field taken as blanks. */
unsigned int hm_tar_checksum(const uint8_t block[HM_TAR_BLOCK]);

/*
 * Names as they come: byte order, no duplicates, and no name that is a
 * directory of another ("a" beside "a/b", which no file system can hold).
 */
struct hm_tar_names {
	size_t last_len;	/* 0: none yet */
	uint8_t last[HM_PATH_MAX];
	/* ends[n]: the first n bytes of `last` are a name that came. */
	bool ends[HM_PATH_MAX + 1];
};
int hm_tar_names_next(struct hm_tar_names *names, struct hm_slice name,
		      struct hm_err *err) HM_MUST_CHECK;
