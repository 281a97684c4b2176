/*
 * The self-test inside the sandbox: runs where the build will run, under the
 * very same configuration, before it, and tries every door that must be closed.
 *
 * Freestanding: no libc, system calls only, static. So it runs in any image,
 * says what the kernel does rather than what a library makes of it, and can make
 * the calls that libraries hide (int 0x80, x32, families over 32 bits).
 * Anything that may kill it is tried in a child.
 */
#include "enclave-worker/probe/probe.h"

#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/stat.h>
#include <linux/unistd.h>

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16
#define AF_VSOCK 40
#define AF_LAST 63
#define SOCK_STREAM 1
#define SOCK_RAW 3
#define SOL_SOCKET 1
#define SO_DOMAIN 39
#define SIGCHLD 17
#define TCGETS 0x5401
#define PTRACE_TRACEME 0
#define STATFS_RDONLY 1

static unsigned int checks, open_doors;

static long call6(long nr, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall" : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
#else
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0" : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
#endif
}

#define SYS(nr, ...) SYS_(nr, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define SYS_(nr, a, b, c, d, e, f, ...)                                        \
	call6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static unsigned long length(const char *s)
{
	unsigned long n = 0;

	while (s[n])
		n++;
	return n;
}

static int equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static void say(const char *s)
{
	(void)SYS(__NR_write, 1, s, length(s));
}

static void check(const char *door, int is_open)
{
	checks++;
	if (!is_open)
		return;
	open_doors++;
	say(HM_PROBE_OPEN);
	say(door);
	say("\n");
}

/* A call that must fail, whatever the reason. */
static void must_fail(const char *door, long result)
{
	check(door, result >= 0);
}

/*
 * Runs try() in a child: open only when it comes back and says so. Killed
 * (SIGSYS) is closed.
 */
static void must_fail_or_die(const char *door, long (*try)(void))
{
	int status = 0;
	long pid = SYS(__NR_clone, SIGCHLD, 0);

	if (pid == 0)
		(void)SYS(__NR_exit_group, try() >= 0 ? 42 : 0);
	/* Not even a child: then nothing is proved, which counts as open. */
	if (pid < 0 || SYS(__NR_wait4, pid, &status, 0, 0) != pid) {
		check(door, 1);
		return;
	}
	check(door, status == 42 << 8);
}

static long try_high_family(void)
{
	return SYS(__NR_socket, (1L << 32) | AF_VSOCK, SOCK_STREAM, 0);
}

#if defined(__x86_64__)
/* Arguments of socketcall are read through a 32-bit pointer: static, not PIE. */
static unsigned int socketcall_args[3] = {AF_VSOCK, SOCK_STREAM, 0};

/*
 * A number is not enough: a kernel that takes int 0x80 for a 64-bit call (gVisor)
 * answers with something else's result.
 */
