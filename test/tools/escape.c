/*
 * Ways out of the sandbox, one function each. Run inside by the sandbox tests.
 *
 *   escape list            the names of all
 *   escape try NAME...     each: "closed NAME" or "OPEN NAME (how)", or "virtual
 *                          NAME" where the runtime's own kernel has it; "all" = all
 *   escape pids            forks as fast as it can; how many lived at once
 *   escape memory MIB      touches memory
 *   escape memfd MIB       the same in anonymous files
 *
 * Never run `try` outside a sandbox: as root some of these work. It refuses.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/sched.h>

#include "lib/attr.h"
#include "lib/num.h"

static char how[256];
/* OWN_KERNEL is set: gVisor. It invents devices, /sys and much of /proc. */
static int own_kernel;
#define NOT_ASKED 2

/* Was that call refused? Says how it got through when it was not. */
static int refused(const char *what, long result)
{
	if (result < 0)
		return 1;
	(void)snprintf(how, sizeof(how), "%s gave %ld", what, result);
	return 0;
}

static int absent(const char *path, int flags)
{
	return refused(path, open(path, flags | O_CLOEXEC));
}

/* ---- vsock and other sockets --------------------------------------------- */

static int vsock_plain(void)
{
	return refused("socket", socket(AF_VSOCK, SOCK_STREAM, 0));
}

static int vsock_high_bits(void)
{
	return refused("socket", syscall(SYS_socket, (1L << 32) | AF_VSOCK, SOCK_STREAM, 0));
}

static int vsock_datagram(void)
{
	return refused("socket", socket(AF_VSOCK, SOCK_DGRAM, 0)) &&
	       refused("socketpair", socketpair(AF_VSOCK, SOCK_STREAM, 0, (int[2]){0}));
}

#if defined(__x86_64__)
static long int80(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(nr), "b"(a), "c"(b), "d"(c)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}

/* gVisor takes int 0x80 for a 64-bit call and answers with another's result. */
static int no_vsock(const char *what, long fd)
{
	int domain = 0;
	socklen_t len = sizeof(domain);

	return fd < 0 || getsockopt((int)fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0 ||
	       domain != AF_VSOCK || refused(what, fd);
}

static int vsock_int80_socketcall(void)
{
	/* socketcall reads its arguments through a 32-bit pointer */
	unsigned int *args = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (args == MAP_FAILED)
		return 0;
	args[0] = AF_VSOCK;
	args[1] = SOCK_STREAM;
	return no_vsock("socketcall", int80(102, 1, (long)args, 0));
}

static int vsock_int80_socket(void)
{
	return no_vsock("int 0x80", int80(359, AF_VSOCK, SOCK_STREAM, 0));
}

static int vsock_x32(void)
{
	return no_vsock("x32", syscall(0x40000000L | SYS_socket, AF_VSOCK, SOCK_STREAM, 0));
}
#endif

static int vsock_io_uring(void)
{
	char params[256] = {0};

	return refused("io_uring_setup", syscall(SYS_io_uring_setup, 4, params));
}

static int packet_socket(void)
{
	return refused("AF_PACKET", socket(AF_PACKET, SOCK_RAW, 0)) &&
	       refused("raw", socket(AF_INET, SOCK_RAW, 255)) &&
	       refused("raw 6", socket(AF_INET6, SOCK_RAW, 255)) &&
	       refused("AF_ALG", socket(AF_ALG, SOCK_SEQPACKET, 0));
}

static int netlink_other(void)
{
	return refused("audit", socket(AF_NETLINK, SOCK_RAW, 9)) &&
	       refused("uevent", socket(AF_NETLINK, SOCK_RAW, 15)) &&
	       refused("netfilter", socket(AF_NETLINK, SOCK_RAW, 12));
}

/* ---- devices and file systems -------------------------------------------- */

static int dev_nsm(void)
{
	return absent("/dev/nsm", O_RDWR) && absent("/dev/vsock", O_RDONLY) &&
	       absent("/dev/vhost-vsock", O_RDONLY) && absent("/dev/kvm", O_RDWR);
}

static int dev_host(void)
{
	return absent("/dev/mem", O_RDONLY) && absent("/dev/kmsg", O_RDONLY) &&
	       absent("/dev/loop-control", O_RDWR) && absent("/dev/userfaultfd", O_RDWR) &&
	       absent("/dev/vda", O_RDONLY) && absent("/dev/sda", O_RDONLY) &&
	       (own_kernel || (absent("/dev/fuse", O_RDWR) && absent("/dev/net/tun", O_RDWR)));
}

static int make_device(void)
{
	return refused("mknod /tmp", mknod("/tmp/null", S_IFCHR | 0666, 0x103)) &&
	       refused("mknod /build", mknod("/build/vda", S_IFBLK | 0666, 0xfe00)) &&
	       refused("mknodat", syscall(SYS_mknodat, AT_FDCWD, "/home/build/m",
					  S_IFCHR | 0666, 0x101));
}

static int mounts(void)
{
	return refused("tmpfs", mount("none", "/tmp", "tmpfs", 0, NULL)) &&
	       refused("bind", mount("/build", "/tmp", NULL, MS_BIND, NULL)) &&
	       refused("remount", mount(NULL, "/usr", NULL, MS_REMOUNT | MS_BIND, NULL)) &&
	       refused("umount", umount2("/proc", MNT_DETACH));
}

static int mounts_new_way(void)
{
	return refused("fsopen", fsopen("tmpfs", 0)) &&
	       refused("open_tree", open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE)) &&
	       refused("move_mount", move_mount(0, "", 0, "", MOVE_MOUNT_F_EMPTY_PATH)) &&
	       refused("mount_setattr", syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, how, 32));
}

