/*
 * Our tar from the command line, for tests that hold it against other programs.
 *   tar_tool write MTIME <list >tar     list: lines "MODE NAME", files below .
 *   tar_tool sparse NAME SIZE >tar      one file of SIZE zeros, as a sparse file
 *   tar_tool list <tar                  lines "MODE SIZE MTIME NAME"
 */
#include <fcntl.h>
#include <stdio.h>

#include "lib/io.h"
#include "lib/num.h"
#include "lib/path.h"
#include "lib/tar_header.h"
#include "lib/tar_read.h"

static int to_stdout(void *ctx, const void *p, size_t len, struct hm_err *err)
{
	(void)ctx;
	return hm_io_write_all(1, p, len, HM_NO_DEADLINE, err);
}

static int add_file(struct hm_tar_writer *w, const char *line,
		    struct hm_err *err)
{
	unsigned int mode = line[1] == '7' ? 0755 : 0644;
	const char *name = line + 5;
	uint8_t buf[65536];
	AUTO_CLOSE int fd = -1;
	struct stat st;
	size_t n;
	int rc;

	rc = hm_openat_beneath(AT_FDCWD, name, O_RDONLY | O_CLOEXEC, 0, &fd, err);
	if (rc < 0)
		return rc;
	if (fstat(fd, &st) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "%s", name);
	rc = hm_tar_writer_file(w, hm_slice_str(name), mode,
				(uint64_t)st.st_size, err);
	do {
		if (rc < 0)
			return rc;
		rc = hm_io_read_some(fd, buf, sizeof(buf), HM_NO_DEADLINE, &n,
				     err);
		if (rc == HM_OK && n > 0)
			rc = hm_tar_writer_data(w, buf, n, err);
	} while (rc < 0 || n > 0);
	return rc;
}

static int do_write(const char *mtime, struct hm_err *err)
{
	AUTO_TAR_WRITER struct hm_tar_writer *w = NULL;
	char line[8192];
	uint64_t t;
	int rc;

	if (!hm_parse_u64(hm_slice_str(mtime), INT64_MAX, &t))
		return hm_fail(err, HM_E_USAGE, 0, "bad time");
	rc = hm_tar_writer_new(to_stdout, NULL, (int64_t)t, &w, err);
	while (rc == HM_OK && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		rc = add_file(w, line, err);
	}
	return rc == HM_OK ? hm_tar_writer_finish(w, err) : rc;
}

static int do_sparse(const char *name, const char *size, struct hm_err *err)
{
	struct hm_tar_head head;
	uint64_t n;
	int rc;

	if (!hm_parse_u64(hm_slice_str(size), HM_TAR_MAX_BYTES, &n))
		return hm_fail(err, HM_E_USAGE, 0, "bad size");
	rc = hm_tar_head_make(hm_slice_str(name), 0644, n, 0, &head, err);
	if (rc == HM_OK)
		rc = to_stdout(NULL, head.bytes, head.len, err);
	if (rc < 0)
		return rc;
	n += -n % HM_TAR_BLOCK + 2 * (uint64_t)HM_TAR_BLOCK + head.len;
	if (ftruncate(1, (off_t)n) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "ftruncate");
	return HM_OK;
}

static int on_entry(void *ctx, const struct hm_tar_entry *e, struct hm_err *err)
{
	(void)ctx, (void)err;
	printf("%04o %llu %lld %.*s\n", e->mode, (unsigned long long)e->size,
	       (long long)e->mtime_s, (int)e->name.len,
	       (const char *)e->name.ptr);
	return HM_OK;
}

static int on_data(void *ctx, const void *p, size_t len, struct hm_err *err)
{
	(void)ctx, (void)p, (void)len, (void)err;
	return HM_OK;
}

static int on_end(void *ctx, struct hm_err *err)
{
	(void)ctx, (void)err;
	return HM_OK;
}

int main(int argc, char **argv)
{
	static const struct hm_tar_events events = {on_entry, on_data, on_end};
	struct hm_err err;
	int rc;

	if (argc == 3 && strcmp(argv[1], "write") == 0)
		rc = do_write(argv[2], &err);
	else if (argc == 4 && strcmp(argv[1], "sparse") == 0)
		rc = do_sparse(argv[2], argv[3], &err);
	else if (argc == 2 && strcmp(argv[1], "list") == 0)
		rc = hm_tar_read(0, &events, NULL, &err);
	else
		rc = hm_fail(&err, HM_E_USAGE, 0, "see the top of tar_tool.c");
	if (rc < 0)
		fprintf(stderr, "tar_tool: %s\n", err.msg);
	return hm_code_exit(rc);
}
