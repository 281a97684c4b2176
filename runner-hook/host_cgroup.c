/*
 * cgroups of a local enclave. Every path here is the kernel's (/proc/self/cgroup
 * and the cgroup file systems); other users' groups are left alone because the
 * name says who owns one, and because we only remove what starts with our
 * prefix and whose owner is gone.
 */
#include "runner-hook/host_cgroup.h"

#include <dirent.h>
#include <stdio.h>

#include "lib/cgroup.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/path.h"

/* systemd nests user@.service/app.slice/x.scope five deep; twice that. */
#define DEPTH_MAX 10
/* /proc/PID/stat is one line of 52 numbers. */
#define VALUE_MAX 4096
/* Killing what is inside: SIGKILL is quick, memory of a big build is not. */
#define KILL_MS 2000

static int read_stat(const char *path, struct hm_buf *b, const char **ret_text)
{
	struct hm_err err;
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || hm_io_read_to_end(fd, b, HM_NO_DEADLINE, &err) < 0)
		return -1;
	return hm_buf_cstr(b, ret_text, &err);
}

/* Start time of a process in clock ticks since boot; 0 when there is none. */
static uint64_t start_time(pid_t pid)
{
	AUTO_BUF struct hm_buf b;
	char path[64];
	const char *text;
	unsigned long long ticks = 0;

	hm_buf_init(&b, VALUE_MAX);
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (read_stat(path, &b, &text) < 0)
		return 0;
	/* The name is in parentheses and may hold anything, ')' too. */
	text = strrchr(text, ')');
	if (!text || sscanf(text, ") %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"
				  " %*s %*s %*s %*s %*s %*s %*s %llu", &ticks) != 1)
		return 0;
	return ticks;
}

static uint64_t pid_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 ? (uint64_t)st.st_ino : 0;
}

static void own_name(char *out, size_t out_size)
{
	static unsigned int serial;	/* several enclaves of one process */

	(void)snprintf(out, out_size, HM_CGROUP_PREFIX "%d-%llu-%llu-%u",
		       (int)getpid(), (unsigned long long)start_time(getpid()),
		       (unsigned long long)pid_namespace(), serial++);
}

static void limit_unified(int dir, uint64_t memory_bytes, uint32_t pids_max)
{
	(void)hm_cgroup_put_number(dir, "memory.max", memory_bytes);
	(void)hm_cgroup_put_number(dir, "memory.swap.max", 0);
	(void)hm_cgroup_put_number(dir, "pids.max", pids_max);
}

/*
 * From our own group upwards: the nearest that we may make children in and that
 * gives them memory and pids; failing that, the nearest at all (for its
 * cgroup.kill). Never outside the limits that hold for us already, save for
 * those of our own leaf, which cannot have children and processes both.
 */
