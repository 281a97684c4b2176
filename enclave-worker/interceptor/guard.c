/*
 * Order matters: chroot, setgroups and the bounding set need capabilities, the
 * id change comes before the other sets are emptied, no_new_privs before the
 * filter.
 *
 * The filter is an allow-list over x86_64 (aarch64) only. What is not listed
 * fails with EPERM, so that a library's fallback works; what only an attacker
 * would call kills the process. There is no open, no socket, no exec, no fork:
 * new descriptors come from accept and from the session.
 */
#include "enclave-worker/interceptor/guard.h"

#include <grp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "lib/attr.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "no seccomp filter for this architecture"
#endif

#define LOAD(field)                                                            \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS,                                     \
		 (unsigned int)offsetof(struct seccomp_data, field))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))
/* If the loaded word equals v run the next instruction, else skip it. */
#define IF_EQUAL(v) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)(v), 0, 1)
#define ALLOW(name) IF_EQUAL(SYS_##name), RETURN(SECCOMP_RET_ALLOW)
#define KILL(name) IF_EQUAL(SYS_##name), RETURN(SECCOMP_RET_KILL_PROCESS)

static const struct sock_filter filter[] = {
	LOAD(arch),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
	RETURN(SECCOMP_RET_KILL_PROCESS),
	LOAD(nr),
	/* x32 calls carry bit 30 on the same arch value. */
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000U, 0, 1),
	RETURN(SECCOMP_RET_KILL_PROCESS),

	ALLOW(read), ALLOW(write), ALLOW(readv), ALLOW(writev), ALLOW(pread64),
	ALLOW(recvfrom), ALLOW(sendto), ALLOW(recvmsg), ALLOW(sendmsg),
	ALLOW(accept4), ALLOW(shutdown), ALLOW(getsockname),
	ALLOW(getsockopt), ALLOW(setsockopt), ALLOW(close),
	ALLOW(epoll_pwait), ALLOW(epoll_ctl), ALLOW(ppoll),
#ifdef SYS_epoll_wait
	ALLOW(epoll_wait), ALLOW(poll),
#endif
	ALLOW(fcntl), ALLOW(fstat), ALLOW(lseek), ALLOW(ftruncate),
	ALLOW(clock_gettime), ALLOW(gettimeofday), ALLOW(getrandom),
#ifdef SYS_time
	ALLOW(time),
#endif
	ALLOW(munmap), ALLOW(mremap), ALLOW(madvise), ALLOW(brk), ALLOW(futex),
	ALLOW(getpid), ALLOW(gettid), ALLOW(tgkill), ALLOW(rt_sigprocmask),
	ALLOW(rt_sigaction), ALLOW(rt_sigreturn), ALLOW(sigaltstack), ALLOW(restart_syscall),
	ALLOW(exit), ALLOW(exit_group),

	KILL(execve), KILL(execveat), KILL(ptrace), KILL(socket), KILL(connect),
	KILL(clone), KILL(clone3), KILL(bpf), KILL(mount), KILL(setns),
	KILL(unshare), KILL(process_vm_readv), KILL(process_vm_writev),

	/* Memory that is written is never executed. */
	IF_EQUAL(SYS_mmap), BPF_JUMP(BPF_JMP | BPF_JA, 3, 0, 0),
	IF_EQUAL(SYS_mprotect), BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0),
	RETURN(SECCOMP_RET_ERRNO | (EPERM & SECCOMP_RET_DATA)),
	LOAD(args[2]),
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
	RETURN(SECCOMP_RET_KILL_PROCESS),
	RETURN(SECCOMP_RET_ALLOW),
};

static int drop_ids(uid_t uid, gid_t gid, struct hm_err *err)
{
	uid_t r, e, s;

	if (uid == 0)
		return HM_OK;
	if (setgroups(0, NULL) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "setgroups");
	if (setresgid(gid, gid, gid) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "setgid %u", gid);
	if (setresuid(uid, uid, uid) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "setuid %u", uid);
	if (getresuid(&r, &e, &s) < 0 || r != uid || e != uid || s != uid ||
	    getgid() != gid || getegid() != gid)
		return hm_fail(err, HM_E_BUG, 0, "ids did not change");
	return HM_OK;
}

/* Takes CAP_SETPCAP, which the id change takes away. */
static int drop_bounding_set(struct hm_err *err)
{
	/* It ends at the kernel's last capability: EINVAL from there on. */
	for (unsigned long cap = 0; cap < 64; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EINVAL)
			return hm_fail(err, HM_E_SYSTEM, errno, "bounding set");
	return HM_OK;
}

static int drop_capabilities(struct hm_err *err)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "ambient set");
	if (syscall(SYS_capset, &head, data) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "capset");
	if (syscall(SYS_capget, &head, data) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "capget");
	for (size_t i = 0; i < HM_ARRAY_LEN(data); i++)
		if ((data[i].effective | data[i].permitted |
		     data[i].inheritable) != 0)
			return hm_fail(err, HM_E_BUG, 0, "capabilities stay");
	return HM_OK;
}

int hm_guard_enter(const char *empty_dir, uid_t uid, gid_t gid,
		   struct hm_err *err)
{
	const struct rlimit none = {0, 0};
	const struct sock_fprog prog = {
		.len = HM_ARRAY_LEN(filter),
		/* The kernel's type lacks const; it does not write. */
		.filter = (struct sock_filter *)(uintptr_t)filter,
	};

	if (chroot(empty_dir) < 0 || chdir("/") < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "chroot '%s'",
			       empty_dir);
	if (drop_bounding_set(err) != HM_OK ||
	    drop_ids(uid, gid, err) != HM_OK || drop_capabilities(err) != HM_OK)
		return err->code;
	if (setrlimit(RLIMIT_CORE, &none) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "no core dumps");
	/* Changing ids forgot it; the session's end of file is the other way. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "parent death signal");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return hm_fail(err, HM_E_SYSTEM, errno, "no_new_privs");
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "seccomp");
	return HM_OK;
}
