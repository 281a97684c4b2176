/*
 * Step 3: the sandbox in which the untrusted build command runs: an OCI
 * container made by a runtime that we drive through its command line. Makes the
 * root, config.json, seccomp list, limits; checks itself from the inside; runs
 * commands one after another in the same root; and is dead and empty before
 * anybody looks at what came out.
 */
#pragma once

#include "enclave-worker/room.h"
#include "lib/process.h"

struct hm_sandbox_spec {
	const char *runtime;		/* "crun", "runc", "runsc" */
	const struct hm_room *room;	/* outlives the sandbox */
	const char *rootfs;		/* image root to use read-only; NULL = the
					   host's system directories (local) */
	const char *const *toolchains;	/* extra read-only directories, same path */
	size_t toolchain_count;
	const char *build_dir;		/* absolute: becomes /build, writable */
	const char *netns;		/* path, or NULL: loopback only */
	const char *ca_dir;		/* becomes /etc/ssl/certs; NULL = image's */
	const char *resolv_conf;	/* file; NULL = none */
	uint64_t memory_bytes;
	uint64_t disk_bytes;		/* of each writable tmpfs */
	uint32_t cpus;			/* 0 = all */
	uint32_t pids_max;
};

struct hm_sandbox;
/* Lays the root and proves from inside that nothing leads out (self-test). */
int hm_sandbox_new(const struct hm_sandbox_spec *spec, struct hm_sandbox **ret_s,
		   struct hm_err *err) HM_MUST_CHECK;
/* "crun 1.8.1" → name and version as the statement names them. */
const char *hm_sandbox_runtime_version(const struct hm_sandbox *s);
/* "cgroup2", "cgroup1", "rlimit": who holds the limits. */
const char *hm_sandbox_limits(const struct hm_sandbox *s);

/*
 * Starts `/bin/sh -euc cmd` in /build[/dir] with exactly envp. stdout and stderr
 * of the command are one pipe each, returned for reading (caller closes).
 */
struct hm_sandbox_command {
	const char *cmd;
	const char *dir;		/* below /build; NULL = /build */
	const char *const *envp;	/* the user's additions, "K=V", NULL-ended;
					   fixed ones (PATH, HOME, TZ, ...) are ours */
	int64_t source_date_epoch;
	bool offline;			/* loopback only, whatever spec.netns is */
};
int hm_sandbox_start(struct hm_sandbox *s, const struct hm_sandbox_command *c,
		     int *ret_stdout, int *ret_stderr, struct hm_err *err) HM_MUST_CHECK;
/* Becomes readable when the command's first process ends. -1 when none runs. */
int hm_sandbox_pidfd(const struct hm_sandbox *s);
/*
 * Where no cgroup holds the memory limit, the caller's loop does: it calls
 * hm_sandbox_watch() at least every so many milliseconds. -1: no need.
 */
int hm_sandbox_watch_ms(const struct hm_sandbox *s);
void hm_sandbox_watch(struct hm_sandbox *s);
/* After pidfd was readable: its exit. Everything else in it is killed too. */
int hm_sandbox_finish(struct hm_sandbox *s, struct hm_exit *ret_exit,
		      bool *ret_out_of_memory, struct hm_err *err) HM_MUST_CHECK;
/* Kills everything and waits until it is empty. HM_E_TIMEOUT: do not go on. */
int hm_sandbox_kill(struct hm_sandbox *s, struct hm_err *err) HM_MUST_CHECK;
void hm_sandbox_free(struct hm_sandbox *s);
