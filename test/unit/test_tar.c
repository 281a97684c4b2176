/*
 * The release tar: what the writer puts down, byte for byte; that the reader
 * gives it back; that libarchive, which knows nothing of us, reads the same; and
 * that the reader refuses everything else, down to each single bit.
 */
#include "test/unit/tap.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/mman.h>

#include "lib/buf.h"
#include "lib/tar_header.h"
#include "lib/tar_read.h"

#define MTIME 1700000000

static int to_buf(void *ctx, const void *p, size_t len, struct hm_err *err)
{
	return hm_buf_add(ctx, p, len, err);
}

struct file {
	const char *name;
	unsigned int mode;
	const char *data;
};

static int write_tar(const struct file *files, size_t count, struct hm_buf *b,
		     struct hm_err *err)
{
	AUTO_TAR_WRITER struct hm_tar_writer *w = NULL;
	int rc = hm_tar_writer_new(to_buf, b, MTIME, &w, err);

	for (size_t i = 0; rc == HM_OK && i < count; i++) {
		rc = hm_tar_writer_file(w, hm_slice_str(files[i].name),
					files[i].mode, strlen(files[i].data),
					err);
		if (rc == HM_OK)
			rc = hm_tar_writer_data(w, files[i].data,
						strlen(files[i].data), err);
	}
	return rc == HM_OK ? hm_tar_writer_finish(w, err) : rc;
}

/* What the reader said, as text, so that two runs can be compared. */
static int on_entry(void *ctx, const struct hm_tar_entry *e, struct hm_err *err)
{
	return hm_buf_addf(ctx, err, "[%.*s %o %llu %lld]", (int)e->name.len,
			   (const char *)e->name.ptr, e->mode,
			   (unsigned long long)e->size, (long long)e->mtime_s);
}

static int on_data(void *ctx, const void *p, size_t len, struct hm_err *err)
{
	return hm_buf_add(ctx, p, len, err);
}

static int on_end(void *ctx, struct hm_err *err)
{
	return hm_buf_add_str(ctx, "[end]", err);
}

static const struct hm_tar_events transcript = {on_entry, on_data, on_end};

static int memory_file(const void *p, size_t len)
{
	int fd = memfd_create("tar", MFD_CLOEXEC);

	if (fd < 0 || (len > 0 && pwrite(fd, p, len, 0) != (ssize_t)len)) {
		perror("memfd");
		exit(1);
	}
	return fd;
}

static int read_tar(const void *p, size_t len, struct hm_buf *out,
		    struct hm_err *err)
{
	AUTO_CLOSE int fd = memory_file(p, len);

	hm_buf_release(out);
	return hm_tar_read(fd, &transcript, out, err);
}

static bool reads_as(const struct hm_buf *tar, const char *want)
{
	AUTO_BUF struct hm_buf out;
	struct hm_err err;

	hm_buf_init(&out, 1 << 20);
	if (read_tar(tar->data, tar->len, &out, &err) != HM_OK) {
		printf("# %s\n", err.msg);
		return false;
	}
	if (hm_slice_eq_str(hm_buf_slice(&out), want))
		return true;
	printf("# got %.*s\n", (int)out.len, (const char *)out.data);
	return false;
}

/* name filled with n bytes of "d/d/…/f" or of one component. */
static const char *long_name(char *out, size_t n, size_t slash_at)
{
	memset(out, 'a', n);
	if (slash_at > 0)
		out[slash_at] = '/';
	out[n] = 0;
	return out;
}

