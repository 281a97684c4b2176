/*
 * Stands between runner-hook and the real worker and alters what passes: give a
 * copy of this program to `runner-hook build --worker`. The worker's environment
 * is empty by design, so the orders are in a file beside the copy, its name with
 * ".tamper" behind it: the real worker's path in the first line, in the second
 *
 *	ACTION:FRAME:INDEX[:K]
 *
 * FRAME is a frame type's name (object, config, tar, ...) and tells the
 * direction; INDEX counts frames of that type, for objects whole objects.
 *	none	nothing at all: the proxy itself changes nothing
 *	drop	leave it out
 *	repeat	send it twice
 *	swap	send the next one of that type before it
 *	cut	end the connection instead
 *	flip	change a bit of body byte K (negative: from the end)
 *	shorten	without its last byte, frame length corrected
 *	shrink	the same, and the object's declared size corrected too
 *	grow	one more byte at the end, frame length corrected
 *	length	add K to the frame's length alone
 *	type	make it a frame of type K
 *	flags	exchange the bits K of its flags
 *	commit	change a digit of the first object id in it
 *
 * The first process, PID 1 of the local enclave, only waits: were it the worker,
 * its end would kill the relays with the last words still in their hands.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include "lib/attr.h"
#include "lib/io.h"
#include "lib/num.h"
#include "lib/wire.h"

#define PORT_FD 3
#define UNIT_MAX (64U << 20)

static struct {
	char worker[4096];
	char action[16], frame[16];
	unsigned int index;
	int k;
} order;

static const struct {
	const char *name;
	unsigned int type;
} names[] = {
	{"hello", HM_F_HELLO},	     {"config", HM_F_CONFIG},
	{"object", HM_F_OBJECT},     {"welcome", HM_F_WELCOME},
	{"ready", HM_F_READY},	     {"state", HM_F_STATE},
	{"log", HM_F_LOG},	     {"tar", HM_F_TAR},
	{"done", HM_F_DONE},
};

static HM_NORETURN void die(const char *what)
{
	fprintf(stderr, "tamper_proxy: %s: %s\n", what, strerror(errno));
	_exit(70);
}

static void read_order(void)
{
	char path[4096], line[256];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 8);
	FILE *f;

	if (n < 0)
		die("readlink");
	memcpy(path + n, ".tamper", 8);
	f = fopen(path, "re");
	if (!f || !fgets(order.worker, sizeof(order.worker), f) ||
	    !fgets(line, sizeof(line), f))
		die(path);
	(void)fclose(f);
	order.worker[strcspn(order.worker, "\n")] = 0;
	if (sscanf(line, "%15[^:]:%15[^:]:%u:%d", order.action, order.frame,
		   &order.index, &order.k) < 3)
		die("order");
}

static unsigned int wanted_type(void)
{
	for (size_t i = 0; i < HM_ARRAY_LEN(names); i++)
		if (strcmp(names[i].name, order.frame) == 0)
			return names[i].type;
	errno = EINVAL;
	die(order.frame);
}

/* --- frames ---------------------------------------------------------------------- */

static int other_side = -1;	/* of the direction that this process relays */

static void must_read(int fd, struct hm_buf *b, size_t n)
{
	struct hm_err err;
	uint8_t *at;

	if (hm_buf_reserve(b, n, &at, &err) < 0)
		die(err.msg);
	if (hm_io_read_full(fd, at, n, HM_NO_DEADLINE, &err) < 0) {
		(void)shutdown(other_side, SHUT_WR);
		_exit(0);	/* one side is gone: so are we */
	}
	hm_buf_grown(b, n);
}

static void must_write(int fd, const struct hm_buf *b)
{
	struct hm_err err;

	if (hm_io_write_all(fd, b->data, b->len, HM_NO_DEADLINE, &err) < 0)
		_exit(0);
}

/* One frame, or all frames of one object. */
static unsigned int read_unit(int fd, struct hm_buf *b)
{
	unsigned int type, flags;

	b->len = 0;
	do {
		size_t at = b->len;

		must_read(fd, b, HM_WIRE_HEADER);
		type = hm_get_u16be(b->data + at + 4);
		flags = hm_get_u16be(b->data + at + 6);
		must_read(fd, b, hm_get_u32be(b->data + at));
	} while (type == HM_F_OBJECT && (flags & HM_FF_LAST) == 0);
	return type;
}

/* Adds n to the length of the last frame of the unit. */
static void stretch_last(struct hm_buf *b, int n)
{
	size_t at = 0;
	uint32_t len = hm_get_u32be(b->data);

	while (at + HM_WIRE_HEADER + len < b->len) {
		at += HM_WIRE_HEADER + len;
		len = hm_get_u32be(b->data + at);
	}
	hm_put_u32be(b->data + at, (uint32_t)((int64_t)len + n));
}

