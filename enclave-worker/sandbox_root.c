/*
 * What the build sees of file systems. From the host (local) only the system
 * directories, read-only, set-uid bits dead, and of /etc only what toolchains
 * read: no shadow, no host names, no keys, no credentials. Files that say who
 * and where we are (passwd, hosts, ...) are written here, always the same.
 *
 * Attributes are set on detached copies before they appear, so there is no
 * moment at which anything of the host is writable inside.
 */
#include "enclave-worker/sandbox_root.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "enclave-worker/mount.h"
#include "lib/log.h"
#include "lib/path.h"

#define READ_ONLY (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define WRITABLE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

/* Directories, links and generated files only. */
#define ROOT_BYTES (1ULL << 20)
#define ROOT_INODES 4096U
/* An inode takes a kilobyte of kernel memory that `size` does not count. */
#define BYTES_PER_INODE 2048U
/* HM_SOURCE_MAX_DEPTH and the levels of submodules; one descriptor each. */
#define DEPTH_MAX 256

/* Merged-/usr hosts have links here, others directories. */
static const char *const system_dirs[] = {
	"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32",
};

/*
 * Of the host's /etc, where there. A trailing '*' takes every name that starts
 * so. Whole ssl or pki would bring private keys.
 */
static const char *const etc_names[] = {
	"alternatives", "ant*", "ca-certificates", "ca-certificates.conf",
	"crypto-policies", "debian_version", "dpkg", "fonts", "java*", "jvm*",
	"ld.so.cache", "ld.so.conf", "ld.so.conf.d", "lsb-release", "magic",
	"maven*", "mime.types", "os-release", "perl", "php", "pki/ca-trust/extracted",
	"pki/tls/cert.pem", "pki/tls/certs", "protocols", "python*", "rpc",
	"redhat-release", "services", "ssl/cert.pem", "ssl/certs", "ssl/openssl.cnf",
	"texmf", "xml",
};

struct made_file {
	const char *path;
	const char *text;
};

static const struct made_file made_files[] = {
	{"etc/passwd", "root:x:0:0:root:/root:/usr/sbin/nologin\n"
		       "build:x:1000:1000:build:" HM_SANDBOX_HOME ":/bin/sh\n"
		       "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"},
	{"etc/group", "root:x:0:\nbuild:x:1000:\nnogroup:x:65534:\n"},
	{"etc/hosts", "127.0.0.1 localhost build\n::1 localhost\n"},
	{"etc/hostname", "build\n"},
	{"etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"
			      "services: files\nprotocols: files\n"},
	{"etc/resolv.conf", ""},
};

static const char *const empty_dirs[] = {
	"proc", "dev", "build", "tmp", "home", "root", "run", "sys", "mnt", "opt",
	"var/tmp", "var/lib", "var/cache", "var/log",
};

/* What of the host is never offered as a toolchain, even when asked for. */
static const char *const never[] = {
	"/", "/boot", "/build", "/dev", "/etc", "/home", "/proc", "/root", "/run",
	"/sys", "/tmp", "/var", HM_ROOM_DIR,
};
/* ... nor anything below these. */
static const char *const never_below[] = {
	"/build/", "/dev/", "/etc/", "/proc/", "/run/", "/sys/", HM_ROOM_DIR "/",
};

static int write_file(int top, const struct made_file *f, struct hm_err *err)
{
	AUTO_CLOSE int fd = -1;
	int rc = hm_mount_point_file(top, f->path, err);

	if (rc != HM_OK)
		return rc;
	rc = hm_openat_beneath(top, f->path, O_WRONLY | O_CLOEXEC, 0, &fd, err);
	if (rc != HM_OK)
		return rc;
	return hm_io_write_all(fd, f->text, strlen(f->text), HM_NO_DEADLINE, err);
}

/*
 * One name of from, put at top/where: a directory or file as a read-only copy
 * of its mount, a link as a link. Absent is fine.
 */