static void test_golden(void)
{
	static const struct file one[] = {{"bin/hello", 0755, "hi\n"}};
	/* By hand from POSIX: the sum of this block is 05447 + checksum. */
	static const struct {
		size_t at;
		const char *bytes;
		size_t len;
	} want[] = {
		{0, "bin/hello\0", 10},
		{100, "0000755\0", 8},
		{108, "0000000\0", 8},
		{116, "0000000\0", 8},
		{124, "00000000003\0", 12},
		{136, "14524770400\0", 12},
		{156, "0", 1},
		{257, "ustar\00000", 8},
		{329, "0000000\0", 8},
		{337, "0000000\0", 8},
		{512, "hi\n\0", 4},
	};
	AUTO_BUF struct hm_buf tar;
	struct hm_err err;
	uint8_t expect[2048] = {0};
	unsigned int sum = 8 * ' ';
	char digits[8];

	hm_buf_init(&tar, 1 << 20);
	ok_call(write_tar(one, 1, &tar, &err), &err, "a tar of one file");
	for (size_t i = 0; i < HM_ARRAY_LEN(want); i++)
		memcpy(expect + want[i].at, want[i].bytes, want[i].len);
	for (size_t i = 0; i < 512; i++)
		sum += expect[i];
	snprintf(digits, sizeof(digits), "%06o", sum);
	memcpy(expect + 148, digits, 7);
	expect[155] = ' ';
	ok(tar.len == 2048, "header, data, two end blocks: %zu bytes", tar.len);
	ok(tar.len == 2048 && memcmp(tar.data, expect, 2048) == 0,
	   "every byte is as written here by hand");
	ok(reads_as(&tar, "[bin/hello 755 3 1700000000]hi\n[end]"),
	   "our reader gives it back");
}

static void test_pax_golden(void)
{
	char name[128];
	struct file one = {long_name(name, 101, 0), 0644, ""};
	AUTO_BUF struct hm_buf tar;
	struct hm_err err;
	char record[160];

	hm_buf_init(&tar, 1 << 20);
	ok_call(write_tar(&one, 1, &tar, &err), &err, "a name of 101 bytes");
	snprintf(record, sizeof(record), "111 path=%s\n", name);
	ok(tar.len == 5 * 512, "pax header, body, header, end");
	ok(tar.data && memcmp(tar.data, "PaxHeader\0", 10) == 0 &&
	   tar.data[156] == 'x' && memcmp(tar.data + 124, "00000000157", 12) == 0,
	   "the pax header's fields");
	ok(tar.data && memcmp(tar.data + 512, record, 111) == 0 &&
	   tar.data[512 + 111] == 0, "one record, then zeros");
	ok(tar.data && memcmp(tar.data + 1024, "PaxName\0", 8) == 0,
	   "no plausible name in the ustar field");
}

/* Through libarchive: name, mode, size, time, owner, content. */
static bool libarchive_agrees(const struct hm_buf *tar,
			      const struct file *files, size_t count)
{
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	bool good = true;
	char data[256];
	size_t i = 0;

	archive_read_support_format_tar(a);
	if (archive_read_open_memory(a, tar->data, tar->len) != ARCHIVE_OK)
		good = false;
	for (; good && i < count; i++) {
		la_ssize_t n;

		if (archive_read_next_header(a, &e) != ARCHIVE_OK) {
			good = false;
			break;
		}
		n = archive_read_data(a, data, sizeof(data));
		good = strcmp(archive_entry_pathname(e), files[i].name) == 0 &&
		       archive_entry_filetype(e) == AE_IFREG &&
		       archive_entry_perm(e) == files[i].mode &&
		       archive_entry_mtime(e) == MTIME &&
		       archive_entry_uid(e) == 0 && archive_entry_gid(e) == 0 &&
		       n == (la_ssize_t)strlen(files[i].data) &&
		       memcmp(data, files[i].data, strlen(files[i].data)) == 0;
	}
	good = good && archive_read_next_header(a, &e) == ARCHIVE_EOF;
	archive_read_free(a);
	return good;
}

