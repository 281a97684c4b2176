/*
 * The worker's end of the control connection: what it says to the host, with
 * the deadlines and rate limits of each kind of frame.
 */
#pragma once

#include "lib/message.h"
#include "lib/wire.h"

/* A host that does not read for this long is dead: the build ends. */
#define HM_LINK_TIMEOUT_MS 60000
/* Progress at most this often: a person reads, a TCG guest pays per exit. */
#define HM_LINK_PROGRESS_MS 200
/* A runner makes an annotation of each; a person reads the first few. */
#define HM_LINK_NOTICES_MAX 1000U

struct hm_link {
	struct hm_wire wire;
	int64_t progress_at_ms;	/* when the last one went out */
	unsigned int notices;
};

void hm_link_init(struct hm_link *l, int fd);
void hm_link_release(struct hm_link *l);

/* Encodes and sends one message, flushed. */
int hm_link_send(struct hm_link *l, enum hm_frame_type type,
		 enum hm_msg_kind kind, const void *msg,
		 struct hm_err *err) HM_MUST_CHECK;
/* Moves to the next state and tells the host. detail: one line or NULL. */
int hm_link_state(struct hm_link *l, enum hm_state next, const char *detail,
		  struct hm_err *err) HM_MUST_CHECK;
/* Dropped when one went out a moment ago, unless done == total. */
int hm_link_progress(struct hm_link *l, const char *step, uint64_t done,
		     uint64_t total, const char *unit,
		     struct hm_err *err) HM_MUST_CHECK;
/*
 * One line for the user, escaped here. After HM_LINK_NOTICES_MAX it says once
 * that there are more, and then nothing: a build makes them by the thousand.
 */
int hm_link_notice(struct hm_link *l, struct hm_slice line,
		   struct hm_err *err) HM_MUST_CHECK;
/* The last thing said. Never fails: there is nobody left to tell. */
void hm_link_failed(struct hm_link *l, const char *step,
		    const struct hm_err *why, unsigned int exit_status);