static int take(int from, const char *name, int top, const char *where, struct hm_err *err)
{
	AUTO_CLOSE int mount_fd = -1;
	struct stat st;
	int rc;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return HM_OK;
	if (S_ISLNK(st.st_mode)) {
		char target[HM_PATH_MAX + 1];
		ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

		if (n <= 0)
			return hm_fail(err, HM_E_SYSTEM, errno, "read link %s", name);
		target[n] = 0;
		rc = hm_mount_point_file(top, where, err);	/* for its parents */
		if (rc == HM_OK && (unlinkat(top, where, 0) != 0 ||
				    symlinkat(target, top, where) != 0))
			rc = hm_fail(err, HM_E_SYSTEM, errno, "link %s", where);
		return rc;
	}
	if (S_ISDIR(st.st_mode))
		rc = hm_mount_point_dir(top, where, err);
	else if (S_ISREG(st.st_mode))
		rc = hm_mount_point_file(top, where, err);
	else
		return HM_OK;
	if (rc == HM_OK)
		rc = hm_mount_copy(from, name, READ_ONLY, &mount_fd, err);
	return rc == HM_OK ? hm_mount_attach(mount_fd, top, where, err) : rc;
}

/* Every name in from/ that starts with prefix, to top/etc/. */
static int take_prefix(int from, const char *prefix, size_t len, int top, struct hm_err *err)
{
	int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int rc = HM_OK;

	if (!list) {
		hm_cleanup_fd(&fd);
		return HM_OK;	/* a host without a readable /etc */
	}
	while (rc == HM_OK && (e = readdir(list)) != NULL) {
		char where[HM_NAME_MAX + 8];

		if (strncmp(e->d_name, prefix, len) != 0)
			continue;
		(void)snprintf(where, sizeof(where), "etc/%s", e->d_name);
		rc = take(from, e->d_name, top, where, err);
	}
	(void)closedir(list);
	return rc;
}

static int take_host_etc(int root, int top, struct hm_err *err)
{
	AUTO_CLOSE int etc = openat(root, "etc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int rc = HM_OK;

	if (etc < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "/etc");
	for (size_t i = 0; rc == HM_OK && i < HM_ARRAY_LEN(etc_names); i++) {
		const char *name = etc_names[i];
		size_t len = strlen(name);
		char where[HM_NAME_MAX + 8];

		(void)snprintf(where, sizeof(where), "etc/%s", name);
		rc = name[len - 1] == '*' ? take_prefix(etc, name, len - 1, top, err) :
					    take(etc, name, top, where, err);
	}
	return rc;
}

static int take_host(int top, struct hm_err *err)
{
	AUTO_CLOSE int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int rc = HM_OK;

	if (root < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "/");
	for (size_t i = 0; rc == HM_OK && i < HM_ARRAY_LEN(system_dirs); i++)
		rc = take(root, system_dirs[i], top, system_dirs[i], err);
	if (rc == HM_OK)
		rc = take_host_etc(root, top, err);
	for (size_t i = 0; rc == HM_OK && i < HM_ARRAY_LEN(made_files); i++)
		rc = write_file(top, &made_files[i], err);
	return rc;
}

static bool in_list(const char *const *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(list[i], name) == 0)
			return true;
	}
	return false;
}

