/*
 * One build as the host sees it: what the steps in build.c, the control
 * connection in control.c and the final words in summary.c share.
 */
#pragma once

#include "lib/buildspec.h"
#include "lib/message.h"
#include "lib/wire.h"
#include "runner-hook/config.h"
#include "runner-hook/enclave.h"
#include "runner-hook/git_objects.h"
#include "runner-hook/lanes.h"
#include "runner-hook/package.h"
#include "runner-hook/progress.h"
#include "runner-hook/publish.h"

/* A worker that says nothing for this long while it must is hung. */
#define HM_HOST_ANSWER_MS 60000
/* Boot and first answer; a 6 GiB image under nitro-cli may take minutes. */
#define HM_HOST_START_MS 300000

struct hm_host {
	const struct hm_host_config *config;	/* borrowed */
	struct hm_progress *progress;

	struct hm_repo repo;
	struct hm_git_id commit;
	struct hm_buf repository;	/* URL, or empty */
	struct hm_buf ref;		/* full name, or empty */
	struct hm_buf spec_text;
	struct hm_buildspec spec;	/* the host's reading: chooses, no more */

	const struct hm_enclave_backend *backend;
	struct hm_enclave *enclave;
	int64_t started_ms;		/* wall clock */
	int64_t start_ms;		/* how long step 2 took */
	int control_fd;
	struct hm_buf console;		/* its end, when not shown as it came */
	struct hm_wire wire;
	uint64_t talk;			/* bytes of log and notices so far */
	struct hm_egress_policy egress;
	struct hm_lanes *lanes;

	struct hm_package *package;
	bool done;
	uint64_t tar_size;
	char tar_sha256[2 * HM_SHA256_LEN + 1];
	unsigned int build_status;	/* of a build command that failed */
	struct hm_published *published;	/* one for each of config->logs */
};

/* control.c */
int hm_host_greet(struct hm_host *h, struct hm_err *err) HM_MUST_CHECK;
int hm_host_configure(struct hm_host *h, struct hm_err *err) HM_MUST_CHECK;
int hm_host_send_source(struct hm_host *h, struct hm_err *err) HM_MUST_CHECK;
/* After HM_E_CLOSED: why the worker hung up, if it said so. Returns a code < 0. */
int hm_host_last_words(struct hm_host *h, struct hm_err *err) HM_MUST_CHECK;
/* Until the worker is done or has failed. */
int hm_host_follow(struct hm_host *h, struct hm_err *err) HM_MUST_CHECK;
/*
 * Console lines of the enclave, into the log when verbose, else kept for
 * hm_host_last_console(). False when there will be no more: at its end a pipe is
 * readable for ever.
 */
bool hm_host_console(struct hm_host *h);
/* When an enclave ended by itself: what it printed last, shown to the user. */
void hm_host_last_console(struct hm_host *h);