static void test_names(void)
{
	static const struct {
		size_t len, slash;
		bool pax;
	} cases[] = {
		{1, 0, false},	   {99, 0, false},    {100, 0, false},
		{101, 0, true},	   {101, 1, false},   {101, 99, false},
		{102, 1, false},   {103, 1, true},    {200, 99, false},
		{200, 100, false}, {201, 100, false}, {201, 101, false},
		{255, 155, false}, {255, 154, false}, {256, 155, false},
		{256, 154, true},  {256, 156, true},  {257, 155, true},
		{257, 156, true},
	};
	char name[300], want[400];
	struct hm_err err;

	for (size_t i = 0; i < HM_ARRAY_LEN(cases); i++) {
		AUTO_BUF struct hm_buf tar;
		struct file f = {long_name(name, cases[i].len, cases[i].slash),
				 0755, "x"};

		hm_buf_init(&tar, 1 << 20);
		snprintf(want, sizeof(want), "[%s 755 1 1700000000]x[end]",
			 name);
		ok(write_tar(&f, 1, &tar, &err) == HM_OK &&
		   (tar.data[156] == 'x') == cases[i].pax &&
		   reads_as(&tar, want) && libarchive_agrees(&tar, &f, 1),
		   "a name of %zu bytes with '/' at %zu%s", cases[i].len,
		   cases[i].slash, cases[i].pax ? ", in a pax record" : "");
	}
}

static void test_longest(void)
{
	static char name[HM_PATH_MAX + 1], want[HM_PATH_MAX + 64];
	AUTO_BUF struct hm_buf tar;
	struct file f = {name, 0644, ""};
	struct hm_err err;

	for (size_t i = 0; i < HM_PATH_MAX; i++)
		name[i] = i % 200 == 199 ? '/' : (char)('a' + i % 26);
	name[HM_PATH_MAX] = 0;
	hm_buf_init(&tar, 1 << 20);
	snprintf(want, sizeof(want), "[%s 644 0 1700000000][end]", name);
	ok(write_tar(&f, 1, &tar, &err) == HM_OK && reads_as(&tar, want) &&
	   libarchive_agrees(&tar, &f, 1), "the longest path there is");
}

static const struct file several[] = {
	{"a", 0644, ""},
	{"a-b", 0755, "1"},
	{"a.d/x", 0644, "22"},
	{"attestation/build.log", 0644, "log\n"},
	{"b\xc3\xa9" "b/\xe2\x82\xac", 0644, "utf-8"},
	{"dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
	 "dddddddddddddddddddddddddddddddddddddddddddddddd", 0755, "pax"},
};

static void test_several(void)
{
	AUTO_BUF struct hm_buf tar;
	struct hm_err err;

	hm_buf_init(&tar, 1 << 20);
	ok_call(write_tar(several, HM_ARRAY_LEN(several), &tar, &err), &err,
		"several files");
	ok(libarchive_agrees(&tar, several, HM_ARRAY_LEN(several)),
	   "libarchive reads the same names, modes, times and contents");
	hm_buf_release(&tar);
	ok_call(write_tar(several, 0, &tar, &err), &err, "a tar of nothing");
	ok(tar.len == 1024 && reads_as(&tar, ""), "is its end marker");
}