/* An image's own root: all it has but what is ours to make. */
static int take_image(const char *path, int top, struct hm_err *err)
{
	static const char *const ours[] = {"proc", "dev", "sys", "build", "tmp", "home",
					   "run", "mnt", ".", "..", "lost+found"};
	AUTO_CLOSE int image = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = image < 0 ? -1 : openat(image, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int rc = HM_OK;

	if (!list) {
		rc = hm_fail(err, HM_E_SYSTEM, errno, "image root %s", path);
		hm_cleanup_fd(&fd);
		return rc;
	}
	while (rc == HM_OK && (e = readdir(list)) != NULL) {
		if (!in_list(ours, HM_ARRAY_LEN(ours), e->d_name))
			rc = take(image, e->d_name, top, e->d_name, err);
	}
	(void)closedir(list);
	return rc;
}

/* Puts a file or directory of ours over one that is there already. */
static int cover(int top, const char *source, const char *where, struct hm_err *err)
{
	AUTO_CLOSE int mount_fd = -1;
	struct stat st;
	int rc = HM_OK;

	if (!source)
		return HM_OK;
	if (fstatat(top, where, &st, AT_SYMLINK_NOFOLLOW) != 0)
		rc = stat(source, &st) == 0 && S_ISDIR(st.st_mode) ?
			     hm_mount_point_dir(top, where, err) :
			     hm_mount_point_file(top, where, err);
	if (rc == HM_OK)
		rc = hm_mount_copy(AT_FDCWD, source, READ_ONLY, &mount_fd, err);
	return rc == HM_OK ? hm_mount_attach(mount_fd, top, where, err) : rc;
}

static int add_tmpfs(int top, const char *where, uint64_t max_bytes, unsigned int mode,
		     struct hm_sandbox_owner owner, struct hm_err *err)
{
	const struct hm_tmpfs t = {.max_bytes = max_bytes,
				   .max_inodes = max_bytes / BYTES_PER_INODE + 16,
				   .mode = mode, .uid = owner.uid, .gid = owner.gid};
	AUTO_CLOSE int mount_fd = -1;
	int rc = hm_mount_tmpfs(&t, WRITABLE, &mount_fd, err);

	if (rc == HM_OK)
		rc = hm_mount_point_dir(top, where, err);
	return rc == HM_OK ? hm_mount_attach(mount_fd, top, where, err) : rc;
}

static int toolchain_check(const char *path, struct hm_err *err)
{
	int rc;

	if (path[0] != '/')
		return hm_fail(err, HM_E_POLICY, 0, "toolchain '%s' is not an absolute path",
			       HM_ESC(hm_slice_str(path)));
	for (size_t i = 0; i < HM_ARRAY_LEN(never_below); i++) {
		if (strncmp(path, never_below[i], strlen(never_below[i])) == 0 ||
		    in_list(never, HM_ARRAY_LEN(never), path))
			return hm_fail(err, HM_E_POLICY, 0,
				       "toolchain '%s' is not a place of toolchains: it would "
				       "show the build more of this host than that",
				       HM_ESC(hm_slice_str(path)));
	}
	rc = hm_path_check(hm_slice_str(path + 1), err);
	return rc == HM_OK ? HM_OK : hm_err_prefix(err, "toolchain");
}

static int add_toolchain(int top, const char *path, struct hm_err *err)
{
	AUTO_CLOSE int mount_fd = -1;
	AUTO_CLOSE int dir = -1;
	int rc = toolchain_check(path, err);

	if (rc != HM_OK)
		return rc;
	for (size_t i = 0; i < HM_ARRAY_LEN(system_dirs); i++) {
		size_t len = strlen(system_dirs[i]);

		/* It is inside already. */
		if (strncmp(path + 1, system_dirs[i], len) == 0 && path[1 + len] == '/')
			return HM_OK;
	}
	/* Links are followed: "current" of a version manager is one. */
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "toolchain %s", path);
	rc = hm_mount_copy(dir, "", READ_ONLY, &mount_fd, err);
	if (rc == HM_OK)
		rc = hm_mount_point_dir(top, path + 1, err);
	if (rc == HM_OK)
		rc = hm_mount_attach(mount_fd, top, path + 1, err);
	return rc == HM_OK ? HM_OK : hm_err_prefix(err, "toolchain %s", path);
}

static int lay(const struct hm_sandbox_spec *spec, struct hm_sandbox_owner owner, int top,
	       struct hm_err *err)
{
	int rc = spec->rootfs ? take_image(spec->rootfs, top, err) : take_host(top, err);

	for (size_t i = 0; rc == HM_OK && i < HM_ARRAY_LEN(empty_dirs); i++) {
		/* Those an image brings are there, read-only, which is enough. */
		if (faccessat(top, empty_dirs[i], F_OK, AT_SYMLINK_NOFOLLOW) != 0)
			rc = hm_mount_point_dir(top, empty_dirs[i], err);
	}
	if (rc == HM_OK)
		rc = add_tmpfs(top, "tmp", spec->disk_bytes, 01777, owner, err);
	if (rc == HM_OK)
		rc = add_tmpfs(top, "var/tmp", spec->disk_bytes, 01777, owner, err);
	if (rc == HM_OK)
		rc = add_tmpfs(top, "home", spec->disk_bytes, 0755, owner, err);
	if (rc == HM_OK)
		rc = hm_mount_point_dir(top, &HM_SANDBOX_HOME[1], err);
	if (rc == HM_OK && fchownat(top, &HM_SANDBOX_HOME[1], owner.uid, owner.gid,
				    AT_SYMLINK_NOFOLLOW) != 0)
		rc = hm_fail(err, HM_E_SYSTEM, errno, HM_SANDBOX_HOME);
	for (size_t i = 0; rc == HM_OK && i < spec->toolchain_count; i++)
		rc = add_toolchain(top, spec->toolchains[i], err);
	if (rc == HM_OK)
		rc = cover(top, spec->resolv_conf, "etc/resolv.conf", err);
	if (rc == HM_OK)
		rc = cover(top, spec->ca_dir, "etc/ssl/certs", err);
	return rc;
}

