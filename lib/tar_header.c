/*
 * Our tar's header bytes. They are made here and not by libarchive because the
 * verifier compares each of them: libarchive's pax output (its PaxHeader names,
 * its rules for when to write one) is its own affair and changes between
 * versions. Tests read the result with libarchive, GNU tar and python.
 *
 * Nothing is trusted: the reader calls this with values out of a hostile file.
 */
#include "lib/tar_header.h"

#include <stdio.h>

#include "lib/log.h"
#include "lib/num.h"

#define NAME_LEN 100U
#define PREFIX_LEN 155U
/*
 * What stands in the name field when the name is in a pax record. A constant,
 * so that a program that ignores pax records sees an obviously wrong name and
 * never another plausible path.
 */
#define PAX_FILE_NAME "PaxName"
#define PAX_HEADER_NAME "PaxHeader"

unsigned int hm_tar_checksum(const uint8_t block[HM_TAR_BLOCK])
{
	unsigned int sum = 0;

	for (size_t i = 0; i < HM_TAR_BLOCK; i++)
		sum += i >= HM_TAR_AT_CHECKSUM && i < HM_TAR_AT_TYPE ?
			       ' ' :
			       block[i];
	return sum;
}

/* digits octal digits and a NUL. The caller has checked that v fits. */
static void put_octal(uint8_t *field, size_t digits, uint64_t v)
{
	for (size_t i = digits; i > 0; i--) {
		field[i - 1] = (uint8_t)('0' + (v & 7));
		v >>= 3;
	}
	field[digits] = 0;
}

static void put_block(uint8_t *block, struct hm_slice prefix,
		      struct hm_slice name, char type, unsigned int mode,
		      uint64_t size, uint64_t mtime)
{
	memset(block, 0, HM_TAR_BLOCK);
	memcpy(block + HM_TAR_AT_NAME, name.ptr, name.len);
	put_octal(block + HM_TAR_AT_MODE, 7, mode);
	put_octal(block + HM_TAR_AT_UID, 7, 0);
	put_octal(block + HM_TAR_AT_GID, 7, 0);
	put_octal(block + HM_TAR_AT_SIZE, 11, size);
	put_octal(block + HM_TAR_AT_MTIME, 11, mtime);
	block[HM_TAR_AT_TYPE] = (uint8_t)type;
	memcpy(block + HM_TAR_AT_MAGIC, "ustar\00000", 8);
	put_octal(block + HM_TAR_AT_DEVICE, 7, 0);
	put_octal(block + HM_TAR_AT_DEVICE + 8, 7, 0);
	if (prefix.len > 0)
		memcpy(block + HM_TAR_AT_PREFIX, prefix.ptr, prefix.len);
	put_octal(block + HM_TAR_AT_CHECKSUM, 6, hm_tar_checksum(block));
	block[HM_TAR_AT_CHECKSUM + 7] = ' ';
}

/*
 * Splits at the leftmost '/' that leaves at most 100 bytes of name; a longer
 * prefix than 155 means that ustar cannot say it.
 */
static bool split_name(struct hm_slice full, struct hm_slice *ret_prefix,
		       struct hm_slice *ret_name)
{
	*ret_prefix = hm_slice(NULL, 0);
	*ret_name = full;
	if (full.len <= NAME_LEN)
		return true;
	for (size_t i = full.len - NAME_LEN - 1; i < full.len; i++) {
		if (full.ptr[i] != '/')
			continue;
		*ret_prefix = hm_slice(full.ptr, i);
		*ret_name = hm_slice(full.ptr + i + 1, full.len - i - 1);
		return i <= PREFIX_LEN;
	}
	return false;
}

/* "LEN key=value\n", where LEN counts itself. */
static size_t put_record(uint8_t *out, const char *key, struct hm_slice value)
{
	size_t rest = 1 + strlen(key) + 1 + value.len + 1;
	size_t len = rest + 1;
	char head[32];
	int n;

	for (size_t pow = 10; pow <= len; pow *= 10)
		len++;
	n = snprintf(head, sizeof(head), "%zu %s=", len, key);
	HM_BUG_ON(n < 0 || (size_t)n + value.len + 1 != len);
	memcpy(out, head, (size_t)n);
	memcpy(out + n, value.ptr, value.len);
	out[len - 1] = '\n';
	return len;
}