static void test_big_size(void)
{
	struct hm_tar_head head;
	struct hm_err err;
	AUTO_BUF struct hm_buf out;
	uint64_t size = HM_TAR_OCTAL_MAX;

	hm_buf_init(&out, 4096);
	ok_call(hm_tar_head_make(hm_slice_str("big"), 0644, size, 0, &head,
				 &err), &err, "8 GiB less one byte");
	ok(head.len == 512, "fits ustar");
	size++;
	ok_call(hm_tar_head_make(hm_slice_str("big"), 0644, size, 0, &head,
				 &err), &err, "8 GiB");
	ok(head.len == 3 * 512 &&
	   memcmp(head.bytes + 512, "19 size=8589934592\n", 20) == 0,
	   "goes into a pax record");
	/* The header is understood; the data is not there. */
	fails(read_tar(head.bytes, head.len, &out, &err), &err, HM_E_FORMAT,
	      "cut off after 1536 bytes", "8 GiB that are missing");
	ok(hm_slice_eq_str(hm_buf_slice(&out), "[big 644 8589934592 0]"),
	   "and the reader had the size right");
	ok_call(hm_tar_head_make(hm_slice_str("big"), 0644, UINT64_MAX, 0,
				 &head, &err), &err, "2^64 - 1 has a header");
	fails(read_tar(head.bytes, head.len, &out, &err), &err, HM_E_FORMAT,
	      "bad pax size '18446744073709551615'", "that is over the cap");
	ok_call(hm_tar_head_make(hm_slice_str("big"), 0644, HM_TAR_MAX_BYTES, 0,
				 &head, &err), &err, "64 GiB has one too");
	fails(read_tar(head.bytes, head.len, &out, &err), &err,
	      HM_E_TOO_LARGE, "more than 68719476736 bytes",
	      "and is too large with its header");
	fails(hm_tar_head_make(hm_slice_str("f"), 0644, 0, -1, &head, &err),
	      &err, HM_E_POLICY, "the time -1 does not fit", "time before 1970");
	ok(hm_tar_mtime(-5) == 0 && hm_tar_mtime(7) == 7 &&
	   hm_tar_mtime(INT64_MAX) == 8589934591,
	   "commit times are held within a header's range");
}

static void test_writer_refuses(void)
{
	static const struct {
		const char *name;
		unsigned int mode;
		const char *message;
	} cases[] = {
		{"/etc/passwd", 0644, "is not a plain relative path"},
		{"a/../b", 0644, "is not a plain relative path"},
		{"a//b", 0644, "is not a plain relative path"},
		{"a/", 0644, "is not a plain relative path"},
		{"", 0644, "is not a plain relative path"},
		{".", 0644, "is not a plain relative path"},
		{"a\nb", 0644, "'a\\x0ab' is not a plain relative path"},
		{"a\xff", 0644, "'a\\xff' is not UTF-8 text"},
		{"a", 04755, "mode 4755"},
		{"a", 0600, "mode 600"},
		{"k", 0644, "'k' comes twice"},
		{"j", 0644, "'j' is out of order"},
		{"k/x", 0644, "'k' is both a file and a directory"},
	};
	struct hm_err err;

	for (size_t i = 0; i < HM_ARRAY_LEN(cases); i++) {
		AUTO_BUF struct hm_buf b;
		AUTO_TAR_WRITER struct hm_tar_writer *w = NULL;

		hm_buf_init(&b, 1 << 20);
		if (hm_tar_writer_new(to_buf, &b, 0, &w, &err) != HM_OK ||
		    hm_tar_writer_file(w, hm_slice_str("k"), 0644, 0, &err) !=
			    HM_OK)
			exit(1);
		fails(hm_tar_writer_file(w, hm_slice_str(cases[i].name),
					 cases[i].mode, 0, &err),
		      &err, HM_E_POLICY, cases[i].message,
		      "the writer refuses: %s", cases[i].message);
	}
}

static void test_writer_misuse(void)
{
	AUTO_BUF struct hm_buf b;
	AUTO_TAR_WRITER struct hm_tar_writer *w = NULL;
	struct hm_err err;

	hm_buf_init(&b, 1 << 20);
	if (hm_tar_writer_new(to_buf, &b, 0, &w, &err) != HM_OK ||
	    hm_tar_writer_file(w, hm_slice_str("a"), 0644, 3, &err) != HM_OK)
		exit(1);
	fails(hm_tar_writer_data(w, "1234", 4, &err), &err, HM_E_BUG,
	      "more data than was announced", "too much data");
	fails(hm_tar_writer_file(w, hm_slice_str("b"), 0644, 0, &err), &err,
	      HM_E_BUG, "'b' begins where it cannot", "a file in a file");
	fails(hm_tar_writer_finish(w, &err), &err, HM_E_BUG,
	      "the end comes where it cannot", "the end in a file");
	fails(hm_tar_writer_file(w, hm_slice_str("b"), 0644, 1, &err), &err,
	      HM_E_BUG, "begins where it cannot", "still");
	ok_call(hm_tar_writer_data(w, "123", 3, &err), &err, "the data");
	fails(hm_tar_writer_file(w, hm_slice_str("b"), 0644, HM_TAR_MAX_BYTES,
				 &err), &err, HM_E_TOO_LARGE,
	      "'b' does not fit into 68719476736 bytes", "too big a file");
	ok_call(hm_tar_writer_finish(w, &err), &err, "the end");
	fails(hm_tar_writer_finish(w, &err), &err, HM_E_BUG,
	      "the end comes where it cannot", "two ends");
}

