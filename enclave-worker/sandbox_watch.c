/*
 * Counting memory through /proc. All numbers are the kernel's. A process that
 * ends while we look is no error.
 */
#include "enclave-worker/sandbox_watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "lib/num.h"

/*
 * Anonymous files that nobody maps are seen nowhere in /proc. So the host's
 * rest is watched, too: below 1/32 of its memory the build has to go.
 */
#define HOST_REST 32U

/* The number of "Key:   123 kB" in a file below dir; 0 when there is none. */
static uint64_t kilobytes(const char *text, const char *key)
{
	const char *at = strstr(text, key);
	unsigned long long n = 0;

	if (!at || sscanf(at + strlen(key), " %llu kB", &n) != 1)
		return 0;
	return n;
}

static bool read_text(int dir, const char *name, char *text, size_t size)
{
	AUTO_CLOSE int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	text[n > 0 ? n : 0] = 0;
	return n > 0;
}

static uint64_t tmpfs_used(const char *path)
{
	struct statvfs st;

	if (statvfs(path, &st) != 0)
		return 0;
	return (uint64_t)(st.f_blocks - st.f_bfree) * st.f_frsize;
}

static bool host_is_short(int proc)
{
	char text[8192];
	uint64_t total, rest;

	if (!read_text(proc, "meminfo", text, sizeof(text)))
		return false;
	total = kilobytes(text, "MemTotal:");
	rest = kilobytes(text, "MemAvailable:");
	return rest < total / HOST_REST;
}

/* Anonymous and shared memory of one process of the sandbox. */
static void count_process(int proc, const char *pid, const struct stat *own_ns, uint64_t *anon,
			  uint64_t *shared)
{
	char path[64], text[4096];
	struct stat ns;

	(void)snprintf(path, sizeof(path), "%.20s/ns/pid", pid);
	if (fstatat(proc, path, &ns, 0) != 0 || ns.st_ino == own_ns->st_ino)
		return;
	(void)snprintf(path, sizeof(path), "%.20s/status", pid);
	if (!read_text(proc, path, text, sizeof(text)))
		return;
	*anon += kilobytes(text, "RssAnon:") * 1024;
	*shared += kilobytes(text, "RssShmem:") * 1024;
}

uint64_t hm_sandbox_memory_used(pid_t init, const char *root, const char *build)
{
	static const char *const places[] = {"tmp", "var/tmp", "home"};
	uint64_t anon = 0, shared = 0, files = tmpfs_used(build);
	struct stat own_ns;
	struct dirent *e;
	char path[128];
	DIR *list = opendir("/proc");

	if (!list)
		return 0;
	if (stat("/proc/self/ns/pid", &own_ns) != 0 || host_is_short(dirfd(list))) {
		(void)closedir(list);
		return UINT64_MAX;
	}
	while ((e = readdir(list)) != NULL) {
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
			count_process(dirfd(list), e->d_name, &own_ns, &anon, &shared);
	}
	(void)closedir(list);
	for (size_t i = 0; i < HM_ARRAY_LEN(places); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", root, places[i]);
		files += tmpfs_used(path);
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/root/dev/shm", (int)init);
	files += tmpfs_used(path);
	return anon + (shared > files ? shared : files);
}
