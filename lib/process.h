/*
 * Running another program: argv arrays only, never a shell; environment built
 * from nothing; only the named fds survive; fork is followed by exec. The
 * status word is decoded here and nowhere else.
 */
#pragma once

#include <sys/types.h>

#include "lib/io.h"

struct hm_process_spec {
	const char *const *argv;	/* argv[0] is a path or looked up in PATH */
	const char *const *envp;	/* whole environment; NULL = PATH only */
	int stdin_fd;			/* -1 = /dev/null */
	int stdout_fd;			/* -1 = /dev/null */
	int stderr_fd;			/* -1 = /dev/null */
	const int *keep_fds;		/* moved to 3, 4, ... in this order */
	size_t keep_count;
	int chdir_fd;			/* -1 = stay; 0 also means stay */
	bool new_session;		/* setsid() */
	bool die_with_parent;		/* PR_SET_PDEATHSIG(SIGKILL) */
};

struct hm_process {
	pid_t pid;	/* 0 = not running */
	int pidfd;	/* -1 = not running */
};

struct hm_exit {
	bool signalled;
	int code;	/* exit status, or the signal's number */
};

#define HM_PROCESS_NONE ((struct hm_process){.pid = 0, .pidfd = -1})

int hm_process_start(const struct hm_process_spec *spec,
		     struct hm_process *ret_p, struct hm_err *err) HM_MUST_CHECK;
/* HM_E_TIMEOUT leaves it running. */
int hm_process_wait(struct hm_process *p, hm_deadline_t deadline,
		    struct hm_exit *ret_exit, struct hm_err *err) HM_MUST_CHECK;
/* SIGKILL and reap; safe on one that is not running. */
void hm_process_kill(struct hm_process *p);

/*
 * Runs to the end and collects stdout (and stderr when err_out is not NULL)
 * up to each buffer's max. The exit status is the caller's to judge.
 */
int hm_process_run(const struct hm_process_spec *spec, struct hm_buf *out,
		   struct hm_buf *err_out, hm_deadline_t deadline,
		   struct hm_exit *ret_exit, struct hm_err *err) HM_MUST_CHECK;