static void make_unified(struct hm_host_cgroup *g, uint64_t memory_bytes,
			 uint32_t pids_max)
{
	AUTO_CLOSE int top = hm_cgroup_open_top(NULL);
	AUTO_CLOSE int fallback = -1;
	char path[HM_PATH_MAX + 1];

	if (top < 0 || !hm_cgroup_own_path(NULL, path, sizeof(path)))
		return;
	if (path[0] == 0) {	/* nobody manages groups here: the root is ours to use */
		(void)hm_cgroup_put(top, "cgroup.subtree_control", "+memory");
		(void)hm_cgroup_put(top, "cgroup.subtree_control", "+pids");
		(void)hm_cgroup_put(top, "cgroup.subtree_control", "+cpu");
	}
	for (;;) {
		char *slash = strrchr(path, '/');
		AUTO_CLOSE int dir = hm_cgroup_open(top, path);
		bool full = dir >= 0 &&
			    hm_cgroup_has_word(dir, "cgroup.subtree_control", "memory") &&
			    hm_cgroup_has_word(dir, "cgroup.subtree_control", "pids");

		if (dir >= 0 && (full || fallback < 0) &&
		    mkdirat(dir, g->name, 0755) == 0) {
			if (full) {
				g->unified_parent = HM_TAKE_FD(dir);
				break;
			}
			fallback = HM_TAKE_FD(dir);
		}
		if (path[0] == 0)
			break;
		if (slash)
			*slash = 0;
		else
			path[0] = 0;
	}
	if (g->unified_parent >= 0 && fallback >= 0)
		(void)unlinkat(fallback, g->name, AT_REMOVEDIR);
	if (g->unified_parent < 0)
		g->unified_parent = HM_TAKE_FD(fallback);
	if (g->unified_parent < 0)
		return;
	g->unified = openat(g->unified_parent, g->name,
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (g->unified >= 0)
		limit_unified(g->unified, memory_bytes, pids_max);
}

static int make_v1(const struct hm_host_cgroup *g, const char *controller,
		   const char *file, const char *file2, uint64_t value)
{
	AUTO_CLOSE int top = -1;
	AUTO_CLOSE int parent = -1;
	AUTO_CLOSE int dir = -1;
	char path[HM_PATH_MAX + 1];

	/* First, since fsopen of a hierarchy that is not there would make it. */
	if (!hm_cgroup_own_path(controller, path, sizeof(path)))
		return -1;
	top = hm_cgroup_open_top(controller);
	if (top < 0)
		return -1;
	parent = hm_cgroup_open(top, path);
	if (parent < 0 || mkdirat(parent, g->name, 0755) != 0)
		return -1;
	dir = openat(parent, g->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || !hm_cgroup_put_number(dir, file, value)) {
		(void)unlinkat(parent, g->name, AT_REMOVEDIR);
		return -1;
	}
	if (file2)	/* memory and swap; absent when swap is not accounted */
		(void)hm_cgroup_put_number(dir, file2, value);
	return HM_TAKE_FD(parent);
}

void hm_host_cgroup_make(uint64_t memory_bytes, uint32_t pids_max,
			 struct hm_host_cgroup *ret_g)
{
	struct hm_host_cgroup g = HM_HOST_CGROUP_NONE;

	own_name(g.name, sizeof(g.name));
	make_unified(&g, memory_bytes, pids_max);
	if (g.unified < 0 || !hm_cgroup_has_word(g.unified, "cgroup.controllers", "memory"))
		g.v1_parent[0] = make_v1(&g, "memory", "memory.limit_in_bytes",
					 "memory.memsw.limit_in_bytes", memory_bytes);
	if (g.unified < 0 || !hm_cgroup_has_word(g.unified, "cgroup.controllers", "pids"))
		g.v1_parent[1] = make_v1(&g, "pids", "pids.max", NULL, pids_max);
	*ret_g = g;
}

int hm_host_cgroup_add(const struct hm_host_cgroup *g, pid_t pid, struct hm_err *err)
{
	for (size_t i = 0; i < HM_ARRAY_LEN(g->v1_parent); i++) {
		AUTO_CLOSE int dir = -1;

		if (g->v1_parent[i] < 0)
			continue;
		dir = openat(g->v1_parent[i], g->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0 || !hm_cgroup_put_number(dir, "cgroup.procs", (uint64_t)pid))
			return hm_fail(err, HM_E_SYSTEM, errno,
				       "put the enclave into cgroup %s", g->name);
	}
	return HM_OK;
}

/* A group that an enclave made has at most three levels. */
static void remove_group(int parent, const char *name, unsigned int depth)
{
	AUTO_CLOSE int dir = openat(parent, name, O_RDONLY | O_DIRECTORY |
				    O_CLOEXEC | O_NOFOLLOW);
	hm_deadline_t deadline = hm_deadline_in(KILL_MS);
	DIR *list;
	struct dirent *e;
	int copy;

	if (dir < 0)
		return;
	copy = fcntl(dir, F_DUPFD_CLOEXEC, 3);
	list = copy < 0 ? NULL : fdopendir(copy);
	if (!list) {
		hm_cleanup_fd(&copy);
		return;
	}
	while ((e = readdir(list)) != NULL) {
		if (e->d_type == DT_DIR && e->d_name[0] != '.' && depth > 0)
			remove_group(dir, e->d_name, depth - 1);
	}
	(void)closedir(list);
	while (!hm_cgroup_kill(dir) && hm_deadline_left(deadline) > 0)
		(void)usleep(5000);
	/* A dead process leaves its group a moment after it leaves the list. */
	while (unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno == EBUSY &&
	       hm_deadline_left(deadline) > 0)
		(void)usleep(5000);
}

void hm_host_cgroup_remove(struct hm_host_cgroup *g)
{
	if (g->unified >= 0)
		(void)close(g->unified);
	if (g->unified_parent >= 0) {
		remove_group(g->unified_parent, g->name, 2);
		(void)close(g->unified_parent);
	}
	for (size_t i = 0; i < HM_ARRAY_LEN(g->v1_parent); i++) {
		if (g->v1_parent[i] < 0)
			continue;
		remove_group(g->v1_parent[i], g->name, 2);
		(void)close(g->v1_parent[i]);
	}
	*g = HM_HOST_CGROUP_NONE;
}

static bool owner_is_dead(const char *name)
{
	unsigned long long ticks, ns;
	unsigned int serial;
	int pid;

	if (sscanf(name, HM_CGROUP_PREFIX "%d-%llu-%llu-%u", &pid, &ticks, &ns,
		   &serial) != 4 || pid <= 1)
		return false;
	/* Of another pid namespace we cannot tell; its own runner-hook can. */
	return ns == pid_namespace() && start_time(pid) != ticks;
}

static size_t reap_below(int dir, unsigned int depth)
{
	size_t count = 0;
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	if (!list) {
		hm_cleanup_fd(&copy);
		return 0;
	}
	while ((e = readdir(list)) != NULL) {
		AUTO_CLOSE int sub = -1;

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		if (strncmp(e->d_name, HM_CGROUP_PREFIX,
			    strlen(HM_CGROUP_PREFIX)) == 0) {
			if (!owner_is_dead(e->d_name))
				continue;
			hm_log(HM_LOG_DEBUG, "removing cgroup %s of a dead run", e->d_name);
			remove_group(dir, e->d_name, 2);
			count++;
			continue;
		}
		if (depth == 0)
			continue;
		sub = openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (sub >= 0)
			count += reap_below(sub, depth - 1);
	}
	(void)closedir(list);
	return count;
}

size_t hm_host_cgroup_reap(void)
{
	static const char *const controllers[] = {NULL, "memory", "pids"};
	size_t count = 0;

	for (size_t i = 0; i < HM_ARRAY_LEN(controllers); i++) {
		AUTO_CLOSE int top = -1;

		/* As in make_v1(): ask for what is there only. */
		if (controllers[i] && !hm_cgroup_own_path(controllers[i], (char[HM_PATH_MAX]){0},
						HM_PATH_MAX))
			continue;
		top = hm_cgroup_open_top(controllers[i]);
		if (top >= 0)
			count += reap_below(top, DEPTH_MAX);
	}
	return count;
}