int hm_sandbox_root_lay(const struct hm_sandbox_spec *spec, struct hm_sandbox_owner owner,
			bool bare, int *ret_fd, struct hm_err *err)
{
	const struct hm_tmpfs t = {.max_bytes = ROOT_BYTES, .max_inodes = ROOT_INODES,
				   .mode = 0755};
	AUTO_CLOSE int mount_fd = -1;
	AUTO_CLOSE int dir = -1;
	AUTO_CLOSE int top = -1;
	int rc;

	if (mkdir(HM_SANDBOX_ROOT, 0755) != 0 && errno != EEXIST)
		return hm_fail(err, HM_E_SYSTEM, errno, "sandbox root");
	dir = open(HM_SANDBOX_ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "sandbox root");
	rc = hm_mount_tmpfs(&t, bare ? 0 : WRITABLE, &mount_fd, err);
	if (rc == HM_OK)
		rc = hm_mount_attach(mount_fd, dir, "", err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "sandbox root");
	top = open(HM_SANDBOX_ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		rc = hm_fail(err, HM_E_SYSTEM, errno, "open");
	if (rc == HM_OK)
		rc = lay(spec, owner, top, err);
	if (rc != HM_OK) {
		hm_sandbox_root_drop();
		return hm_err_prefix(err, "sandbox root");
	}
	*ret_fd = HM_TAKE_FD(top);
	return HM_OK;
}

void hm_sandbox_root_drop(void)
{
	(void)umount2(HM_SANDBOX_ROOT, MNT_DETACH);
}

/*
 * The worker wrote the tree as itself. Iterative: one descriptor per level of
 * the path we are on.
 */
int hm_sandbox_root_chown(const char *build_dir, struct hm_sandbox_owner owner,
			  struct hm_err *err)
{
	static DIR *stack[DEPTH_MAX + 1];
	struct stat st;
	size_t depth = 0;
	int fd = open(build_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = HM_OK;

	if (fd < 0 || fstat(fd, &st) != 0 || fchown(fd, owner.uid, owner.gid) != 0) {
		rc = hm_fail(err, HM_E_SYSTEM, errno, "%s", build_dir);
		hm_cleanup_fd(&fd);
		return rc;
	}
	/* Given already: by now what is below it may be of a build's making. */
	if (st.st_uid == owner.uid) {
		(void)close(fd);
		return HM_OK;
	}
	stack[depth] = fdopendir(fd);
	if (!stack[depth++])
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "%s", build_dir);
	while (rc == HM_OK && depth > 0) {
		DIR *d = stack[depth - 1];
		struct dirent *e = readdir(d);

		if (!e) {
			(void)closedir(d);
			depth--;
			continue;
		}
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (fchownat(dirfd(d), e->d_name, owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW) != 0)
			rc = hm_fail(err, HM_E_SYSTEM, errno, "give a file to the build");
		if (rc != HM_OK || e->d_type != DT_DIR)
			continue;
		fd = depth == DEPTH_MAX ? -1 :
		     openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		stack[depth] = fd < 0 ? NULL : fdopendir(fd);
		if (stack[depth])
			depth++;
		else
			rc = hm_fail(err, HM_E_SYSTEM, errno, "give a directory to the build");
	}
	while (depth > 0)
		(void)closedir(stack[--depth]);
	return rc;
}

int hm_sandbox_root_path(const struct hm_sandbox_spec *spec, struct hm_buf *b,
			 struct hm_err *err)
{
	int rc = hm_buf_add_str(b, "PATH=", err);

	for (size_t i = 0; rc == HM_OK && i < spec->toolchain_count; i++) {
		char bin[HM_PATH_MAX + 8];

		(void)snprintf(bin, sizeof(bin), "%s/bin", spec->toolchains[i]);
		rc = hm_buf_addf(b, err, "%s:", access(bin, X_OK) == 0 ? bin : spec->toolchains[i]);
	}
	if (rc == HM_OK)
		rc = hm_buf_add_str(b, "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
				    "/sbin:/bin", err);
	return rc;
}
