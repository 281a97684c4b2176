/*
 * LD_PRELOAD: what a process does to the files below HM_SHIM_ROOT, counted, and
 * interrupted or recorded. For tests of crash safety (test/e2e/log_crash.py).
 *
 *   HM_SHIM_MODE=kill HM_SHIM_AT=N    SIGKILL at the Nth operation; a write is
 *                                     half done by then
 *   HM_SHIM_MODE=full HM_SHIM_AT=N    from the Nth operation on the disk is full
 *   HM_SHIM_MODE=eio  HM_SHIM_AT=N    the Nth operation and all fsyncs after it
 *                                     fail with EIO
 *   HM_SHIM_MODE=trace                every operation goes to HM_SHIM_TRACE, one
 *                                     line each: OP PATH [PATH2 | HEX]; with
 *                                     HM_SHIM_AT killed there
 *   HM_SHIM_MODE=count                their number goes to HM_SHIM_TRACE
 *
 * Writes to standard output are recorded as "ack": from then on somebody relies
 * on what was written.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static enum { OFF, KILL, FULL, EIO_MODE, TRACE, COUNT } mode;
static char root[PATH_MAX];
static long at, ops;
static int trace_fd = -1;

static void setup(void) __attribute__((constructor));
static void setup(void)
{
	static const char *const names[] = {"", "kill", "full", "eio", "trace", "count"};
	const char *name = getenv("HM_SHIM_MODE"), *r = getenv("HM_SHIM_ROOT");
	const char *n = getenv("HM_SHIM_AT"), *t = getenv("HM_SHIM_TRACE");

	for (int i = KILL; name && r && i <= COUNT; i++)
		if (strcmp(name, names[i]) == 0)
			mode = i;
	snprintf(root, sizeof(root), "%s", r ? r : "");
	at = n ? strtol(n, NULL, 10) : 0;
	if (t)
		trace_fd = (int)syscall(SYS_openat, AT_FDCWD, t,
					O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	unsetenv("LD_PRELOAD");	/* children are not the subject */
}

static void finish(void) __attribute__((destructor));
static void finish(void)
{
	char line[32];
	int n = snprintf(line, sizeof(line), "%ld\n", ops);

	if (mode == COUNT && trace_fd >= 0)
		syscall(SYS_write, trace_fd, line, (size_t)n);
}

static bool full_path(int dir, const char *path, char out[PATH_MAX])
{
	char link[64], base[PATH_MAX];
	ssize_t n;

	if (path[0] == '/') {
		snprintf(out, PATH_MAX, "%s", path);
	} else {
		if (dir == AT_FDCWD)
			snprintf(link, sizeof(link), "/proc/self/cwd");
		else
			snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
		n = readlink(link, base, sizeof(base) - 1);
		if (n <= 0)
			return false;
		base[n] = 0;
		if (path[0] == 0)
			snprintf(out, PATH_MAX, "%s", base);
		else if (snprintf(out, PATH_MAX, "%s/%s", base, path) >= PATH_MAX)
			return false;
	}
	return strncmp(out, root, strlen(root)) == 0;
}

static void record(const char *op, const char *a, const char *b,
		   const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	size_t room = strlen(op) + strlen(a) + (b ? strlen(b) : 0) + 2 * len + 8;
	char *line = malloc(room), *p;
	const unsigned char *bytes = data;

	p = line + sprintf(line, "%s\t%s\t%s", op, a, b ? b : "");
	for (size_t i = 0; i < len; i++) {
		*p++ = digits[bytes[i] >> 4];
		*p++ = digits[bytes[i] & 15];
	}
	*p++ = '\n';
	if (syscall(SYS_write, trace_fd, line, (size_t)(p - line)) != p - line)
		abort();
	free(line);
}

