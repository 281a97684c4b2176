/* The worker's side of a connection's birth: one byte, one stream socket. */
#include "enclave-worker/port.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "tap.h"

static void send_fds(int to, size_t bytes, const int *fds, size_t count)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(4 * sizeof(int))];
	} control = {0};
	char data[4] = "ccc";
	struct iovec iov = {.iov_base = data, .iov_len = bytes};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;

	if (count > 0) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	ok(sendmsg(to, &msg, MSG_NOSIGNAL) == (ssize_t)bytes, "sent %zu bytes and %zu fds", bytes,
	   count);
}

static size_t open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		(void)closedir(dir);
	return n;
}

int main(void)
{
	struct hm_port port = {.fd = -1};
	struct hm_err err;
	int ends[2], stream[2], other[2], pipes[2], fd = -1;
	size_t before;

	ok(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0, "a port");
	ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream) == 0, "a stream pair");
	ok(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, other) == 0, "a datagram pair");
	ok(pipe2(pipes, O_CLOEXEC) == 0, "a pipe");

	fails(hm_port_local(pipes[0], &port, &err), &err, HM_E_POLICY, "not the port",
	      "a pipe is no port");
	fails(hm_port_local(stream[0], &port, &err), &err, HM_E_POLICY, "not the port",
	      "a stream socket is no port");
	ok_call(hm_port_local(ends[0], &port, &err), &err, "a seqpacket socket is");

	fails(hm_port_accept(&port, hm_deadline_in(20), &fd, &err), &err, HM_E_TIMEOUT,
	      "connection", "nobody connects");
	send_fds(ends[1], 1, &stream[0], 1);
	ok_call(hm_port_accept(&port, hm_deadline_in(1000), &fd, &err), &err, "a connection");
	ok(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, "it is close-on-exec");
	ok(write(stream[1], "x", 1) == 1 && read(fd, (char[1]){0}, 1) == 1, "and it is that one");
	(void)close(fd);

	before = open_fds();
	send_fds(ends[1], 1, NULL, 0);
	fails(hm_port_accept(&port, hm_deadline_in(1000), &fd, &err), &err, HM_E_PROTOCOL,
	      "1 bytes and 0 descriptors", "a byte without a socket is refused");
	send_fds(ends[1], 1, (int[]){stream[0], stream[1]}, 2);
	fails(hm_port_accept(&port, hm_deadline_in(1000), &fd, &err), &err, HM_E_PROTOCOL,
	      "1 bytes and 2 descriptors", "two sockets are refused");
	send_fds(ends[1], 1, (int[]){stream[0], stream[1], pipes[0], pipes[1]}, 4);
	fails(hm_port_accept(&port, hm_deadline_in(1000), &fd, &err), &err, HM_E_PROTOCOL,
	      "descriptors", "four descriptors are refused");
	send_fds(ends[1], 1, &pipes[0], 1);
	fails(hm_port_accept(&port, hm_deadline_in(1000), &fd, &err), &err, HM_E_PROTOCOL,
	      "1 bytes and 1 descriptors", "a pipe is refused");
	send_fds(ends[1], 1, &other[0], 1);
	fails(hm_port_accept(&port, hm_deadline_in(1000), &fd, &err), &err, HM_E_PROTOCOL,
	      "descriptors", "a datagram socket is refused");
	send_fds(ends[1], 2, &stream[0], 1);
	fails(hm_port_accept(&port, hm_deadline_in(1000), &fd, &err), &err, HM_E_PROTOCOL,
	      "2 bytes and 1 descriptors", "two bytes are refused");
	send_fds(ends[1], 3, &stream[0], 1);
	fails(hm_port_accept(&port, hm_deadline_in(1000), &fd, &err), &err, HM_E_PROTOCOL,
	      "descriptors", "a cut message is refused");
	ok(open_fds() == before, "what was refused is closed");

	send_fds(ends[1], 1, &stream[0], 1);
	ok_call(hm_port_accept(&port, hm_deadline_in(1000), &fd, &err), &err,
		"a connection after all that");
	(void)close(fd);
	(void)close(ends[1]);
	fails(hm_port_accept(&port, hm_deadline_in(1000), &fd, &err), &err, HM_E_CLOSED,
	      "the host is gone", "the host's end");
	hm_port_close(&port);
	hm_port_close(&port);
	ok(port.fd == -1, "closing twice is one");

	if (hm_port_vsock(HM_PORT_VSOCK, &port, &err) != HM_OK) {
		skip("vsock: %s", err.msg);
	} else {
		fails(hm_port_accept(&port, hm_deadline_in(20), &fd, &err), &err, HM_E_TIMEOUT,
		      "connection", "vsock: nobody connects");
		fails(hm_port_vsock(HM_PORT_VSOCK, &port, &err), &err, HM_E_SYSTEM, "vsock port 5005",
		      "vsock: the port is taken once");
		hm_port_close(&port);
	}
	return tap_done();
}
