/*
 * What system calls a build may make.
 *
 * Why our own: with the usual container profiles a build reaches AF_VSOCK, and
 * through it the host, in two ways, and no namespace confines vsock.
 * - A rule "deny socket() when arg0 == AF_VSOCK" compares 64 bits where the
 *   kernel takes 32: (1 << 32) | AF_VSOCK passes. So families are allowed, by
 *   equality, and none is denied.
 * - With 32-bit x86 among the architectures, socketcall() hides the family in
 *   memory where no filter can look. So x86_64 (or aarch64) only: 32-bit
 *   programs die of SIGSYS, and so does the x32 ABI.
 * - io_uring makes sockets (and everything else) past the filter: absent.
 * ENOSYS rather than EPERM, because libcs and runtimes take it as "old kernel"
 * and fall back: clone3 (whose flags are in memory) becomes clone.
 */
#include "enclave-worker/seccomp.h"

#include <linux/netlink.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}: clone() without any of them. */
#define CLONE_NAMESPACES 0x7E020000

#if defined(__x86_64__)
#define ARCH "SCMP_ARCH_X86_64"
#elif defined(__aarch64__)
#define ARCH "SCMP_ARCH_AARCH64"
#else
#error "no seccomp list for this architecture"
#endif

/* One name per call; those an architecture lacks are skipped by the runtime. */
static const char *const always[] = {
	/* files */
	"access", "chdir", "chmod", "chown", "close", "close_range",
	"copy_file_range", "creat", "dup", "dup2", "dup3", "faccessat",
	"faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat",
	"fchmodat2", "fchown", "fchownat", "fcntl", "fdatasync", "fgetxattr",
	"flistxattr", "flock", "fremovexattr", "fsetxattr", "fstat", "fstatfs",
	"fsync", "ftruncate", "futimesat", "getcwd", "getdents", "getdents64",
	"getxattr", "inotify_add_watch", "inotify_init", "inotify_init1",
	"inotify_rm_watch", "ioctl", "lchown", "lgetxattr", "link", "linkat",
	"listxattr", "llistxattr", "lremovexattr", "lseek", "lsetxattr", "lstat",
	"mkdir", "mkdirat", "newfstatat", "open", "openat", "openat2", "pread64",
	"preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read",
	"readahead", "readlink", "readlinkat", "readv", "removexattr", "rename",
	"renameat", "renameat2", "rmdir", "sendfile", "setxattr", "splice",
	"stat", "statfs", "statx", "symlink", "symlinkat", "sync",
	"sync_file_range", "syncfs", "tee", "truncate", "umask", "unlink",
	"unlinkat", "utime", "utimensat", "utimes", "vmsplice", "write", "writev",
	/* memory */
	"brk", "cachestat", "get_mempolicy", "madvise", "membarrier",
	"memfd_create", "mincore", "mlock", "mlock2", "mlockall", "mmap",
	"mprotect", "mremap", "mseal", "msync", "munlock", "munlockall", "munmap",
	"pkey_alloc", "pkey_free", "pkey_mprotect", "remap_file_pages",
	/* processes, threads, ids (no capability: only what keeps them) */
	"arch_prctl", "capget", "capset", "execve", "execveat", "exit",
	"exit_group", "fork", "futex", "futex_requeue", "futex_wait",
	"futex_waitv", "futex_wake", "get_robust_list", "get_thread_area",
	"getcpu", "getegid", "geteuid", "getgid", "getgroups", "getpgid",
	"getpgrp", "getpid", "getppid", "getpriority", "getresgid", "getresuid",
	"getrlimit", "getrusage", "getsid", "gettid", "getuid", "ioprio_get",
	"ioprio_set", "kill", "pidfd_open", "pidfd_send_signal", "prctl",
	"prlimit64", "rseq", "sched_get_priority_max", "sched_get_priority_min",
	"sched_getaffinity", "sched_getattr", "sched_getparam",
	"sched_getscheduler", "sched_rr_get_interval", "sched_setaffinity",
	"sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield",
	"set_robust_list", "set_thread_area", "set_tid_address", "setfsgid",
	"setfsuid", "setgid", "setgroups", "setpgid", "setpriority", "setregid",
	"setresgid", "setresuid", "setreuid", "setrlimit", "setsid", "setuid",
	"tgkill", "tkill", "vfork", "wait4", "waitid",
	/* more filters and rules on oneself */
	"landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self",
	"seccomp",
	/* signals, time, waiting */
	"alarm", "clock_getres", "clock_gettime", "clock_nanosleep",
	"epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait",
	"epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "getitimer",
	"gettimeofday", "nanosleep", "pause", "poll", "ppoll", "pselect6",
	"restart_syscall", "rt_sigaction", "rt_sigpending", "rt_sigprocmask",
	"rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait",
	"rt_tgsigqueueinfo", "select", "setitimer", "sigaltstack", "signalfd",
	"signalfd4", "time", "timer_create", "timer_delete", "timer_getoverrun",
	"timer_gettime", "timer_settime", "timerfd_create", "timerfd_gettime",
	"timerfd_settime", "times",
	/* between processes: pipes, System V and POSIX (own ipc namespace) */
	"mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive",
	"mq_timedsend", "mq_unlink", "msgctl", "msgget", "msgrcv", "msgsnd",
	"pipe", "pipe2", "semctl", "semget", "semop", "semtimedop", "shmat",
	"shmctl", "shmdt", "shmget",
	/* sockets that exist (making one: below) */
	"accept", "accept4", "bind", "connect", "getpeername", "getsockname",
	"getsockopt", "listen", "recvfrom", "recvmmsg", "recvmsg", "sendmmsg",
	"sendmsg", "sendto", "setsockopt", "shutdown",
	/* the machine */
	"getrandom", "sysinfo", "uname",
};