static int broken_sink(void *ctx, const void *p, size_t len,
		       struct hm_err *err)
{
	(void)ctx, (void)p, (void)len;
	return hm_fail(err, HM_E_CLOSED, 0, "the host went away");
}

static void test_sink_fails(void)
{
	AUTO_TAR_WRITER struct hm_tar_writer *w = NULL;
	static uint8_t big[512 << 10];
	struct hm_err err;

	if (hm_tar_writer_new(broken_sink, NULL, 0, &w, &err) != HM_OK)
		exit(1);
	ok_call(hm_tar_writer_file(w, hm_slice_str("a"), 0644, sizeof(big),
				   &err), &err, "a header is gathered");
	fails(hm_tar_writer_data(w, big, sizeof(big), &err), &err,
	      HM_E_CLOSED, "the host went away", "the sink's error comes back");
}

/* --- altered archives ------------------------------------------------------ */

static void fix_checksum(uint8_t *block)
{
	char digits[8];

	snprintf(digits, sizeof(digits), "%06o", hm_tar_checksum(block));
	memcpy(block + 148, digits, 7);
}

struct alteration {
	const char *what;
	size_t at;
	const char *bytes;
	size_t len;
	enum hm_code code;
	const char *message;
};

/* On a tar of "f" (3 bytes "abc"), whose header is block 0. */
static const struct alteration header_alterations[] = {
	{"set-user-ID", 100, "0004755", 7, HM_E_POLICY, "mode 4755"},
	{"a mode that is not octal", 100, "0000648", 7, HM_E_FORMAT,
	 "'f': a number is not octal"},
	{"blank-padded mode", 100, "    644", 7, HM_E_FORMAT, "not octal"},
	{"an owner", 108, "0001750", 7, HM_E_FORMAT, "header field 'uid'"},
	{"a group", 116, "0001750", 7, HM_E_FORMAT, "header field 'gid'"},
	{"binary size", 124, "\x80", 1, HM_E_FORMAT, "not octal"},
	{"a hard link", 156, "1", 1, HM_E_POLICY, "'f' is a hard link"},
	{"a symbolic link", 156, "2", 1, HM_E_POLICY, "is a symbolic link"},
	{"a device", 156, "3", 1, HM_E_POLICY, "is a device"},
	{"a block device", 156, "4", 1, HM_E_POLICY, "is a device"},
	{"a directory", 156, "5", 1, HM_E_POLICY, "is a directory"},
	{"a FIFO", 156, "6", 1, HM_E_POLICY, "is a FIFO"},
	{"a contiguous file", 156, "7", 1, HM_E_POLICY, "an unknown type"},
	{"the old file type", 156, "\0", 1, HM_E_POLICY, "an unknown type"},
	{"a global pax header", 156, "g", 1, HM_E_POLICY,
	 "is a global pax header"},
	{"a GNU long name", 156, "L", 1, HM_E_POLICY, "is a GNU long name"},
	{"a link name", 157, "x", 1, HM_E_FORMAT, "header field 'link name'"},
	{"GNU magic", 262, "  ", 3, HM_E_FORMAT, "no ustar header at byte 0"},
	{"another version", 263, "01", 2, HM_E_FORMAT, "header field 'magic'"},
	{"a user name", 265, "root", 4, HM_E_FORMAT,
	 "header field 'user name'"},
	{"a group name", 297, "root", 4, HM_E_FORMAT,
	 "header field 'group name'"},
	{"a device number", 329, "0000001", 7, HM_E_FORMAT,
	 "header field 'device'"},
	{"a prefix that fits the name", 345, "p", 1, HM_E_FORMAT,
	 "header field 'name'"},
	{"header padding", 511, "x", 1, HM_E_FORMAT, "header field 'padding'"},
	{"an absolute name", 0, "/", 1, HM_E_POLICY,
	 "'/' is not a plain relative path"},
	{"the parent", 0, "..", 2, HM_E_POLICY,
	 "'..' is not a plain relative path"},
	{"no name", 0, "\0", 1, HM_E_POLICY, "'' is not a plain relative path"},
	{"a control character", 0, "\t", 1, HM_E_POLICY,
	 "'\\x09' is not a plain relative path"},
	{"bytes behind the name's end", 3, "x", 1, HM_E_FORMAT,
	 "header field 'name'"},
};

