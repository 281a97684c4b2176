/* The host's lanes: asked, judged, dialled, copied, ended. */
#include "runner-hook/lanes.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "lib/log.h"
#include "lib/wire.h"
#include "test/unit/tap.h"

/* The worker's ends, in the order in which the lanes were opened. */
static int ends[64];
static size_t end_count;
static bool refuse_connect;

static int connect_lane(void *ctx, int *ret_fd, struct hm_err *err)
{
	int pair[2];

	(void)ctx;
	if (refuse_connect || end_count == HM_ARRAY_LEN(ends))
		return hm_fail(err, HM_E_CLOSED, 0, "no worker");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "socketpair");
	*ret_fd = pair[0];
	ends[end_count++] = pair[1];
	return HM_OK;
}

/* Copies what it gets until the end, then says "bye" and ends. */
static int echo_server(uint16_t *ret_port, pid_t *ret_pid)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0 ||
	    listen(fd, 16) < 0 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) < 0)
		return -1;
	*ret_port = ntohs(in.sin_port);
	*ret_pid = fork();
	if (*ret_pid == 0) {
		for (;;) {
			static char buf[65536];
			int c = accept(fd, NULL, NULL);
			ssize_t n;

			while ((n = read(c, buf, sizeof(buf))) > 0)
				for (ssize_t at = 0; at < n;)
					at += write(c, buf + at, (size_t)(n - at));
			(void)!write(c, "bye", 3);
			(void)close(c);
		}
	}
	return fd;
}

/* One turn of the caller's loop. */
static int turn(struct hm_lanes *l, int timeout_ms, struct hm_err *err)
{
	struct pollfd fds[HM_LANES_POLLFDS];
	size_t n = hm_lanes_pollfds(l, fds, HM_LANES_POLLFDS);

	(void)poll(fds, n, timeout_ms);
	return hm_lanes_handle(l, fds, n, err);
}

/* Writes a request on the n-th lane and lets the host see it. */
static int ask(struct hm_lanes *l, size_t n, const char *line)
{
	uint8_t hello[HM_WIRE_HEADER];
	struct hm_err err;

	if (hm_io_read_full(ends[n], hello, sizeof(hello), hm_deadline_in(1000),
			    &err) != HM_OK ||
	    hello[5] != HM_F_LANE)
		return -1;
	if (hm_io_write_all(ends[n], line, strlen(line), hm_deadline_in(1000),
			    &err) != HM_OK)
		return -1;
	return turn(l, 2000, &err);
}

static const char *read_answer(int fd)
{
	static char line[HM_LANE_LINE_MAX + 1];
	struct hm_err err;
	size_t n = 0;

	while (n < HM_LANE_LINE_MAX &&
	       hm_io_read_full(fd, line + n, 1, hm_deadline_in(5000), &err) ==
		       HM_OK &&
	       line[n] != '\n')
		n++;
	line[n] = '\0';
	return line;
}

/* 8 MiB each way at once: no side may wait for the other. */
static bool pump_both_ways(int fd)
{
	static uint8_t out[65536], in[65536];
	size_t want = 8U << 20, sent = 0, got = 0;
	bool shut = false;

	while (got < want + 3) {
		struct pollfd p = {.fd = fd,
				   .events = (short)(POLLIN |
						     (sent < want ? POLLOUT : 0))};
		ssize_t n;

		if (poll(&p, 1, 5000) <= 0)
			return false;
		if ((p.revents & POLLOUT) != 0) {
			for (size_t i = 0; i < sizeof(out); i++)
				out[i] = (uint8_t)((sent + i) * 7);
			n = send(fd, out, sizeof(out), MSG_DONTWAIT);
			sent += n > 0 ? (size_t)n : 0;
		}
		if (sent == want && !shut) {
			(void)shutdown(fd, SHUT_WR);
			shut = true;
		}
		if ((p.revents & (POLLIN | POLLHUP)) == 0)
			continue;
		n = recv(fd, in, sizeof(in), MSG_DONTWAIT);
		if (n == 0)
			return false;
		for (ssize_t i = 0; i < n; i++) {
			uint8_t expect = got + (size_t)i < want
						 ? (uint8_t)((got + (size_t)i) * 7)
						 : (uint8_t)"bye"[got + (size_t)i -
								  want];

			if (in[i] != expect)
				return false;
		}
		got += n > 0 ? (size_t)n : 0;
	}
	return sent == want && got == want + 3;
}

