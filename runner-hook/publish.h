/*
 * Step 9, the log: the statements of a finished release go into the operator's
 * logs, and the proofs into the release's bundles.
 *
 * A build is never lost to a log and never waits long for one: the bundles are
 * on disk in the queue before the log is touched, "built" and "logged" are two
 * answers, and what could not be logged stays queued for a later build or for
 * `runner-hook publish --pending`. Everything is idempotent: a leaf that is in
 * the log already is proved and not added, a bundle that has the log's entry
 * gets the newer one in its place.
 */
#pragma once

#include "lib/log_enter.h"

/* How long a build waits for the log of its operator. */
#define HM_PUBLISH_WAIT_MS 5000
/* 16 bytes of a digest over the release's path and the log's, in hex. */
#define HM_PUBLISH_ID_LEN 32	/* digits */

struct hm_publish_options {
	const char *queue;	/* directory; NULL = hm_publish_queue_default() */
	bool public_evidence;	/* publish the bundles for monitors, too */
	int64_t wait_ms;	/* spent on retries before it is left queued */
};

/* $XDG_STATE_HOME/hallmark/queue or ~/.local/state/hallmark/queue. */
int hm_publish_queue_default(char **ret_path, struct hm_err *err) HM_MUST_CHECK;

struct hm_published {
	bool logged;	/* false: queued, and problem says why */
	/*
	 * The release tar that has the proof now; false when the tar was gone
	 * and the bundles were kept under QUEUE/logged.
	 */
	bool in_tar;
	uint64_t index;		/* of the evidence */
	uint64_t log_size;
	char log_name[HM_NOTE_NAME_MAX + 1];
	uint64_t tar_size;
	char tar_sha256[2 * HM_SHA256_LEN + 1];
	struct hm_err problem;
};

/*
 * Publishes the release in tar to the log in a directory. Fails only when not
 * even the queue could be written; a log that cannot be reached is
 * ret->logged == false.
 */
int hm_publish(const struct hm_publish_options *o, const char *tar,
	       const char *log, struct hm_published *ret,
	       struct hm_err *err) HM_MUST_CHECK;

/* Called for each item that was tried. */
typedef void (*hm_publish_report_fn)(void *ctx, const char *tar,
				     const char *log,
				     const struct hm_published *p);
/*
 * Tries what is queued and due (all of it when `now`), oldest first, skipping
 * what another process is at. *ret_left: what is still queued afterwards.
 */
int hm_publish_pending(const struct hm_publish_options *o, bool now,
		       hm_publish_report_fn report, void *ctx,
		       size_t *ret_left, struct hm_err *err) HM_MUST_CHECK;
/* `runner-hook publish`; returns the exit status. */
int hm_cmd_publish(int argc, char **argv);