static int roots(void)
{
	return refused("chroot", chroot("/tmp")) &&
	       refused("pivot_root", syscall(SYS_pivot_root, "/tmp", "/tmp"));
}

static int by_handle(void)
{
	struct file_handle *h = (struct file_handle *)how;

	return refused("open_by_handle_at", syscall(SYS_open_by_handle_at, 0, h, 0)) &&
	       refused("name_to_handle_at",
		       syscall(SYS_name_to_handle_at, AT_FDCWD, "/", h, how, 0));
}

static int write_outside(void)
{
	return refused("/", open("/x", O_CREAT | O_WRONLY, 0600)) &&
	       refused("/usr", open("/usr/x", O_CREAT | O_WRONLY, 0600)) &&
	       refused("/etc/passwd", open("/etc/passwd", O_WRONLY)) &&
	       refused("/bin/sh", open("/bin/sh", O_WRONLY)) &&
	       refused("chmod /usr", chmod("/usr", 0777)) &&
	       refused("rename /etc", rename("/etc", "/tmp/etc")) &&
	       refused("mkdir /run/x", mkdir("/run/x", 0700));
}

/* Every mount is without set-uid and devices, and only ours can be written. */
static int mount_flags(void)
{
	static const char *const writable[] = {"/build", "/tmp", "/var/tmp", "/home", "/dev/shm",
					       "/dev", "/proc"};
	FILE *f = fopen("/proc/self/mounts", "re");
	char point[PATH_MAX], line[PATH_MAX * 2];
	int good = f != NULL;

	while (good && !own_kernel && fgets(line, sizeof(line), f)) {
		int may = 0, node;
		struct statvfs st;

		if (sscanf(line, "%*s %4095s", point) != 1 || statvfs(point, &st) != 0)
			continue;
		for (size_t i = 0; i < HM_ARRAY_LEN(writable); i++)
			may |= strcmp(point, writable[i]) == 0;
		/* /dev/null and its like, and what masks files of /proc with it */
		node = strncmp(point, "/dev/", 5) == 0 || strncmp(point, "/proc/", 6) == 0;
		if (!(st.f_flag & ST_RDONLY) && !may && !node)
			good = 0;
		if (!(st.f_flag & ST_NOSUID) && !node)
			good = 0;
		if (!(st.f_flag & ST_NODEV) && !node && strcmp(point, "/dev") != 0)
			good = 0;
		if (!good)
			(void)snprintf(how, sizeof(how), "%.200s: flags %lx", point, st.f_flag);
	}
	if (f)
		(void)fclose(f);
	return own_kernel ? NOT_ASKED : good;
}

