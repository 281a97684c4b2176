/*
 * The interceptor's event loop: epoll, one thread, one clock. A watch is
 * edge-triggered: its owner does all that can be done without waiting each time
 * it is called, so no interest needs to be kept up to date; an owner that stops
 * for fairness asks to be called again with hm_loop_again().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lib/io.h"

struct hm_loop;
struct hm_watch;
typedef void hm_watch_fn(struct hm_watch *w);

struct hm_watch {
	int fd;			/* borrowed; -1 = only deadlines and _again */
	hm_watch_fn *ready;
	void *ctx;
	hm_deadline_t deadline;	/* ready is called when it is past */
	/* below: the loop's */
	struct hm_loop *loop;
	bool queued;
	TAILQ_ENTRY(hm_watch) all, pending;
};

struct hm_loop {
	int epoll_fd;
	bool stop;
	struct hm_watch marker;	/* end of this turn's part of pending */
	TAILQ_HEAD(, hm_watch) all, pending;
};

int hm_loop_init(struct hm_loop *l, struct hm_err *err) HM_MUST_CHECK;
void hm_loop_release(struct hm_loop *l);
/* w->fd, ready and ctx are set by the caller; the deadline starts as none. */
int hm_loop_add(struct hm_loop *l, struct hm_watch *w,
		struct hm_err *err) HM_MUST_CHECK;
/* Safe on a watch that was never added, and from inside any ready function. */
void hm_loop_remove(struct hm_watch *w);
/* Calls w->ready in the next turn, whatever its fd says. */
void hm_loop_again(struct hm_watch *w);
/* Turns until l->stop. */
int hm_loop_run(struct hm_loop *l, struct hm_err *err) HM_MUST_CHECK;
