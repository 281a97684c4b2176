/*
 * SEQPACKET keeps message borders, so there is no framing to get wrong. The
 * interceptor must never wait for the session (which may be waiting for the
 * sandbox): what the socket does not take is queued, up to a cap.
 */
#include "enclave-worker/interceptor/report.h"

#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>

#include "lib/num.h"

void hm_report_init(struct hm_report *r, int fd)
{
	*r = (struct hm_report){.fd = fd};
	hm_buf_init(&r->queue, HM_REPORT_QUEUE);
}

void hm_report_release(struct hm_report *r)
{
	hm_buf_release(&r->queue);
}

static bool send_now(int fd, struct hm_slice message)
{
	ssize_t n;

	do {
		n = send(fd, message.ptr, message.len,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	/* A session that is gone takes nothing; we are killed with it. */
	return n >= 0 || errno != EAGAIN;
}

bool hm_report_flush(struct hm_report *r)
{
	size_t at = 0;

	while (at < r->queue.len) {
		size_t len = hm_get_u32be(r->queue.data + at);

		if (!send_now(r->fd, hm_slice(r->queue.data + at + 4, len)))
			break;
		at += 4 + len;
	}
	hm_buf_consume(&r->queue, at);
	return r->queue.len == 0;
}

void hm_report_send(struct hm_report *r, enum hm_report_kind kind,
		    struct hm_slice body)
{
	uint8_t message[4 + 1 + HM_REPORT_MAX];
	struct hm_err err;

	if (body.len > HM_REPORT_MAX) {
		r->lost++;
		return;
	}
	hm_put_u32be(message, (uint32_t)body.len + 1);
	message[4] = (uint8_t)kind;
	if (body.len > 0)
		memcpy(message + 5, body.ptr, body.len);
	if (hm_report_flush(r) &&
	    send_now(r->fd, hm_slice(message + 4, body.len + 1)))
		return;
	if (hm_buf_add(&r->queue, message, body.len + 5, &err) != HM_OK)
		r->lost++;
}

void hm_report_json(struct hm_report *r, enum hm_report_kind kind,
		    struct hm_json *v)
{
	struct hm_buf text HM_CLEANUP(hm_buf_release);
	struct hm_err err;

	hm_buf_init(&text, HM_REPORT_MAX);
	if (hm_json_write(v, HM_JSON_COMPACT, &text, &err) == HM_OK)
		hm_report_send(r, kind, hm_buf_slice(&text));
	else
		r->lost++;
	hm_json_free(v);
}

void hm_report_notice(struct hm_report *r, const char *fmt, ...)
{
	static const char enough[] =
		"more was refused; attestation/network.json lists it";
	char text[HM_ERR_MSG_MAX];
	va_list ap;
	int n;

	if (r->notices > HM_REPORT_NOTICES)
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (r->notices++ == HM_REPORT_NOTICES)
		hm_report_send(r, HM_REPORT_NOTICE, hm_slice_str(enough));
	else if (n > 0)
		hm_report_send(r, HM_REPORT_NOTICE, hm_slice_str(text));
}

void hm_refused_report(struct hm_report *r, const char *kind,
		       const char *target, const char *reason, uint64_t count)
{
	struct hm_json *v = hm_json_new_object();

	hm_json_set(v, "kind", hm_json_new_str(kind));
	hm_json_set(v, "target", hm_json_new_str(target));
	hm_json_set(v, "reason", hm_json_new_str(reason));
	hm_json_set(v, "count", hm_json_new_integer((int64_t)count));
	hm_report_json(r, HM_REPORT_REFUSED, v);
}

int hm_report_send_fd(int sock, enum hm_report_kind kind, int fd,
		      hm_deadline_t deadline, struct hm_err *err)
{
	uint8_t byte = (uint8_t)kind;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;
	ssize_t n;

	if (fd >= 0) {
		msg.msg_control = control.space;
		msg.msg_controllen = sizeof(control.space);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	for (;;) {
		n = sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n >= 0)
			return HM_OK;
		if (errno == EPIPE || errno == ECONNRESET)
			return hm_fail(err, HM_E_CLOSED, 0,
				       "the other process is gone");
		if (errno != EAGAIN && errno != EINTR)
			return hm_fail(err, HM_E_SYSTEM, errno, "sendmsg");
		if (errno == EAGAIN &&
		    hm_io_wait(sock, POLLOUT, deadline, "the other process",
			       err) != HM_OK)
			return err->code;
	}
}

/* The one fd of the message, or -1; anything more is closed and false. */
static bool take_fd(struct msghdr *msg, int *ret_fd)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	*ret_fd = -1;
	if ((msg->msg_flags & (MSG_CTRUNC | MSG_TRUNC)) == 0 && !c)
		return true;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
	if (*ret_fd >= 0 && (msg->msg_flags & (MSG_CTRUNC | MSG_TRUNC)) == 0)
		return true;
	hm_cleanup_fd(ret_fd);
	return false;
}

int hm_report_receive(int sock, uint8_t *buf, size_t size, size_t *ret_len,
		      int *ret_fd, struct hm_err *err)
{
	struct iovec iov = {.iov_base = buf, .iov_len = size};
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	ssize_t n;

	do {
		n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "recvmsg");
	if (!take_fd(&msg, ret_fd))
		return hm_fail(err, HM_E_PROTOCOL, 0,
			       "a message with more than one fd, or too long");
	if (n == 0) {
		hm_cleanup_fd(ret_fd);
		return hm_fail(err, HM_E_CLOSED, 0, "the other process ended");
	}
	*ret_len = (size_t)n;
	return 1;
}
