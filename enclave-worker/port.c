/*
 * The worker's side of a connection's birth. Distrusts the host: a message that
 * is not exactly one byte with exactly one stream socket is refused and every fd
 * in it closed, so that nothing the host sends can linger in our fd table.
 */
#include "enclave-worker/port.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <linux/vm_sockets.h>

/* One more than we accept, so that a second fd is seen rather than truncated. */
#define MAX_FDS 2

/* A host that opens connections faster than we take them waits in connect(). */
#define BACKLOG 16

static bool socket_is(int fd, int domain, int type)
{
	int value = -1;
	socklen_t len = sizeof(value);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &value, &len) != 0 ||
	    value != domain)
		return false;
	len = sizeof(value);
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &len) == 0 &&
	       value == type;
}

int hm_port_local(int fd, struct hm_port *ret_p, struct hm_err *err)
{
	if (!socket_is(fd, AF_UNIX, SOCK_SEQPACKET))
		return hm_fail(err, HM_E_POLICY, 0,
			       "fd %d is not the port of a local enclave", fd);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "port");
	*ret_p = (struct hm_port){.kind = HM_PORT_LOCAL, .fd = fd};
	return HM_OK;
}

int hm_port_vsock(uint32_t port, struct hm_port *ret_p, struct hm_err *err)
{
	struct sockaddr_vm addr = {
		.svm_family = AF_VSOCK,
		.svm_port = port,
		.svm_cid = VMADDR_CID_ANY,
	};
	AUTO_CLOSE int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "vsock");
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "vsock port %u", port);
	if (listen(fd, BACKLOG) != 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "vsock port %u", port);
	*ret_p = (struct hm_port){.kind = HM_PORT_VSOCK_LISTENER, .fd = HM_TAKE_FD(fd)};
	return HM_OK;
}

void hm_port_close(struct hm_port *p)
{
	if (p->fd >= 0)
		(void)close(p->fd);
	p->fd = -1;
}

/* Collects every fd of the message, closing those beyond the first MAX_FDS. */
static size_t take_fds(struct msghdr *msg, int fds[MAX_FDS], bool *ret_odd)
{
	size_t count = 0;
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t bytes, i;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
		    c->cmsg_len < CMSG_LEN(0)) {
			*ret_odd = true;
			continue;
		}
		bytes = c->cmsg_len - CMSG_LEN(0);
		for (i = 0; i + sizeof(int) <= bytes; i += sizeof(int)) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i, sizeof(fd));
			if (count < MAX_FDS)
				fds[count++] = fd;
			else
				(void)close(fd);
		}
	}
	return count;
}

static int receive_fd(int port, int *ret_fd, struct hm_err *err)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(MAX_FDS * sizeof(int))];
	} control = {0};
	char data[2];
	struct iovec iov = {.iov_base = data, .iov_len = sizeof(data)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int fds[MAX_FDS] = {-1, -1};
	bool odd = false;
	size_t count, i;
	ssize_t n;

	do
		n = recvmsg(port, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "port");
	count = take_fds(&msg, fds, &odd);
	if (n == 0 && count == 0)
		return hm_fail(err, HM_E_CLOSED, 0, "port: the host is gone");
	if (n == 1 && count == 1 && !odd &&
	    (msg.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) == 0 &&
	    socket_is(fds[0], AF_UNIX, SOCK_STREAM)) {
		*ret_fd = fds[0];
		return HM_OK;
	}
	for (i = 0; i < count; i++)
		(void)close(fds[i]);
	return hm_fail(err, HM_E_PROTOCOL, 0,
		       "port: expected one stream socket, got %zd bytes and %zu descriptors",
		       n, count);
}

int hm_port_accept(struct hm_port *p, hm_deadline_t deadline, int *ret_fd,
		   struct hm_err *err)
{
	for (;;) {
		int rc = hm_io_wait(p->fd, POLLIN, deadline, "a connection of the host", err);
		int fd;

		if (rc != HM_OK)
			return rc;
		if (p->kind == HM_PORT_LOCAL)
			return receive_fd(p->fd, ret_fd, err);
		fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0) {
			*ret_fd = fd;
			return HM_OK;
		}
		/* The peer may have given up between poll and accept. */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			return hm_fail(err, HM_E_SYSTEM, errno, "accept");
	}
}