static void test_header_alterations(void)
{
	static const struct file one[] = {{"f", 0644, "abc"}};
	AUTO_BUF struct hm_buf tar, out;
	struct hm_err err;

	hm_buf_init(&tar, 1 << 20);
	hm_buf_init(&out, 1 << 20);
	if (write_tar(one, 1, &tar, &err) != HM_OK)
		exit(1);
	for (size_t i = 0; i < HM_ARRAY_LEN(header_alterations); i++) {
		const struct alteration *a = &header_alterations[i];
		uint8_t copy[2048];

		memcpy(copy, tar.data, sizeof(copy));
		memcpy(copy + a->at, a->bytes, a->len);
		fix_checksum(copy);
		fails(read_tar(copy, sizeof(copy), &out, &err), &err, a->code,
		      a->message, "refused: %s", a->what);
	}
	tar.data[155] = 0;
	fails(read_tar(tar.data, tar.len, &out, &err), &err, HM_E_FORMAT,
	      "header field 'checksum'", "refused: a checksum's last byte");
	tar.data[148] = '7';
	fails(read_tar(tar.data, tar.len, &out, &err), &err, HM_E_FORMAT,
	      "wrong header checksum at byte 0", "refused: a checksum");
}

/* On a tar of a name of 101 bytes: pax header 0, body 512, header 1024. */
static const struct alteration pax_alterations[] = {
	{"an unknown key", 512, "111 uath", 8, HM_E_FORMAT,
	 "is not one of ours"},
	{"a wrong record length", 512, "112", 3, HM_E_FORMAT,
	 "a pax record is not as we write it"},
	{"a record length with a zero", 512, "011", 3, HM_E_FORMAT,
	 "a pax record is not as we write it"},
	{"bytes behind the records", 512 + 111, "x", 1, HM_E_FORMAT,
	 "a pax record is not as we write it"},
	{"a size of nothing", 124, "00000000000", 11, HM_E_FORMAT,
	 "pax header of a size we never write"},
	{"a huge size", 124, "77777777777", 11, HM_E_FORMAT,
	 "pax header of a size we never write"},
	{"a size that cuts the record", 124, "00000000156", 11, HM_E_FORMAT,
	 "is not one of ours"},
	{"a name for the pax header", 0, "x", 1, HM_E_FORMAT,
	 "header field 'name'"},
	{"another mode of the pax header", 100, "0000600", 7, HM_E_FORMAT,
	 "header field 'mode'"},
	{"another time of the pax header", 136, "00000000001", 11, HM_E_FORMAT,
	 "header field 'mtime'"},
	{"a plausible name in the file's header", 1024, "etc", 3, HM_E_FORMAT,
	 "header field 'name'"},
	{"two pax headers", 1024 + 156, "x", 1, HM_E_POLICY,
	 "is of an unknown type"},
	{"a name that needs no pax", 512 + 16, "\n\0", 2, HM_E_FORMAT,
	 "is not one of ours"},
};