/* What a host has and a sandbox has not. */
static int host_files(void)
{
	static const char *const names[] = {
		"/etc/shadow", "/etc/ssh", "/etc/machine-id", "/etc/ssl/private", "/etc/fstab",
		"/etc/sudoers", "/etc/docker", "/etc/gitconfig", "/root/.ssh", "/root/.bashrc",
		"/var/lib/dpkg", "/var/log/syslog", "/run/docker.sock", "/run/systemd",
		"/boot/grub", "/.hallmark", "/.hallmark-probe", "/sys/kernel", "/proc/1/root/.hallmark",
	};
	struct dirent *e;
	DIR *home = opendir("/home");
	int good = home != NULL;

	for (size_t i = 0; i < HM_ARRAY_LEN(names); i++) {
		if (own_kernel && strncmp(names[i], "/sys/", 5) == 0)
			continue;
		if (access(names[i], F_OK) == 0) {
			(void)snprintf(how, sizeof(how), "%s is there", names[i]);
			good = 0;
		}
	}
	while (good && (e = readdir(home)) != NULL) {
		if (e->d_name[0] != '.' && strcmp(e->d_name, "build") != 0) {
			(void)snprintf(how, sizeof(how), "/home/%.100s", e->d_name);
			good = 0;
		}
	}
	if (home)
		(void)closedir(home);
	return good;
}

static int set_uid_file(void)
{
	static const char path[] = "/build/set-uid";
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0700);
	struct statvfs st;

	/* The bit may be set; what counts is that this file system ignores it. */
	if (fd < 0 || fchmod(fd, 06755) != 0 || statvfs(path, &st) != 0 || close(fd) != 0)
		return 0;
	(void)unlink(path);
	(void)snprintf(how, sizeof(how), "set-uid works on /build");
	if (own_kernel)
		return NOT_ASKED;
	return (st.f_flag & ST_NOSUID) != 0;
}

/* ---- processes ------------------------------------------------------------ */

static int ptrace_any(void)
{
	return refused("TRACEME", ptrace(PTRACE_TRACEME, 0, NULL, NULL)) &&
	       refused("SEIZE", ptrace(PTRACE_SEIZE, getppid(), NULL, NULL)) &&
	       refused("ATTACH 1", ptrace(PTRACE_ATTACH, 1, NULL, NULL));
}

static int foreign_memory(void)
{
	char data[8];
	struct iovec v = {data, sizeof(data)};

	return refused("process_vm_readv", process_vm_readv(getppid(), &v, 1, &v, 1, 0)) &&
	       refused("process_vm_writev", process_vm_writev(getppid(), &v, 1, &v, 1, 0)) &&
	       refused("pidfd_getfd", syscall(SYS_pidfd_getfd, 0, 0, 0)) &&
	       refused("kcmp", syscall(SYS_kcmp, 1, getpid(), 0, 0, 0));
}

/* pid 1 is the command's own shell, as weak as we are, and nobody else is there. */
static int proc_one(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	char root[64] = "";
	int good = proc != NULL;
	char exe[64];

	while (good && (e = readdir(proc)) != NULL) {
		unsigned int uid = 0;
		char path[300], line[256];
		FILE *f;

		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%s/status", e->d_name);
		f = fopen(path, "re");
		while (f && fgets(line, sizeof(line), f))
			(void)sscanf(line, "Uid: %u", &uid);
		if (f)
			(void)fclose(f);
		if (f && uid != getuid()) {
			(void)snprintf(how, sizeof(how), "process %.20s of uid %u", e->d_name, uid);
			good = 0;
		}
	}
	if (proc)
		(void)closedir(proc);
	(void)!readlink("/proc/1/exe", exe, sizeof(exe));
	(void)!readlink("/proc/1/root", root, sizeof(root) - 1);
	if (good && strcmp(root, "/") != 0 && root[0] != 0) {
		(void)snprintf(how, sizeof(how), "/proc/1/root is %s", root);
		good = 0;
	}
	return good;
}

static int other_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;
	int good = dir != NULL;

	while (good && (e = readdir(dir)) != NULL) {
		char path[300], target[128] = "";

		if (e->d_name[0] == '.' || (e->d_name[1] == 0 && e->d_name[0] <= '2'))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%s", e->d_name);
		(void)!readlink(path, target, sizeof(target) - 1);
		if (strncmp(target, "/proc/", 6) == 0)
			continue;	/* the one we list with */
		(void)snprintf(how, sizeof(how), "fd %.10s is %s", e->d_name, target);
		good = 0;
	}
	if (dir)
		(void)closedir(dir);
	return good;
}

