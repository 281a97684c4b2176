/*
 * The container's config.json (OCI runtime specification 1.0.2).
 *
 * Must: every namespace; no capability in any of the five sets; no new
 * privileges; no terminal (class of CVE-2017-5226); a fresh tmpfs on /dev and a
 * real proc on /proc, whatever the image holds there (class of CVE-2026-47766);
 * no /sys; the root read-only, /build the only way out, and that without
 * set-uid and devices.
 */
#include "enclave-worker/oci.h"

#include <stdio.h>

#include "enclave-worker/seccomp.h"
#include "lib/json.h"
#include "lib/path.h"

/* What says something about the host, or acts on it. */
static const char *const masked[] = {
	"/proc/acpi", "/proc/asound", "/proc/cmdline", "/proc/config.gz",
	"/proc/interrupts", "/proc/kallsyms", "/proc/kcore", "/proc/key-users",
	"/proc/keys", "/proc/latency_stats", "/proc/modules", "/proc/sched_debug",
	"/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
};
static const char *const readonly[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

static struct hm_json *strings(const char *const *items, size_t count)
{
	struct hm_json *list = hm_json_new_array();

	for (size_t i = 0; i < count; i++)
		(void)hm_json_append(list, hm_json_new_str(items[i]));
	return list;
}

static struct hm_json *strings_to_null(const char *const *items)
{
	size_t count = 0;

	while (items[count])
		count++;
	return strings(items, count);
}

static void add_rlimit(struct hm_json *list, const char *name, uint64_t value)
{
	struct hm_json *limit = hm_json_new_object();

	(void)hm_json_set(limit, "type", hm_json_new_str(name));
	(void)hm_json_set(limit, "hard", hm_json_new_integer((int64_t)value));
	(void)hm_json_set(limit, "soft", hm_json_new_integer((int64_t)value));
	(void)hm_json_append(list, limit);
}

static struct hm_json *process(const struct hm_oci *c)
{
	static const char *const sets[] = {"bounding", "effective", "inheritable",
					   "permitted", "ambient"};
	struct hm_json *p = hm_json_new_object();
	struct hm_json *user = hm_json_new_object();
	struct hm_json *caps = hm_json_new_object();
	struct hm_json *limits = hm_json_new_array();

	(void)hm_json_set(user, "uid", hm_json_new_integer(c->uid));
	(void)hm_json_set(user, "gid", hm_json_new_integer(c->uid));
	(void)hm_json_set(user, "umask", hm_json_new_integer(022));
	for (size_t i = 0; i < HM_ARRAY_LEN(sets); i++)
		(void)hm_json_set(caps, sets[i], hm_json_new_array());
	add_rlimit(limits, "RLIMIT_NOFILE", c->nofile_max);
	add_rlimit(limits, "RLIMIT_CORE", 0);
	if (c->nproc_max != 0)
		add_rlimit(limits, "RLIMIT_NPROC", c->nproc_max);
	(void)hm_json_set(p, "terminal", hm_json_new_bool(false));
	(void)hm_json_set(p, "user", user);
	(void)hm_json_set(p, "args", strings_to_null(c->argv));
	(void)hm_json_set(p, "env", strings_to_null(c->envp));
	(void)hm_json_set(p, "cwd", hm_json_new_str(c->cwd));
	(void)hm_json_set(p, "capabilities", caps);
	(void)hm_json_set(p, "rlimits", limits);
	(void)hm_json_set(p, "noNewPrivileges", hm_json_new_bool(true));
	/* When memory runs out the kernel is to take the build, not the worker. */
	(void)hm_json_set(p, "oomScoreAdj", hm_json_new_integer(1000));
	return p;
}

static void add_mount(struct hm_json *list, const char *where, const char *type,
		      const char *source, const char *const *options)
{
	struct hm_json *m = hm_json_new_object();

	(void)hm_json_set(m, "destination", hm_json_new_str(where));
	(void)hm_json_set(m, "type", hm_json_new_str(type));
	(void)hm_json_set(m, "source", hm_json_new_str(source));
	(void)hm_json_set(m, "options", strings_to_null(options));
	(void)hm_json_append(list, m);
}

static struct hm_json *mounts(const struct hm_oci *c)
{
	static const char *const bind[] = {"rbind", "rw", "nosuid", "nodev", "rprivate", NULL};
	struct hm_json *list = hm_json_new_array();
	char size[40], source[HM_PATH_MAX + 1];

	(void)snprintf(size, sizeof(size), "size=%llu", (unsigned long long)c->shm_bytes);
	add_mount(list, "/proc", "proc", "proc",
		  (const char *const[]){"nosuid", "nodev", "noexec", NULL});
	add_mount(list, "/dev", "tmpfs", "tmpfs",
		  (const char *const[]){"nosuid", "noexec", "mode=755", "size=65536",
					"nr_inodes=256", NULL});
	add_mount(list, "/dev/shm", "tmpfs", "shm",
		  (const char *const[]){"nosuid", "nodev", "mode=1777", size, NULL});
	add_mount(list, "/build", "bind", c->build, bind);
	for (size_t i = 0; i < c->bind_count; i++) {
		(void)snprintf(source, sizeof(source), "%s%s", c->root, c->binds[i]);
		add_mount(list, c->binds[i], "bind", source, bind);
	}
	return list;
}

static void add_namespace(struct hm_json *list, const char *type, const char *path)
{
	struct hm_json *ns = hm_json_new_object();

	(void)hm_json_set(ns, "type", hm_json_new_str(type));
	if (path)
		(void)hm_json_set(ns, "path", hm_json_new_str(path));
	(void)hm_json_append(list, ns);
}

static struct hm_json *id_mapping(const struct hm_oci *c)
{
	struct hm_json *list = hm_json_new_array();
	struct hm_json *map = hm_json_new_object();

	(void)hm_json_set(map, "containerID", hm_json_new_integer(c->id_inside));
	(void)hm_json_set(map, "hostID", hm_json_new_integer(c->id_first));
	(void)hm_json_set(map, "size", hm_json_new_integer(c->id_count));
	(void)hm_json_append(list, map);
	return list;
}

static struct hm_json *linux_part(const struct hm_oci *c)
{
	static const char *const plain[] = {"pid", "ipc", "uts", "mount", "cgroup", "user"};
	struct hm_json *l = hm_json_new_object();
	struct hm_json *namespaces = hm_json_new_array();

	for (size_t i = 0; i < HM_ARRAY_LEN(plain); i++)
		add_namespace(namespaces, plain[i], NULL);
	add_namespace(namespaces, "network", c->netns);
	(void)hm_json_set(l, "namespaces", namespaces);
	(void)hm_json_set(l, "uidMappings", id_mapping(c));
	(void)hm_json_set(l, "gidMappings", id_mapping(c));
	if (c->cgroup)
		(void)hm_json_set(l, "cgroupsPath", hm_json_new_str(c->cgroup));
	(void)hm_json_set(l, "seccomp", hm_seccomp_new());
	(void)hm_json_set(l, "maskedPaths", strings(masked, HM_ARRAY_LEN(masked)));
	(void)hm_json_set(l, "readonlyPaths", strings(readonly, HM_ARRAY_LEN(readonly)));
	return l;
}

int hm_oci_write(const struct hm_oci *c, struct hm_buf *b, struct hm_err *err)
{
	AUTO_JSON struct hm_json *config = hm_json_new_object();
	struct hm_json *root = hm_json_new_object();
	int rc;

	(void)hm_json_set(root, "path", hm_json_new_str(c->root));
	(void)hm_json_set(root, "readonly", hm_json_new_bool(true));
	(void)hm_json_set(config, "ociVersion", hm_json_new_str("1.0.2"));
	(void)hm_json_set(config, "process", process(c));
	(void)hm_json_set(config, "root", root);
	(void)hm_json_set(config, "hostname", hm_json_new_str("build"));
	(void)hm_json_set(config, "mounts", mounts(c));
	(void)hm_json_set(config, "linux", linux_part(c));
	rc = hm_json_write(config, HM_JSON_COMPACT, b, err);
	return rc == HM_OK ? HM_OK : hm_err_prefix(err, "config.json");
}