static void test_pax_alterations(void)
{
	char name[128];
	struct file one = {long_name(name, 101, 0), 0644, ""};
	AUTO_BUF struct hm_buf tar, out;
	struct hm_err err;

	hm_buf_init(&tar, 1 << 20);
	hm_buf_init(&out, 1 << 20);
	if (write_tar(&one, 1, &tar, &err) != HM_OK)
		exit(1);
	for (size_t i = 0; i < HM_ARRAY_LEN(pax_alterations); i++) {
		const struct alteration *a = &pax_alterations[i];
		uint8_t copy[5 * 512];

		memcpy(copy, tar.data, sizeof(copy));
		memcpy(copy + a->at, a->bytes, a->len);
		fix_checksum(copy);
		fix_checksum(copy + 1024);
		fails(read_tar(copy, sizeof(copy), &out, &err), &err, a->code,
		      a->message, "refused: %s", a->what);
	}
}

static void test_needless_pax(void)
{
	char name[128];
	struct file one = {long_name(name, 101, 0), 0644, ""};
	AUTO_BUF struct hm_buf tar, out;
	struct hm_err err;
	uint8_t copy[5 * 512];

	hm_buf_init(&tar, 1 << 20);
	hm_buf_init(&out, 1 << 20);
	if (write_tar(&one, 1, &tar, &err) != HM_OK)
		exit(1);
	memcpy(copy, tar.data, sizeof(copy));
	memset(copy + 512, 0, 512);
	memcpy(copy + 512, "10 path=k\n", 10);
	memcpy(copy + 124, "00000000012", 11);
	fix_checksum(copy);
	fails(read_tar(copy, sizeof(copy), &out, &err), &err, HM_E_FORMAT,
	      "'k': a pax header that is not needed", "a needless pax header");
	memset(copy + 512, 0, 512);
	memcpy(copy + 512, "9 size=0\n10 path=k\n", 19);
	memcpy(copy + 124, "00000000023", 11);
	fix_checksum(copy);
	fails(read_tar(copy, sizeof(copy), &out, &err), &err, HM_E_FORMAT,
	      "is not one of ours", "records in another order");
}

/* Blocks of the tar of "a" and "b", both empty: 0, 512; end at 1024. */
static void test_sequences(void)
{
	static const struct file two[] = {{"a", 0644, ""}, {"b", 0644, ""}};
	AUTO_BUF struct hm_buf tar, out;
	struct hm_err err;
	uint8_t copy[5 * 512] = {0};

	hm_buf_init(&tar, 1 << 20);
	hm_buf_init(&out, 1 << 20);
	if (write_tar(two, 2, &tar, &err) != HM_OK)
		exit(1);
	memcpy(copy, tar.data + 512, 512);
	memcpy(copy + 512, tar.data, 512);
	fails(read_tar(copy, 2048, &out, &err), &err, HM_E_POLICY,
	      "'a' is out of order", "refused: names out of order");
	memcpy(copy + 512, tar.data + 512, 512);
	fails(read_tar(copy, 2048, &out, &err), &err, HM_E_POLICY,
	      "'b' comes twice", "refused: a name that comes twice");
	memcpy(copy, tar.data, 1024);
	memcpy(copy + 512, "a/b", 3);
	fix_checksum(copy + 512);
	fails(read_tar(copy, 2048, &out, &err), &err, HM_E_POLICY,
	      "'a' is both a file and a directory", "refused: a and a/b");
	memcpy(copy + 512, tar.data + 512, 512);
	copy[512 + 146] = '1';
	fix_checksum(copy + 512);
	fails(read_tar(copy, 2048, &out, &err), &err, HM_E_FORMAT,
	      "'b' has another time", "refused: two times");
	memcpy(copy, tar.data, 2048);
	fails(read_tar(copy, 2049, &out, &err), &err, HM_E_FORMAT,
	      "bytes after the end marker, at 2048", "refused: one byte more");
	fails(read_tar(copy, 2560, &out, &err), &err, HM_E_FORMAT,
	      "bytes after the end marker", "refused: a third zero block");
	fails(read_tar(copy, 1536, &out, &err), &err, HM_E_FORMAT,
	      "cut off after 1536", "refused: one zero block");
	memcpy(copy + 1536, tar.data, 512);
	fails(read_tar(copy, 2560, &out, &err), &err, HM_E_FORMAT,
	      "a lone zero block", "refused: an archive after a zero block");
	fails(read_tar(copy, 0, &out, &err), &err, HM_E_FORMAT,
	      "cut off after 0", "refused: an empty file");
}