static int identity(void)
{
	return refused("setgroups", syscall(SYS_setgroups, 1, &(gid_t){0})) &&
	       refused("setresuid", setresuid(65533, 65533, 65533)) &&
	       refused("settimeofday", settimeofday(&(struct timeval){0}, NULL)) &&
	       refused("sethostname", sethostname("x", 1)) &&
	       refused("reboot", syscall(SYS_reboot, 0, 0, 0, 0)) &&
	       (own_kernel || refused("nice", setpriority(PRIO_PROCESS, 0, -5)));
}

/* After noNewPrivileges and an empty bounding set nothing brings one back. */
static int capabilities(void)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");
	int good = f != NULL;

	while (good && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "Cap", 3) == 0 && !strstr(line, "\t0000000000000000"))
			good = 0;
		if (strncmp(line, "NoNewPrivs:", 11) == 0 && !strstr(line, "\t1"))
			good = 0;
		if (strncmp(line, "Seccomp:", 8) == 0 && !strstr(line, "\t2"))
			good = 0;
		if (!good)
			(void)snprintf(how, sizeof(how), "%.*s", (int)strcspn(line, "\n"), line);
	}
	if (f)
		(void)fclose(f);
	return good && refused("no_new_privs 0", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0)) &&
	       refused("seccomp off", prctl(PR_SET_SECCOMP, 0, 0, 0, 0)) &&
	       refused("keep caps", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 0, 0, 0));
}

static int namespaces(void)
{
	static const int kinds[] = {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET,
				    CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP};
	struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
	int ns = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);
	long pid;

	for (size_t i = 0; i < HM_ARRAY_LEN(kinds); i++) {
		if (!refused("unshare", unshare(kinds[i])))
			return 0;
		pid = syscall(SYS_clone, kinds[i] | SIGCHLD, 0, 0, 0, 0);
		if (pid == 0)
			_exit(0);
		if (!refused("clone", pid))
			return 0;
	}
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		_exit(0);
	return refused("clone3", pid) && refused("setns", setns(ns >= 0 ? ns : 0, 0));
}

static int keys(void)
{
	return refused("keyctl", syscall(SYS_keyctl, 0, -3, 1, 0, 0)) &&
	       refused("add_key", syscall(SYS_add_key, "user", "x", "y", 1, -3)) &&
	       refused("request_key", syscall(SYS_request_key, "user", "x", NULL, -3));
}

static int kernel_calls(void)
{
	return refused("bpf", syscall(SYS_bpf, 0, how, 72)) &&
	       refused("userfaultfd", syscall(SYS_userfaultfd, 1)) &&
	       refused("perf_event_open", syscall(SYS_perf_event_open, how, 0, -1, -1, 0)) &&
	       refused("fanotify", syscall(SYS_fanotify_init, 0, 0)) &&
	       refused("init_module", syscall(SYS_init_module, how, 8, "")) &&
	       refused("finit_module", syscall(SYS_finit_module, 0, "", 0)) &&
	       refused("kexec_load", syscall(SYS_kexec_load, 0, 0, NULL, 0)) &&
	       refused("swapon", syscall(SYS_swapon, "/tmp", 0)) &&
	       refused("syslog", syscall(SYS_syslog, 3, how, 8)) &&
	       refused("acct", syscall(SYS_acct, "/tmp/acct")) &&
	       refused("quotactl", syscall(SYS_quotactl, 0, "", 0, how)) &&
	       refused("READ_IMPLIES_EXEC", personality(READ_IMPLIES_EXEC));
}

static int proc_writes(void)
{
	static const char *const files[] = {
		"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname",
		"/proc/sys/kernel/ns_last_pid", "/proc/sys/vm/drop_caches",
		"/proc/sys/net/ipv4/ip_forward", "/proc/sysrq-trigger",
		"/proc/self/uid_map", "/proc/irq/default_smp_affinity", "/proc/self/setgroups",
	};

	for (size_t i = 0; i < HM_ARRAY_LEN(files); i++) {
		int fd = open(files[i], O_WRONLY | O_CLOEXEC);

		if (fd >= 0 && write(fd, "1", 1) == 1) {
			(void)snprintf(how, sizeof(how), "wrote %s", files[i]);
			return 0;
		}
		if (fd >= 0)
			(void)close(fd);
	}
	return 1;
}

