/*
 * Runs in a process of its own, which ends with it: a name server, a server or
 * a worker that hangs costs one child until its deadline.
 */
#include "runner-hook/lane_child.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "lib/log.h"

/* The worker writes its line at once when it writes at all. */
#define REQUEST_MS 10000
/* Name, addresses and proxy together. */
#define DIAL_MS 20000
/* Per direction. One system call moves this much. */
#define COPY_MAX (256U << 10)

struct pump {
	int from, to;
	uint8_t *data;
	size_t at, len;		/* data[at..len) waits to be written */
	bool done;		/* end of file was passed on */
};

/* Byte by byte: what follows the line belongs to the server. */
static int read_line(int fd, char *line, size_t size, size_t *ret_len,
		     struct hm_err *err)
{
	hm_deadline_t deadline = hm_deadline_in(REQUEST_MS);
	size_t len = 0;

	for (;;) {
		char c;

		if (hm_io_read_full(fd, &c, 1, deadline, err) != HM_OK)
			return err->code;
		if (c == '\n')
			break;
		if (len == size)
			return hm_fail(err, HM_E_PROTOCOL, 0,
				       "lane request is too long");
		line[len++] = c;
	}
	*ret_len = len;
	return HM_OK;
}

/* False when the connection is lost. Sets p->done at end of file. */
static bool pump_move(struct pump *p, bool readable, bool writable)
{
	ssize_t n;

	if (p->at == p->len && readable) {
		n = recv(p->from, p->data, COPY_MAX, MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		p->at = 0;
		p->len = (size_t)n;
		if (n == 0) {
			p->done = true;
			/* The other side may have closed already: fine. */
			(void)shutdown(p->to, SHUT_WR);
			return true;
		}
		writable = true;
	}
	if (p->at < p->len && writable) {
		n = send(p->to, p->data + p->at, p->len - p->at,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		p->at += (size_t)n;
	}
	return true;
}

/*
 * A direction waits either for its source or for its sink, never both, and the
 * two directions do not wait for each other: no deadlock, and a half-closed
 * connection keeps its other half.
 */
static void splice(int a, int b)
{
	struct pump up = {.from = a, .to = b, .data = malloc(COPY_MAX)};
	struct pump down = {.from = b, .to = a, .data = malloc(COPY_MAX)};

	while (up.data && down.data && (!up.done || !down.done)) {
		bool up_full = up.at < up.len, down_full = down.at < down.len;
		struct pollfd fds[2] = {
			{.fd = a,
			 .events = (short)((!up.done && !up_full ? POLLIN : 0) |
					   (down_full ? POLLOUT : 0))},
			{.fd = b,
			 .events = (short)((!down.done && !down_full ? POLLIN
								     : 0) |
					   (up_full ? POLLOUT : 0))},
		};

		/* With nothing to wait for, a hangup would only spin. */
		for (size_t i = 0; i < 2; i++)
			if (fds[i].events == 0)
				fds[i].fd = -1;
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (!up.done && !pump_move(&up, fds[0].revents != 0,
					   fds[1].revents != 0))
			break;
		if (!down.done && !pump_move(&down, fds[1].revents != 0,
					     fds[0].revents != 0))
			break;
	}
	free(up.data);
	free(down.data);
}

static void answer(int lane, const char *line)
{
	struct hm_err err;

	/* A worker that is gone needs no answer. */
	if (hm_io_write_all(lane, line, strlen(line), hm_deadline_in(REQUEST_MS),
			    &err) != HM_OK)
		hm_log(HM_LOG_DEBUG, "lane: %s", err.msg);
}

static enum hm_lane_exit answer_error(int lane, const struct hm_err *why)
{
	char line[HM_LANE_LINE_MAX];
	char text[HM_LANE_LINE_MAX - 8];

	snprintf(line, sizeof(line), "ERR %s\n",
		 hm_escape(hm_slice_str(why->msg), text, sizeof(text)));
	answer(lane, line);
	hm_log(HM_LOG_DEBUG, "egress: %s", text);
	return why->code == HM_E_POLICY ? HM_LANE_REFUSED : HM_LANE_FAILED;
}

enum hm_lane_exit hm_lane_serve(int lane, const struct hm_egress_policy *policy)
{
	AUTO_CLOSE int server = -1;
	char line[HM_LANE_LINE_MAX], host[HM_EGRESS_NAME_MAX + 1];
	struct hm_err err;
	size_t len = 0;
	uint16_t port = 0;

	if (read_line(lane, line, sizeof(line), &len, &err) != HM_OK ||
	    hm_egress_parse_request(hm_slice(line, len), host, sizeof(host),
				    &port, &err) != HM_OK) {
		(void)answer_error(lane, &err);
		return HM_LANE_BROKEN;
	}
	if (hm_egress_dial(policy, host, port, hm_deadline_in(DIAL_MS), &server,
			   &err) != HM_OK)
		return answer_error(lane, &err);
	answer(lane, "OK\n");
	splice(lane, server);
	return HM_LANE_SERVED;
}