/*
 * The proof that no bit is free: each flip is refused or changes what was
 * delivered, so that the hashes of the statement catch it.
 */
static void test_every_bit(void)
{
	AUTO_BUF struct hm_buf tar, good, out;
	AUTO_CLOSE int fd = -1;
	struct hm_err err;
	size_t same = 0, refused = 0, changed = 0;

	hm_buf_init(&tar, 1 << 20);
	hm_buf_init(&good, 1 << 20);
	hm_buf_init(&out, 1 << 20);
	if (write_tar(several, HM_ARRAY_LEN(several), &tar, &err) != HM_OK ||
	    read_tar(tar.data, tar.len, &good, &err) != HM_OK)
		exit(1);
	fd = memory_file(tar.data, tar.len);
	for (size_t bit = 0; bit < tar.len * 8; bit++) {
		uint8_t b = (uint8_t)(tar.data[bit / 8] ^ (1U << bit % 8));
		int rc;

		if (pwrite(fd, &b, 1, (off_t)(bit / 8)) != 1 ||
		    lseek(fd, 0, SEEK_SET) != 0)
			exit(1);
		hm_buf_release(&out);
		rc = hm_tar_read(fd, &transcript, &out, &err);
		if (rc < 0)
			refused++;
		else if (!hm_slice_eq(hm_buf_slice(&out), hm_buf_slice(&good)))
			changed++;
		else
			same++;
		if (pwrite(fd, tar.data + bit / 8, 1, (off_t)(bit / 8)) != 1)
			exit(1);
	}
	ok(same == 0 && refused > 0,
	   "of %zu flipped bits %zu are refused, %zu change what is delivered, "
	   "%zu pass unseen", tar.len * 8, refused, changed, same);
	/*
	 * 15 bytes of content may change, and the name in the pax record, which
	 * no checksum covers: both reach the caller, who knows their digest.
	 */
	ok(changed >= 8 * 15 && changed <= 8 * (15 + strlen(several[5].name)),
	   "contents and one long name can change, nothing else");
}

static void test_every_length(void)
{
	AUTO_BUF struct hm_buf tar, out;
	struct hm_err err;
	size_t accepted = 0;

	hm_buf_init(&tar, 1 << 20);
	hm_buf_init(&out, 1 << 20);
	if (write_tar(several, HM_ARRAY_LEN(several), &tar, &err) != HM_OK)
		exit(1);
	for (size_t len = 0; len < tar.len; len++)
		accepted += read_tar(tar.data, len, &out, &err) == HM_OK;
	ok(accepted == 0, "%zu truncations are refused", tar.len);
}

int main(void)
{
	test_golden();
	test_pax_golden();
	test_names();
	test_longest();
	test_several();
	test_big_size();
	test_writer_refuses();
	test_writer_misuse();
	test_sink_fails();
	test_header_alterations();
	test_pax_alterations();
	test_needless_pax();
	test_sequences();
	test_every_bit();
	test_every_length();
	return tap_done();
}