/* Masked: there and empty, or not there. */
static int proc_reads(void)
{
	static const char *const files[] = {"/proc/kcore", "/proc/kallsyms", "/proc/cmdline",
					    "/proc/keys", "/proc/modules", "/proc/interrupts",
					    "/proc/timer_list", "/proc/config.gz"};
	char byte;

	if (own_kernel)
		return NOT_ASKED;
	for (size_t i = 0; i < HM_ARRAY_LEN(files); i++) {
		int fd = open(files[i], O_RDONLY | O_CLOEXEC);

		if (fd >= 0 && read(fd, &byte, 1) == 1) {
			(void)snprintf(how, sizeof(how), "read %s", files[i]);
			return 0;
		}
		if (fd >= 0)
			(void)close(fd);
	}
	return 1;
}

static int cgroup_escape(void)
{
	if (own_kernel)
		return NOT_ASKED;
	return absent("/sys/fs/cgroup", O_RDONLY) && absent("/sys/fs/cgroup/cgroup.procs", O_WRONLY) &&
	       refused("mount cgroup2", mount("none", "/tmp", "cgroup2", 0, NULL));
}

/* No terminal on 0..2, none to get; so nothing to push into (CVE-2017-5226). */
static int terminal(void)
{
	char c = '\n';

	for (int fd = 0; fd < 3; fd++) {
		if (isatty(fd) || !refused("TIOCSTI", ioctl(fd, TIOCSTI, &c)) ||
		    !refused("TIOCSCTTY", ioctl(fd, TIOCSCTTY, 1)))
			return 0;
	}
	return absent("/dev/tty", O_RDWR) && absent("/dev/console", O_RDWR) &&
	       absent("/dev/pts/0", O_RDWR) && absent("/dev/tty1", O_RDWR) &&
	       (own_kernel || absent("/dev/ptmx", O_RDWR));
}

static int more_than_given(void)
{
	struct rlimit r = {0};

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return 0;
	r.rlim_cur = r.rlim_max = r.rlim_max + 1;
	if (!refused("RLIMIT_NOFILE", setrlimit(RLIMIT_NOFILE, &r)))
		return 0;
	r.rlim_cur = r.rlim_max = 4096;
	return refused("RLIMIT_CORE", setrlimit(RLIMIT_CORE, &r)) &&
	       refused("SCHED_FIFO", sched_setscheduler(0, SCHED_FIFO,
							&(struct sched_param){.sched_priority = 1}));
}

/* Only "lo"; and no abstract socket of the host, which live in its namespace. */
static int network_none(void)
{
	char line[512], name[64];
	FILE *f = fopen("/proc/net/dev", "re");
	int good = f != NULL;

	while (good && fgets(line, sizeof(line), f)) {
		if (strchr(line, ':') && sscanf(line, " %63[^:]", name) == 1 &&
		    strcmp(name, "lo") != 0) {
			(void)snprintf(how, sizeof(how), "interface %s", name);
			good = 0;
		}
	}
	if (f)
		(void)fclose(f);
	f = good ? fopen("/proc/net/unix", "re") : NULL;
	while (f && good && fgets(line, sizeof(line), f)) {
		if (strchr(line, '@')) {
			(void)snprintf(how, sizeof(how), "%.*s", (int)strcspn(line, "\n"), line);
			good = 0;
		}
	}
	if (f)
		(void)fclose(f);
	return good;
}

static const struct {
	const char *name;
	int (*try)(void);
} ways[] = {
	{"vsock-plain", vsock_plain},
	{"vsock-high-bits", vsock_high_bits},
	{"vsock-other-types", vsock_datagram},
#if defined(__x86_64__)
	{"vsock-int80-socketcall", vsock_int80_socketcall},
	{"vsock-int80-socket", vsock_int80_socket},
	{"vsock-x32", vsock_x32},
#endif
	{"vsock-io-uring", vsock_io_uring},
	{"packet-and-raw-sockets", packet_socket},
	{"netlink-beside-routes", netlink_other},
	{"dev-nsm", dev_nsm},
	{"dev-of-the-host", dev_host},
	{"mknod", make_device},
	{"mount", mounts},
	{"mount-api", mounts_new_way},
	{"chroot-pivot_root", roots},
	{"open_by_handle_at", by_handle},
	{"write-outside-build", write_outside},
	{"mount-flags", mount_flags},
	{"files-of-the-host", host_files},
	{"set-uid-file", set_uid_file},
	{"ptrace", ptrace_any},
	{"process_vm_readv", foreign_memory},
	{"proc-1", proc_one},
	{"file-descriptors", other_fds},
	{"identity", identity},
	{"capabilities", capabilities},
	{"namespaces", namespaces},
	{"keyctl", keys},
	{"kernel-calls", kernel_calls},
	{"proc-writes", proc_writes},
	{"proc-reads", proc_reads},
	{"cgroup-escape", cgroup_escape},
	{"terminal-push-back", terminal},
	{"more-than-given", more_than_given},
	{"network-none", network_none},
};

