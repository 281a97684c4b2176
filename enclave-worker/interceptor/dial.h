/*
 * Outbound connections. The host opens lanes and leaves them idle; to reach a
 * server we write one line on a lane and the host answers with one
 * (schema/lanes.md). The host resolves and dials, and is trusted with nothing:
 * what it connects us to is judged by TLS, or marked plain.
 */
#pragma once

#include "enclave-worker/interceptor/loop.h"

/* A host that opens more than this has lost its mind; the rest is closed. */
#define HM_LANES_KEPT 64
/* "ERR " and a sentence. */
#define HM_DIAL_ANSWER_MAX 512

enum hm_dial_state {
	HM_DIAL_IDLE,
	HM_DIAL_QUEUED,		/* no lane is free */
	HM_DIAL_ASKING,
	HM_DIAL_DONE,		/* dial->lane is a byte stream to the server */
	HM_DIAL_FAILED,		/* dial->why is a sentence */
};

struct hm_dial {
	enum hm_dial_state state;
	struct hm_watch lane;	/* the lane's; owned until taken */
	struct hm_watch *owner;	/* called when the state changes */
	char ask[300];
	size_t ask_len, ask_done;
	char answer[HM_DIAL_ANSWER_MAX];
	size_t answer_len;
	char why[HM_DIAL_ANSWER_MAX];
	TAILQ_ENTRY(hm_dial) queue;
};

struct hm_lane_pool {
	struct hm_loop *loop;
	struct hm_idle_lane *idle;	/* HM_LANES_KEPT of them */
	size_t count;
	TAILQ_HEAD(, hm_dial) waiting;
};

int hm_lane_pool_init(struct hm_lane_pool *p, struct hm_loop *loop,
		      struct hm_err *err) HM_MUST_CHECK;
void hm_lane_pool_release(struct hm_lane_pool *p);
/* Takes fd. */
void hm_lane_pool_add(struct hm_lane_pool *p, int fd);

/*
 * Begins to reach host:port; owner is called (hm_loop_again) when d->state
 * becomes DONE or FAILED. The owner keeps the time, and cancels.
 */
void hm_dial_start(struct hm_dial *d, struct hm_lane_pool *p, const char *host,
		   uint16_t port, struct hm_watch *owner);
/* After DONE: the connected, non-blocking fd is the caller's. */
int hm_dial_take(struct hm_dial *d);
/* Gives up, in any state. */
void hm_dial_cancel(struct hm_dial *d, struct hm_lane_pool *p);
