/*
 * Transfers and waits. Distrusts nothing but the kernel's habit of doing less
 * than asked: short reads and writes, EINTR and EAGAIN end here.
 */
#include "lib/io.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

static int64_t clock_ms(clockid_t id)
{
	struct timespec ts;

	HM_BUG_ON(clock_gettime(id, &ts) != 0);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t hm_now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

int64_t hm_wall_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

hm_deadline_t hm_deadline_in(int64_t timeout_ms)
{
	return hm_now_ms() + timeout_ms;
}

int hm_deadline_left(hm_deadline_t deadline)
{
	int64_t left;

	if (deadline == HM_NO_DEADLINE)
		return -1;
	left = deadline - hm_now_ms();
	if (left <= 0)
		return 0;
	/* poll(2) takes an int; a day at a time is as good as longer. */
	return left > 86400000 ? 86400000 : (int)left;
}

static int cancel_fd = -1;

void hm_io_set_cancel_fd(int fd)
{
	cancel_fd = fd;
}

int hm_io_cancel_fd(void)
{
	return cancel_fd;
}

int hm_io_wait(int fd, short events, hm_deadline_t deadline, const char *what,
	       struct hm_err *err)
{
	for (;;) {
		struct pollfd p[2] = {
			{.fd = fd, .events = events},
			{.fd = cancel_fd, .events = POLLIN},	/* -1: ignored */
		};
		int n = poll(p, 2, hm_deadline_left(deadline));

		if (n > 0 && p[1].revents != 0)
			return hm_fail(err, HM_E_CANCELLED, 0, "cancelled");
		if (n > 0)
			return HM_OK;
		if (n < 0 && errno != EINTR)
			return hm_fail(err, HM_E_SYSTEM, errno, "poll");
		if (n == 0 && hm_deadline_left(deadline) == 0)
			return hm_fail(err, HM_E_TIMEOUT, 0, "%s: timed out",
				       what);
	}
}

int hm_io_read_some(int fd, void *buf, size_t len, hm_deadline_t deadline,
		    size_t *ret_n, struct hm_err *err)
{
	for (;;) {
		ssize_t n;
		int rc;

		/* A blocking fd must not outwait the deadline or a cancel. */
		if (deadline != HM_NO_DEADLINE || cancel_fd >= 0) {
			rc = hm_io_wait(fd, POLLIN, deadline, "read", err);
			if (rc < 0)
				return rc;
		}
		n = read(fd, buf, len);
		if (n >= 0) {
			*ret_n = (size_t)n;
			return HM_OK;
		}
		if (errno == EINTR)
			continue;
		if (errno == ECONNRESET)
			return hm_fail(err, HM_E_CLOSED, errno, "read");
		if (errno != EAGAIN)
			return hm_fail(err, HM_E_SYSTEM, errno, "read");
		rc = hm_io_wait(fd, POLLIN, deadline, "read", err);
		if (rc < 0)
			return rc;
	}
}

int hm_io_read_full(int fd, void *buf, size_t len, hm_deadline_t deadline,
		    struct hm_err *err)
{
	size_t got = 0;

	while (got < len) {
		size_t n;
		int rc = hm_io_read_some(fd, (uint8_t *)buf + got, len - got,
					 deadline, &n, err);

		if (rc < 0)
			return rc;
		if (n == 0)
			return hm_fail(err, HM_E_CLOSED, 0,
				       "end of data after %zu of %zu bytes",
				       got, len);
		got += n;
	}
	return HM_OK;
}

int hm_io_write_all(int fd, const void *buf, size_t len, hm_deadline_t deadline,
		    struct hm_err *err)
{
	const uint8_t *p = buf;
	bool is_socket = true;

	while (len > 0) {
		bool bounded = deadline != HM_NO_DEADLINE || cancel_fd >= 0;
		int flags = MSG_NOSIGNAL | (bounded ? MSG_DONTWAIT : 0);
		ssize_t n;
		int rc;

		if (is_socket) {
			n = send(fd, p, len, flags);
			if (n < 0 && errno == ENOTSOCK) {
				is_socket = false;
				continue;
			}
		} else {
			if (bounded) {
				rc = hm_io_wait(fd, POLLOUT, deadline, "write",
						err);
				if (rc < 0)
					return rc;
			}
			n = write(fd, p, len);
		}
		if (n >= 0) {
			p += n;
			len -= (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EPIPE || errno == ECONNRESET)
			return hm_fail(err, HM_E_CLOSED, errno, "write");
		if (errno != EAGAIN)
			return hm_fail(err, HM_E_SYSTEM, errno, "write");
		rc = hm_io_wait(fd, POLLOUT, deadline, "write", err);
		if (rc < 0)
			return rc;
	}
	return HM_OK;
}

int hm_io_read_to_end(int fd, struct hm_buf *b, hm_deadline_t deadline,
		      struct hm_err *err)
{
	for (;;) {
		size_t room = b->max - b->len, n;
		uint8_t extra, *at = &extra;
		int rc;

		/* At the cap one more byte tells "full" from "too large". */
		if (room > 65536)
			room = 65536;
		if (room > 0) {
			rc = hm_buf_reserve(b, room, &at, err);
			if (rc < 0)
				return rc;
		}
		rc = hm_io_read_some(fd, at, room > 0 ? room : 1, deadline, &n,
				     err);
		if (rc < 0)
			return rc;
		if (n == 0)
			return HM_OK;
		if (room == 0)
			return hm_fail(err, HM_E_TOO_LARGE, 0,
				       "more than %zu bytes, the limit here",
				       b->max);
		hm_buf_grown(b, n);
	}
}

int hm_io_set_nonblock(int fd, bool on, struct hm_err *err)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "fcntl");
	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	if (fcntl(fd, F_SETFL, flags) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "fcntl");
	return HM_OK;
}
