/*
 * Control groups. What is parsed here comes from the kernel; what is written is
 * ours. Processes are killed by number only while the kernel lists them.
 */
#include "lib/cgroup.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "lib/io.h"
#include "lib/num.h"
#include "lib/path.h"

/* /proc/self/cgroup has one short line per hierarchy, mountinfo one per mount. */
#define PROC_FILE_MAX (4U << 20)
/* cgroup files hold one number, some lines of counters or a list of names. */
#define VALUE_MAX 4096

static int read_proc(const char *path, struct hm_buf *b, const char **ret_text)
{
	struct hm_err err;
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || hm_io_read_to_end(fd, b, HM_NO_DEADLINE, &err) < 0)
		return -1;
	return hm_buf_cstr(b, ret_text, &err);
}

bool hm_cgroup_put(int dir, const char *file, const char *value)
{
	AUTO_CLOSE int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);
}

bool hm_cgroup_put_number(int dir, const char *file, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	return hm_cgroup_put(dir, file, text);
}

bool hm_cgroup_has_word(int dir, const char *file, const char *word)
{
	AUTO_CLOSE int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	char text[VALUE_MAX];
	size_t len = strlen(word);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	const char *at = text;

	if (n <= 0)
		return false;
	text[n] = 0;
	while ((at = strstr(at, word)) != NULL) {
		bool starts = at == text || at[-1] == ' ';

		if (starts && strchr(" \n", at[len]))	/* NUL counts */
			return true;
		at += len;
	}
	return false;
}

/* Is this line of mountinfo that hierarchy, from its top? Then where. */
static bool is_hierarchy(char *line, const char *controller, char point[HM_PATH_MAX + 1])
{
	/* 36 35 98:0 ROOT MOUNTPOINT OPTIONS ... - TYPE SOURCE SUPER */
	const char *tail = strstr(line, " - ");
	char root[256], type[64], super[1024], want[64];

	if (!tail || sscanf(line, "%*s %*s %*s %255s %4095s", root, point) != 2 ||
	    sscanf(tail, " - %63s %*s %1023s", type, super) != 2 || strcmp(root, "/") != 0)
		return false;
	if (!controller)
		return strcmp(type, "cgroup2") == 0;
	(void)snprintf(want, sizeof(want), ",%s", controller);
	return strcmp(type, "cgroup") == 0 && strstr(super, want);
}

/* Where a hierarchy is mounted, and not read-only; controller NULL = cgroup2. */
static int open_mounted(const char *controller)
{
	AUTO_BUF struct hm_buf b;
	const char *text;
	char *line, *save = NULL;

	hm_buf_init(&b, PROC_FILE_MAX);
	if (read_proc("/proc/self/mountinfo", &b, &text) < 0)
		return -1;
	for (line = strtok_r((char *)b.data, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char point[HM_PATH_MAX + 1];
		AUTO_CLOSE int fd = -1;
		struct statvfs st;

		if (!is_hierarchy(line, controller, point))
			continue;
		fd = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && fstatvfs(fd, &st) == 0 && (st.f_flag & ST_RDONLY) == 0)
			return HM_TAKE_FD(fd);
	}
	return -1;
}

/* A mount attached nowhere, which ends with the descriptor. */
static int open_own(const char *controller)
{
	AUTO_CLOSE int fs = fsopen(controller ? "cgroup" : "cgroup2", FSOPEN_CLOEXEC);
	AUTO_CLOSE int fd = -1;

	if (fs < 0 ||
	    (controller && fsconfig(fs, FSCONFIG_SET_FLAG, controller, NULL, 0) != 0) ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0)
		return -1;
	fd = fsmount(fs, FSMOUNT_CLOEXEC,
		     MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return fd < 0 ? -1 : hm_cgroup_open(fd, "");
}

int hm_cgroup_open_top(const char *controller)
{
	int fd = open_mounted(controller);

	return fd < 0 && geteuid() == 0 ? open_own(controller) : fd;
}

bool hm_cgroup_own_path(const char *controller, char *out, size_t out_size)
{
	AUTO_BUF struct hm_buf b;
	const char *text;
	char *line, *save = NULL;

	hm_buf_init(&b, PROC_FILE_MAX);
	if (read_proc("/proc/self/cgroup", &b, &text) < 0)
		return false;
	for (line = strtok_r((char *)b.data, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char *names = strchr(line, ':');
		char *path = names ? strchr(names + 1, ':') : NULL;
		char *name, *more = NULL;
		bool match = false;

		if (!path || path[1] != '/')
			continue;
		*path = 0;
		if (!controller)
			match = names[1] == 0;
		for (name = strtok_r(names + 1, ",", &more); controller && name;
		     name = strtok_r(NULL, ",", &more))
			match = match || strcmp(name, controller) == 0;
		if (match && strlen(path + 2) < out_size) {
			(void)snprintf(out, out_size, "%s", path + 2);
			return true;
		}
	}
	return false;
}

bool hm_cgroup_kill(int dir)
{
	AUTO_BUF struct hm_buf b;
	AUTO_CLOSE int fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	struct hm_err err;
	const char *text;
	char *line, *save = NULL;
	bool none = true;

	(void)hm_cgroup_put(dir, "cgroup.kill", "1");
	hm_buf_init(&b, PROC_FILE_MAX);
	if (fd < 0 || hm_io_read_to_end(fd, &b, HM_NO_DEADLINE, &err) < 0 ||
	    hm_buf_cstr(&b, &text, &err) < 0)
		return true;
	for (line = strtok_r((char *)b.data, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		uint64_t pid;

		if (!hm_parse_u64(hm_slice_str(line), INT32_MAX, &pid) || pid <= 1)
			continue;
		none = false;
		(void)kill((pid_t)pid, SIGKILL);
	}
	return none;
}

int hm_cgroup_open(int dir, const char *path)
{
	return openat(dir, path[0] ? path : ".",
		      O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

bool hm_cgroup_get(int dir, const char *file, const char *key, uint64_t *ret)
{
	AUTO_CLOSE int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	char text[VALUE_MAX];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	char *line, *save = NULL;
	size_t len = strlen(key);

	if (n <= 0)
		return false;
	text[n] = 0;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, key, len) == 0 && line[len] == ' ')
			return hm_parse_u64(hm_slice_str(line + len + 1), UINT64_MAX, ret);
	}
	return false;
}