/* Counts one operation. True: it must fail, with errno set. */
static bool strikes(bool is_fsync, bool needs_space)
{
	ops++;
	if ((mode == KILL || mode == TRACE) && ops == at)
		raise(SIGKILL);
	if (mode == FULL && ops >= at && needs_space) {
		errno = ENOSPC;
		return true;
	}
	if (mode == EIO_MODE && (ops == at || (is_fsync && ops > at))) {
		errno = EIO;
		return true;
	}
	return false;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static ssize_t watched_write(int fd, const void *p, size_t len, const char *path)
{
	ops++;
	if ((mode == KILL || mode == TRACE) && ops == at) {
		if (mode == TRACE)
			record("write", path, NULL, p, len / 2);
		(void)REAL(write)(fd, p, len / 2);
		raise(SIGKILL);
	}
	if (mode == FULL && ops >= at) {
		if (ops == at && len > 1)	/* the last free block */
			return REAL(write)(fd, p, len / 2);
		errno = ENOSPC;
		return -1;
	}
	if (mode == EIO_MODE && ops == at) {
		errno = EIO;
		return -1;
	}
	if (mode == TRACE)
		record("write", path, NULL, p, len);
	return REAL(write)(fd, p, len);
}

ssize_t write(int fd, const void *p, size_t len)
{
	char path[PATH_MAX];

	if (mode == TRACE && fd == STDOUT_FILENO)
		record("ack", "", NULL, p, len);
	if (mode != OFF && fd > 2 && full_path(fd, "", path))
		return watched_write(fd, p, len, path);
	return REAL(write)(fd, p, len);
}

static int open_watched(int dir, const char *path, int flags, mode_t m)
{
	char full[PATH_MAX];

	if (mode != OFF && (flags & O_CREAT) && full_path(dir, path, full)) {
		if (strikes(false, true))
			return -1;
		if (mode == TRACE)
			record(flags & O_TRUNC ? "create-truncate" : "create", full, NULL,
			       NULL, 0);
	}
	return (int)syscall(SYS_openat, dir, path, flags, m);
}

#define OPEN_BODY(dir)                                                         \
	va_list ap;                                                            \
	mode_t m;                                                              \
	va_start(ap, flags);                                                   \
	m = va_arg(ap, mode_t);                                                \
	va_end(ap);                                                            \
	return open_watched(dir, path, flags, m)
int open(const char *path, int flags, ...) { OPEN_BODY(AT_FDCWD); }
int open64(const char *path, int flags, ...) { OPEN_BODY(AT_FDCWD); }
int openat(int dir, const char *path, int flags, ...) { OPEN_BODY(dir); }
int openat64(int dir, const char *path, int flags, ...) { OPEN_BODY(dir); }

int fsync(int fd)
{
	char path[PATH_MAX];

	if (mode != OFF && full_path(fd, "", path)) {
		if (strikes(true, false))
			return -1;
		if (mode == TRACE)
			record("fsync", path, NULL, NULL, 0);
		return 0;	/* the simulation decides what is durable */
	}
	return REAL(fsync)(fd);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	char a[PATH_MAX], b[PATH_MAX];
	int rc;

	if (mode == OFF || !full_path(from_dir, from, a) ||
	    !full_path(to_dir, to, b))
		return REAL(renameat)(from_dir, from, to_dir, to);
	if (strikes(false, true))
		return -1;
	rc = REAL(renameat)(from_dir, from, to_dir, to);
	if (mode == TRACE && rc == 0)
		record("rename", a, b, NULL, 0);
	return rc;
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	char a[PATH_MAX], b[PATH_MAX];
	int rc;

	if (mode == OFF || !full_path(from_dir, from, a) ||
	    !full_path(to_dir, to, b))
		return REAL(linkat)(from_dir, from, to_dir, to, flags);
	if (strikes(false, true))
		return -1;
	rc = REAL(linkat)(from_dir, from, to_dir, to, flags);
	if (mode == TRACE && rc == 0)
		record("link", a, b, NULL, 0);
	return rc;
}

int mkdirat(int dir, const char *path, mode_t m)
{
	char full[PATH_MAX];
	int rc;

	if (mode == OFF || !full_path(dir, path, full))
		return REAL(mkdirat)(dir, path, m);
	if (strikes(false, true))
		return -1;
	rc = REAL(mkdirat)(dir, path, m);
	if (mode == TRACE && rc == 0)
		record("mkdir", full, NULL, NULL, 0);
	return rc;
}

int mkdir(const char *path, mode_t m)
{
	return mkdirat(AT_FDCWD, path, m);
}

int unlinkat(int dir, const char *path, int flags)
{
	char full[PATH_MAX];
	int rc;

	if (mode == OFF || !full_path(dir, path, full))
		return REAL(unlinkat)(dir, path, flags);
	if (strikes(false, false))
		return -1;
	rc = REAL(unlinkat)(dir, path, flags);
	if (mode == TRACE && rc == 0)
		record(flags & AT_REMOVEDIR ? "rmdir" : "unlink", full, NULL, NULL, 0);
	return rc;
}