static long only_vsock(long fd)
{
	int domain = 0;
	unsigned int len = sizeof(domain);

	if (fd < 0 || SYS(__NR_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0)
		return -1;
	return domain == AF_VSOCK ? fd : -1;
}

static long int80(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(nr), "b"(a), "c"(b), "d"(c)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}

static long try_socketcall(void)
{
	return only_vsock(int80(102, 1, (long)socketcall_args, 0));
}

static long try_int80_socket(void)
{
	return only_vsock(int80(359, AF_VSOCK, SOCK_STREAM, 0));
}

static long try_x32(void)
{
	return only_vsock(SYS(0x40000000L | __NR_socket, AF_VSOCK, SOCK_STREAM, 0));
}
#endif

static long try_clone_user(void)
{
	long pid = SYS(__NR_clone, CLONE_NEWUSER | SIGCHLD, 0);

	if (pid == 0)
		(void)SYS(__NR_exit_group, 0);
	return pid;
}

static long try_clone3_user(void)
{
	static struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
	long pid = SYS(__NR_clone3, &args, sizeof(args));

	if (pid == 0)
		(void)SYS(__NR_exit_group, 0);
	return pid;
}

static long open_file(const char *path, long flags)
{
	return SYS(__NR_openat, AT_FDCWD, path, flags, 0600);
}

static void check_sockets(void)
{
	static char ring[256];

	must_fail("AF_VSOCK", SYS(__NR_socket, AF_VSOCK, SOCK_STREAM, 0));
	must_fail_or_die("AF_VSOCK behind high bits", try_high_family);
#if defined(__x86_64__)
	must_fail_or_die("AF_VSOCK through 32-bit socketcall", try_socketcall);
	must_fail_or_die("AF_VSOCK through 32-bit socket", try_int80_socket);
	must_fail_or_die("AF_VSOCK through x32", try_x32);
#endif
	must_fail("io_uring", SYS(__NR_io_uring_setup, 1, ring));
	for (long family = 0; family <= AF_LAST; family++) {
		if (family == AF_UNIX || family == AF_INET || family == AF_INET6 ||
		    family == AF_NETLINK)
			continue;
		for (long type = 1; type <= 5; type++) {
			if (SYS(__NR_socket, family, type, 0) >= 0) {
				check("a socket of another family", 1);
				return;
			}
		}
	}
	check("a socket of another family", 0);
	must_fail("netlink beside routes", SYS(__NR_socket, AF_NETLINK, SOCK_RAW, 16));
	must_fail("raw socket", SYS(__NR_socket, AF_INET, SOCK_RAW, 255));
}

static void check_devices(void)
{
	must_fail("/dev/nsm", open_file("/dev/nsm", O_RDWR));
	must_fail("/dev/vsock", open_file("/dev/vsock", O_RDONLY));
	must_fail("/dev/vhost-vsock", open_file("/dev/vhost-vsock", O_RDWR));
	must_fail("/dev/kvm", open_file("/dev/kvm", O_RDWR));
	must_fail("/dev/mem", open_file("/dev/mem", O_RDONLY));
	must_fail("/dev/kmsg", open_file("/dev/kmsg", O_RDONLY));
	must_fail("mknod", SYS(__NR_mknodat, AT_FDCWD, "/tmp/.probe", S_IFCHR | 0600, 0x103));
	must_fail("a controlling terminal", open_file("/dev/tty", O_RDWR));
	check("a terminal on 0, 1 or 2", SYS(__NR_ioctl, 0, TCGETS, (char[256]){0}) >= 0 ||
	      SYS(__NR_ioctl, 1, TCGETS, (char[256]){0}) >= 0 ||
	      SYS(__NR_ioctl, 2, TCGETS, (char[256]){0}) >= 0);
}

static void check_calls(void)
{
	static char area[256];

	must_fail("mount", SYS(__NR_mount, "none", "/tmp", "tmpfs", 0, 0));
	must_fail("unshare user", SYS(__NR_unshare, CLONE_NEWUSER));
	must_fail_or_die("clone user", try_clone_user);
	must_fail_or_die("clone3 user", try_clone3_user);
	must_fail("setns", SYS(__NR_setns, 0, 0));
	must_fail("ptrace", SYS(__NR_ptrace, PTRACE_TRACEME, 0, 0, 0));
	must_fail("process_vm_readv", SYS(__NR_process_vm_readv, 1, area, 0, area, 0, 0));
	must_fail("pidfd_getfd", SYS(__NR_pidfd_getfd, 0, 0, 0));
	must_fail("keyctl", SYS(__NR_keyctl, 0, -3, 1));
	must_fail("add_key", SYS(__NR_add_key, "user", "probe", area, 1, -3));
	must_fail("bpf", SYS(__NR_bpf, 0, area, 72));
	must_fail("perf_event_open", SYS(__NR_perf_event_open, area, 0, -1, -1, 0));
	must_fail("userfaultfd", SYS(__NR_userfaultfd, 1));
	must_fail("open_by_handle_at", SYS(__NR_open_by_handle_at, 0, area, 0));
}

/* Of every set, bounding and ambient too. */
static int has_capability(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};

	if (SYS(__NR_capget, &head, data) < 0)
		return 1;
	for (int i = 0; i < 2; i++) {
		if (data[i].effective | data[i].permitted | data[i].inheritable)
			return 1;
	}
	for (long cap = 0; cap < 64; cap++) {
		if (SYS(__NR_prctl, PR_CAPBSET_READ, cap) == 1 ||
		    SYS(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) == 1)
			return 1;
	}
	return 0;
}