static bool is_hex(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static void change_id(struct hm_buf *b)
{
	for (size_t i = 0, run = 0; i < b->len; i++) {
		run = is_hex(b->data[i]) ? run + 1 : 0;
		if (run == 40) {
			b->data[i] = b->data[i] == '0' ? '1' : '0';
			return;
		}
	}
	errno = ENOENT;
	die("no object id in the frame");
}

static void flip(struct hm_buf *b)
{
	size_t body = b->len - HM_WIRE_HEADER;
	size_t at = order.k >= 0 ? (size_t)order.k : body - (size_t)-order.k;

	if (at >= body) {
		errno = ERANGE;
		die("flip");
	}
	b->data[HM_WIRE_HEADER + at] ^= 0x04;
}

/* Actions on the bytes of one unit. False: not one of these. */
static bool change_unit(struct hm_buf *b)
{
	const char *a = order.action;
	struct hm_err err;

	if (strcmp(a, "flip") == 0) {
		flip(b);
	} else if (strcmp(a, "shorten") == 0 || strcmp(a, "shrink") == 0) {
		stretch_last(b, -1);
		b->len--;
		if (strcmp(a, "shrink") == 0)
			hm_put_u64be(b->data + 9, hm_get_u64be(b->data + 9) - 1);
	} else if (strcmp(a, "grow") == 0) {
		stretch_last(b, 1);
		if (hm_buf_add(b, "x", 1, &err) < 0)
			die(err.msg);
	} else if (strcmp(a, "length") == 0) {
		stretch_last(b, order.k);
	} else if (strcmp(a, "type") == 0) {
		hm_put_u16be(b->data + 4, (uint16_t)order.k);
	} else if (strcmp(a, "flags") == 0) {
		hm_put_u16be(b->data + 6, (uint16_t)(hm_get_u16be(b->data + 6) ^
						     (unsigned int)order.k));
	} else if (strcmp(a, "commit") == 0) {
		change_id(b);
	} else {
		return false;
	}
	return true;
}

static HM_NORETURN void relay_frames(int from, int to)
{
	struct hm_buf unit, held;
	unsigned int want = wanted_type(), count = 0;

	other_side = to;
	hm_buf_init(&unit, UNIT_MAX);
	hm_buf_init(&held, UNIT_MAX);
	for (;;) {
		unsigned int type = read_unit(from, &unit);
		bool mine = type == want && strcmp(order.action, "none") != 0;
		unsigned int nth = type == want ? count++ : 0;

		if (mine && held.len > 0) {	/* swap: the second comes first */
			must_write(to, &unit);
			must_write(to, &held);
			held.len = 0;
			continue;
		}
		mine = mine && nth == order.index;
		if (!mine || change_unit(&unit)) {
			must_write(to, &unit);
		} else if (strcmp(order.action, "cut") == 0) {
			(void)shutdown(from, SHUT_RDWR);
			(void)shutdown(to, SHUT_RDWR);
			_exit(0);
		} else if (strcmp(order.action, "repeat") == 0) {
			must_write(to, &unit);
			must_write(to, &unit);
		} else if (strcmp(order.action, "swap") == 0) {
			struct hm_buf t = held;

			held = unit;
			unit = t;
		} else if (strcmp(order.action, "drop") != 0) {
			errno = EINVAL;
			die(order.action);
		}
	}
}

static HM_NORETURN void relay_bytes(int from, int to)
{
	static uint8_t data[65536];
	struct hm_err err;
	size_t n;

	while (hm_io_read_some(from, data, sizeof(data), HM_NO_DEADLINE, &n,
			       &err) == HM_OK && n > 0)
		if (hm_io_write_all(to, data, n, HM_NO_DEADLINE, &err) < 0)
			break;
	(void)shutdown(to, SHUT_WR);
	_exit(0);
}

/* --- connections ------------------------------------------------------------------- */

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static int receive_connection(void)
{
	union control control = {0};
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *c;
	int fd;

	if (recvmsg(PORT_FD, &msg, MSG_CMSG_CLOEXEC) != 1)
		_exit(0);	/* the host is gone */
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_type != SCM_RIGHTS)
		die("no connection");
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static void pass_connection(int port, int fd)
{
	union control control = {0};
	char byte = 'c';
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	if (sendmsg(port, &msg, MSG_NOSIGNAL) != 1)
		_exit(0);	/* the worker is gone */
}

static pid_t must_fork(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	return pid;
}

static void start_direction(int from, int to, bool frames)
{
	if (must_fork() > 0)
		return;
	if (frames)
		relay_frames(from, to);
	relay_bytes(from, to);
}

/* The control connection comes first; the others are lanes. */
static HM_NORETURN void relay(int worker_port)
{
	bool to_worker = wanted_type() < HM_F_WELCOME;

	(void)signal(SIGCHLD, SIG_IGN);
	for (bool control = true;; control = false) {
		int host = receive_connection(), pair[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
			die("socketpair");
		pass_connection(worker_port, pair[1]);
		(void)close(pair[1]);
		start_direction(host, pair[0], control && to_worker);
		start_direction(pair[0], host, control && !to_worker);
		(void)close(host);
		(void)close(pair[0]);
	}
}

int main(int argc, char **argv)
{
	int port[2], status = 0, worker_status = 70;
	pid_t worker, pid;

	read_order();
	if (argc != 2 || strcmp(argv[1], "--local") != 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, port) < 0)
		die("start");
	worker = must_fork();
	if (worker == 0) {
		/* as PID 1 would be: the runtime's orphans come to it */
		if (dup2(port[1], PORT_FD) < 0 ||
		    prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
			die("port");
		(void)execl(order.worker, "enclave-worker", "--local",
			    (char *)NULL);
		die(order.worker);
	}
	if (must_fork() == 0) {
		(void)close(port[1]);
		relay(port[0]);
	}
	(void)close(port[0]);
	(void)close(port[1]);
	(void)close(PORT_FD);	/* the host must see when the relays are gone */
	/* the worker, and then whoever still has something to pass on */
	while ((pid = wait(&status)) > 0 || errno == EINTR)
		if (pid == worker)
			worker_status = WIFEXITED(status) ? WEXITSTATUS(status) : 70;
	return worker_status;
}