static void test_serving(void)
{
	char named[64], line[128];
	const char *allow[] = {named};
	struct hm_egress_policy policy = {.allow_private = allow,
					  .allow_private_count = 1};
	struct hm_lanes *l = NULL;
	struct hm_err err;
	uint16_t port = 0;
	pid_t pid = 0;
	HM_UNUSED AUTO_CLOSE int server = echo_server(&port, &pid);
	struct hm_lanes_counts c;
	char byte;

	snprintf(named, sizeof(named), "127.0.0.1:%u", port);
	ok_call(hm_lanes_new(connect_lane, NULL, &policy, &l, &err), &err, "new");
	ok_call(hm_lanes_fill(l, &err), &err, "fill");
	ok(end_count == HM_LANES_IDLE, "eight idle lanes");

	snprintf(line, sizeof(line), "CONNECT 127.0.0.1 %u\n", port);
	ok(ask(l, 0, line) == HM_OK && strcmp(read_answer(ends[0]), "OK") == 0,
	   "a lane is connected");
	ok(end_count == HM_LANES_IDLE + 1, "and another one opened for it");
	ok(pump_both_ways(ends[0]),
	   "8 MiB both ways at once, half-close, and the server's last word");
	ok(read(ends[0], &byte, 1) == 0, "then the end");

	ok(ask(l, 1, "CONNECT 169.254.169.254 80\n") == HM_OK &&
		   strncmp(read_answer(ends[1]), "ERR 169.254.169.254 has a", 25) ==
			   0,
	   "metadata is refused with a sentence");
	ok(ask(l, 2, "CONNECT no-such-host.invalid 443\n") == HM_OK &&
		   strncmp(read_answer(ends[2]), "ERR no-such-host.invalid: ",
			   26) == 0,
	   "a name that is not there");
	ok(ask(l, 3, "GET / HTTP/1.1\n") == HM_OK &&
		   strcmp(read_answer(ends[3]), "ERR lane request is no CONNECT") ==
			   0,
	   "a request that is none");
	for (int i = 0; i < 50; i++) {
		c = hm_lanes_counts(l);
		if (c.served + c.failed + c.refused + c.broken == 4)
			break;
		ok(turn(l, 200, &err) == HM_OK || i < 0, "turn");
	}
	ok(c.served == 1 && c.refused == 1 && c.failed == 1 && c.broken == 1,
	   "each is counted as what it was: %d %d %d %d", (int)c.served,
	   (int)c.refused, (int)c.failed, (int)c.broken);

	/* One that hangs in the middle does not outlive the object. */
	ok(ask(l, 4, line) == HM_OK && strcmp(read_answer(ends[4]), "OK") == 0,
	   "one more");
	hm_lanes_free(l);
	ok(read(ends[4], &byte, 1) == 0, "freeing ends the connection");
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	for (size_t i = 0; i < end_count; i++)
		(void)close(ends[i]);
	end_count = 0;
}

static void test_ending(void)
{
	struct hm_egress_policy policy = {0};
	struct hm_lanes *l = NULL;
	struct hm_err err;

	ok_call(hm_lanes_new(connect_lane, NULL, &policy, &l, &err), &err, "new");
	ok_call(hm_lanes_fill(l, &err), &err, "fill");
	(void)close(ends[3]);
	ok_call(turn(l, 1000, &err), &err, "the worker closes an idle lane");
	ok(end_count == HM_LANES_IDLE, "then no more are opened");
	hm_lanes_free(l);
	end_count = 0;

	refuse_connect = true;
	ok_call(hm_lanes_new(connect_lane, NULL, &policy, &l, &err), &err, "new");
	fails(hm_lanes_fill(l, &err), &err, HM_E_CLOSED, "lane: no worker",
	      "a worker that can't be reached");
	hm_lanes_free(l);
	policy.proxy = "socks5://x";
	fails(hm_lanes_new(connect_lane, NULL, &policy, &l, &err), &err,
	      HM_E_USAGE, "only http:// proxies", "a policy that is wrong");
}

int main(void)
{
	int never[2];

	hm_log_init("test_lanes", HM_LOG_ERROR);
	/* As runner-hook has it: a descriptor that children do not inherit. */
	if (pipe2(never, O_CLOEXEC) == 0)
		hm_io_set_cancel_fd(never[0]);
	test_serving();
	test_ending();
	return tap_done();
}