struct dirent64 {
	unsigned long long ino;
	long long off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

/* Exactly 0, 1, 2, and the one we list with. */
static int has_other_fds(void)
{
	static char data[4096] __attribute__((aligned(8)));
	long fd = open_file("/proc/self/fd", O_RDONLY | O_DIRECTORY);
	unsigned int seen = 0;

	if (fd != 3)
		return 1;
	for (;;) {
		long n = SYS(__NR_getdents64, fd, data, sizeof(data));

		if (n < 0)
			return 1;
		if (n == 0)
			break;
		for (long at = 0; at < n;) {
			const struct dirent64 *e = (const void *)(data + at);

			if (e->name[0] != '.') {
				if (e->name[0] < '0' || e->name[0] > '3' || e->name[1] != 0)
					return 1;
				seen++;
			}
			at += e->reclen;
		}
	}
	(void)SYS(__NR_close, fd);
	return seen != 4;
}

static int is_writable(const char *path, int own_kernel)
{
	/* struct statfs is 120 bytes on 64-bit machines; f_flags is word 10. */
	static long words[32];

	if (own_kernel)
		return SYS(__NR_utimensat, AT_FDCWD, path, 0, 0) >= 0;
	return SYS(__NR_statfs, path, words) < 0 || !(words[10] & STATFS_RDONLY);
}

/* /proc/net/dev: a line per interface, "name:" after blanks. */
static int has_interface(void)
{
	static char text[4096];
	long fd = open_file("/proc/net/dev", O_RDONLY);
	long n = fd < 0 ? -1 : SYS(__NR_read, fd, text, sizeof(text) - 1);
	long start = 0;

	(void)SYS(__NR_close, fd);
	if (n <= 0)
		return 1;
	for (long i = 0; i < n; i++) {
		if (text[i] == '\n')
			start = i + 1;
		if (text[i] != ':')
			continue;
		while (text[start] == ' ')
			start++;
		if (i - start != 2 || text[start] != 'l' || text[start + 1] != 'o')
			return 1;
	}
	return 0;
}

static void check_state(int loopback, int own_kernel)
{
	check("a file descriptor beside 0, 1, 2", has_other_fds());
	check("new privileges", SYS(__NR_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1);
	check("no seccomp filter", SYS(__NR_prctl, PR_GET_SECCOMP, 0, 0, 0, 0) != 2);
	check("root is writable", is_writable("/", own_kernel));
	check("/usr is writable", is_writable("/usr", own_kernel));
	must_fail("/sys", own_kernel ? open_file("/sys/probe", O_RDWR | O_CREAT) :
				       open_file("/sys/kernel", O_RDONLY));
	must_fail("/proc/sys", open_file("/proc/sys/kernel/core_pattern", O_WRONLY));
	must_fail("/proc/sysrq-trigger", open_file("/proc/sysrq-trigger", O_WRONLY));
	check("a network interface", loopback && has_interface());
}

static void say_number(unsigned int n)
{
	char text[12];
	unsigned int at = sizeof(text);

	text[--at] = 0;
	do {
		text[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	say(text + at);
}

void start(const long *stack);

/* stack: argc, argv..., as the kernel leaves it. */
void start(const long *stack)
{
	const char *const *argv = (const char *const *)(stack + 1);

	/*
	 * Outside a sandbox nothing may be tried: as root the doors are open, and
	 * trying them mounts and makes things. The build is process 1 of its own
	 * namespace and has no id of root.
	 */
	check("not alone in its pid namespace", SYS(__NR_getpid, 0) != 1);
	check("a capability", has_capability());
	if (open_doors != 0)
		(void)SYS(__NR_exit_group, 1);
	check_state(stack[0] > 1 && equal(argv[1], HM_PROBE_LOOPBACK),
		    stack[0] > 2 && equal(argv[2], HM_PROBE_OWN_KERNEL));
	check_sockets();
	check_devices();
	check_calls();
	if (open_doors == 0) {
		say(HM_PROBE_CLOSED);
		say_number(checks);
		say("\n");
	}
	(void)SYS(__NR_exit_group, open_doors == 0 ? 0 : 1);
	for (;;)
		;
}

/* The compiler may call these for its own copies. */
void *memcpy(void *to, const void *from, unsigned long n);
void *memset(void *to, int c, unsigned long n);

void *memcpy(void *to, const void *from, unsigned long n)
{
	volatile char *t = to;
	const char *f = from;

	while (n-- > 0)
		*t++ = *f++;
	return to;
}

void *memset(void *to, int c, unsigned long n)
{
	volatile char *t = to;

	while (n-- > 0)
		*t++ = (char)c;
	return to;
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall start\n");
#else
__asm__(".globl _start\n_start:\n\tmov x0, sp\n\tbl start\n");
#endif