/* In a child, since some ways are closed by SIGSYS. */
static int try_one(size_t i)
{
	int status = 0;
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		int closed = ways[i].try();

		if (closed)
			_exit(closed == NOT_ASKED ? NOT_ASKED : 0);
		(void)printf("OPEN %s (%s)\n", ways[i].name, how);
		(void)fflush(stdout);
		_exit(1);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		(void)printf("OPEN %s (cannot try: %s)\n", ways[i].name, strerror(errno));
		return 1;
	}
	/* A crash is not a refusal; SIGSYS is. */
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGSYS) {
		(void)printf("OPEN %s (died of signal %d)\n", ways[i].name, WTERMSIG(status));
		return 1;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_ASKED) {
		(void)printf("virtual %s\n", ways[i].name);
		return 0;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		return 1;
	(void)printf("closed %s\n", ways[i].name);
	return 0;
}

static int try_all(int argc, char **argv)
{
	int failed = 0;

	char name[64] = "";

	/* As root of a host some of these work, and then the host has them. */
	if (access("/home/build", F_OK) != 0 || access("/etc/shadow", F_OK) == 0 ||
	    gethostname(name, sizeof(name) - 1) != 0 || strcmp(name, "build") != 0) {
		(void)fprintf(stderr, "escape: this is not a sandbox\n");
		return 2;
	}
	for (size_t i = 0; i < HM_ARRAY_LEN(ways); i++) {
		for (int a = 0; a < argc; a++) {
			if (strcmp(argv[a], ways[i].name) == 0 || strcmp(argv[a], "all") == 0)
				failed |= try_one(i);
		}
	}
	return failed;
}

/* Forks until it is stopped; the children wait for a pipe to close. */
static int eat_pids(int most)
{
	int gate[2], count = 0;

	if (pipe2(gate, O_CLOEXEC) != 0)
		return 2;
	while (count < most) {
		pid_t pid = fork();

		if (pid < 0)
			break;
		if (pid == 0) {
			char c;

			(void)close(gate[1]);
			_exit((int)read(gate[0], &c, 1) + 1);
		}
		count++;
	}
	(void)printf("lived %d\n", count);
	(void)close(gate[1]);
	while (wait(NULL) > 0)
		;
	return 0;
}

static int eat_memory(size_t mib, int anonymous_file)
{
	enum { STEP = 4 };
	size_t done;

	for (done = 0; done < mib; done += STEP) {
		char *p;
		int fd = -1;

		if (anonymous_file) {
			fd = memfd_create("x", MFD_CLOEXEC);
			if (fd < 0 || ftruncate(fd, STEP << 20) != 0)
				break;
		}
		p = mmap(NULL, STEP << 20, PROT_READ | PROT_WRITE,
			 fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
		if (p == MAP_FAILED)
			break;
		for (size_t at = 0; at < (size_t)STEP << 20; at += 4096)
			p[at] = 1;
		(void)usleep(2000);
	}
	(void)printf("took %zu MiB\n", done);
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t mib;

	if (argc >= 2 && strcmp(argv[1], "list") == 0) {
		for (size_t i = 0; i < HM_ARRAY_LEN(ways); i++)
			(void)puts(ways[i].name);
		return 0;
	}
	own_kernel = getenv("OWN_KERNEL") != NULL;
	if (argc >= 3 && strcmp(argv[1], "try") == 0)
		return try_all(argc - 2, argv + 2);
	if (argc == 2 && strcmp(argv[1], "pids") == 0)
		return eat_pids(5000);
	if (argc == 3 && hm_parse_u64(hm_slice_str(argv[2]), 1U << 20, &mib)) {
		if (strcmp(argv[1], "memory") == 0)
			return eat_memory(mib, 0);
		if (strcmp(argv[1], "memfd") == 0)
			return eat_memory(mib, 1);
	}
	(void)fprintf(stderr, "usage: escape list | try NAME... | pids | memory MIB | memfd MIB\n");
	return 2;
}
