/*
 * Every read, write and wait of the tree goes through here: short transfers and
 * EINTR are handled once, and every wait has a deadline on the monotonic clock.
 * File descriptors may be blocking or not. SIGPIPE is never raised on sockets.
 */
#pragma once

#include <sys/types.h>

#include "lib/buf.h"

/* Milliseconds on CLOCK_MONOTONIC; INT64_MAX means "no deadline". */
typedef int64_t hm_deadline_t;
#define HM_NO_DEADLINE INT64_MAX

int64_t hm_now_ms(void);	/* monotonic */
int64_t hm_wall_ms(void);	/* CLOCK_REALTIME, ms since 1970 */
hm_deadline_t hm_deadline_in(int64_t timeout_ms);
/* Remaining time as poll(2) wants it: -1 for none, 0 when past. */
int hm_deadline_left(hm_deadline_t deadline);

/*
 * Waits until fd is ready for events (POLLIN/POLLOUT/POLLHUP) or the deadline.
 * HM_E_TIMEOUT names `what`.
 */
int hm_io_wait(int fd, short events, hm_deadline_t deadline, const char *what,
	       struct hm_err *err) HM_MUST_CHECK;

/*
 * A descriptor (a signalfd, say) that ends every wait of this process with
 * HM_E_CANCELLED when it becomes readable; -1 for none, which is the default.
 * It is not read here. Only programs set it, once, before they wait.
 */
void hm_io_set_cancel_fd(int fd);
int hm_io_cancel_fd(void);

/* Exactly len bytes. End of file before that is HM_E_CLOSED. */
int hm_io_read_full(int fd, void *buf, size_t len, hm_deadline_t deadline,
		    struct hm_err *err) HM_MUST_CHECK;
/* 1..len bytes, or 0 at end of file in *ret_n. */
int hm_io_read_some(int fd, void *buf, size_t len, hm_deadline_t deadline,
		    size_t *ret_n, struct hm_err *err) HM_MUST_CHECK;
/* All of it. A peer that is gone is HM_E_CLOSED. */
int hm_io_write_all(int fd, const void *buf, size_t len,
		    hm_deadline_t deadline, struct hm_err *err) HM_MUST_CHECK;
/* Reads to end of file into b (whose max is the limit). */
int hm_io_read_to_end(int fd, struct hm_buf *b, hm_deadline_t deadline,
		      struct hm_err *err) HM_MUST_CHECK;

/* O_NONBLOCK on or off. */
int hm_io_set_nonblock(int fd, bool on, struct hm_err *err) HM_MUST_CHECK;