int hm_tar_head_make(struct hm_slice name, unsigned int mode, uint64_t size,
		     int64_t mtime_s, struct hm_tar_head *ret_head,
		     struct hm_err *err)
{
	uint8_t pax[HM_TAR_PAX_MAX] = {0};
	struct hm_slice prefix, short_name;
	size_t pax_len = 0, len = 0;
	uint64_t mtime;
	int rc;

	rc = hm_path_check(name, err);
	if (rc < 0)
		return hm_fail(err, HM_E_POLICY, 0,
			       "tar: '%s' is not a plain relative path",
			       HM_ESC(name));
	if (!hm_slice_is_text(name))
		return hm_fail(err, HM_E_POLICY, 0,
			       "tar: the name '%s' is not UTF-8 text",
			       HM_ESC(name));
	if (mode != 0644 && mode != 0755)
		return hm_fail(err, HM_E_POLICY, 0,
			       "tar: '%s' has mode %o, not 644 or 755",
			       HM_ESC(name), mode);
	if (mtime_s < 0 || (uint64_t)mtime_s > HM_TAR_OCTAL_MAX)
		return hm_fail(err, HM_E_POLICY, 0,
			       "tar: the time %lld does not fit a header",
			       (long long)mtime_s);
	mtime = (uint64_t)mtime_s;

	if (!split_name(name, &prefix, &short_name)) {
		pax_len += put_record(pax, "path", name);
		prefix = hm_slice(NULL, 0);
		short_name = hm_slice_str(PAX_FILE_NAME);
	}
	if (size > HM_TAR_OCTAL_MAX) {
		char digits[24];
		int n = snprintf(digits, sizeof(digits), "%llu",
				 (unsigned long long)size);

		pax_len += put_record(pax + pax_len, "size",
				      hm_slice(digits, (size_t)n));
		size = HM_TAR_OCTAL_MAX;
	}
	if (pax_len > 0) {
		size_t padded = (pax_len + HM_TAR_BLOCK - 1) / HM_TAR_BLOCK *
				HM_TAR_BLOCK;

		put_block(ret_head->bytes, hm_slice(NULL, 0),
			  hm_slice_str(PAX_HEADER_NAME), 'x', 0644, pax_len,
			  mtime);
		memcpy(ret_head->bytes + HM_TAR_BLOCK, pax, padded);
		len = HM_TAR_BLOCK + padded;
	}
	put_block(ret_head->bytes + len, prefix, short_name, '0', mode, size,
		  mtime);
	ret_head->len = len + HM_TAR_BLOCK;
	return HM_OK;
}

int hm_tar_names_next(struct hm_tar_names *names, struct hm_slice name,
		      struct hm_err *err)
{
	size_t shared = 0;

	HM_BUG_ON(name.len == 0 || name.len > HM_PATH_MAX);
	while (shared < name.len && shared < names->last_len &&
	       name.ptr[shared] == names->last[shared])
		shared++;
	if (names->last_len > 0 &&
	    hm_slice_cmp(hm_slice(names->last, names->last_len), name) >= 0)
		return hm_fail(err, HM_E_POLICY, 0,
			       shared == name.len && shared == names->last_len ?
				       "tar: '%s' comes twice" :
				       "tar: '%s' is out of order",
			       HM_ESC(name));
	/*
	 * Between "a" and "a/b" only names that begin with "a" can stand, so
	 * the names that are a prefix of the last one are all there is to know.
	 */
	for (size_t n = 1; n <= shared; n++) {
		if (names->ends[n] && n < name.len && name.ptr[n] == '/')
			return hm_fail(err, HM_E_POLICY, 0,
				       "tar: '%s' is both a file and a directory",
				       HM_ESC(hm_slice(name.ptr, n)));
	}
	memset(names->ends + shared + 1, 0,
	       (HM_PATH_MAX - shared) * sizeof(names->ends[0]));
	memcpy(names->last + shared, name.ptr + shared, name.len - shared);
	names->last_len = name.len;
	names->ends[name.len] = true;
	return HM_OK;
}