struct arg {
	unsigned int index;
	const char *op;
	int64_t value;
	int64_t value_two;
};

/* Several rules for one name are alternatives; arguments of one rule are all. */
struct rule {
	const char *name;
	unsigned int count;
	struct arg args[2];
};

#define EQ(i, v) {.index = (i), .op = "SCMP_CMP_EQ", .value = (v)}
/* (argument & mask) == want */
#define MASKED(i, mask, want)                                                  \
	{.index = (i), .op = "SCMP_CMP_MASKED_EQ", .value = (mask), .value_two = (want)}

static const struct rule conditional[] = {
	{"socket", 1, {EQ(0, AF_UNIX)}},
	{"socket", 1, {EQ(0, AF_INET)}},
	{"socket", 1, {EQ(0, AF_INET6)}},
	/* getaddrinfo() and getifaddrs() ask for addresses and routes */
	{"socket", 2, {EQ(0, AF_NETLINK), EQ(2, NETLINK_ROUTE)}},
	{"socketpair", 1, {EQ(0, AF_UNIX)}},
	{"clone", 1, {MASKED(0, CLONE_NAMESPACES, 0)}},
	/* mkfifo(); a device needs a capability anyway */
	{"mknod", 1, {MASKED(1, S_IFMT, S_IFIFO)}},
	{"mknodat", 1, {MASKED(2, S_IFMT, S_IFIFO)}},
	/* default, setarch -R, and asking which */
	{"personality", 1, {EQ(0, 0)}},
	{"personality", 1, {EQ(0, ADDR_NO_RANDOMIZE)}},
	{"personality", 1, {EQ(0, 0xffffffff)}},
};

/* A constructor that fails leaves a mark that makes writing the whole fail. */
static struct hm_json *one_rule(const char *const *names, size_t count)
{
	struct hm_json *rule = hm_json_new_object();
	struct hm_json *list = hm_json_new_array();

	for (size_t i = 0; i < count; i++)
		(void)hm_json_append(list, hm_json_new_str(names[i]));
	(void)hm_json_set(rule, "names", list);
	(void)hm_json_set(rule, "action", hm_json_new_str("SCMP_ACT_ALLOW"));
	return rule;
}

static struct hm_json *arguments(const struct rule *r)
{
	struct hm_json *list = hm_json_new_array();

	for (unsigned int i = 0; i < r->count; i++) {
		const struct arg *a = &r->args[i];
		struct hm_json *arg = hm_json_new_object();

		(void)hm_json_set(arg, "index", hm_json_new_integer(a->index));
		(void)hm_json_set(arg, "value", hm_json_new_integer(a->value));
		(void)hm_json_set(arg, "valueTwo", hm_json_new_integer(a->value_two));
		(void)hm_json_set(arg, "op", hm_json_new_str(a->op));
		(void)hm_json_append(list, arg);
	}
	return list;
}

struct hm_json *hm_seccomp_new(void)
{
	struct hm_json *s = hm_json_new_object();
	struct hm_json *arches = hm_json_new_array();
	struct hm_json *rules = hm_json_new_array();

	(void)hm_json_append(arches, hm_json_new_str(ARCH));
	(void)hm_json_append(rules, one_rule(always, HM_ARRAY_LEN(always)));
	for (size_t i = 0; i < HM_ARRAY_LEN(conditional); i++) {
		struct hm_json *rule = one_rule(&conditional[i].name, 1);

		(void)hm_json_set(rule, "args", arguments(&conditional[i]));
		(void)hm_json_append(rules, rule);
	}
	(void)hm_json_set(s, "defaultAction", hm_json_new_str("SCMP_ACT_ERRNO"));
	(void)hm_json_set(s, "defaultErrnoRet", hm_json_new_integer(ENOSYS));
	(void)hm_json_set(s, "architectures", arches);
	(void)hm_json_set(s, "syscalls", rules);
	return s;
}
