/*
 * Where the host's connections come in. Local: fd 3 is one end of a
 * SOCK_SEQPACKET pair over which the host hands us one end of a fresh stream
 * socket pair per connection; it has no name, so no other process of the host
 * can reach it. Enclave: an AF_VSOCK listener.
 */
#pragma once

#include "lib/io.h"

/* What the host's back ends dial (schema/PROTOCOL.md). */
#define HM_PORT_VSOCK 5005U
/* Where the local back end leaves the port. */
#define HM_PORT_LOCAL_FD 3

enum hm_port_kind {
	HM_PORT_LOCAL,
	HM_PORT_VSOCK_LISTENER,
};

struct hm_port {
	enum hm_port_kind kind;
	int fd;		/* poll it for POLLIN; -1 = closed */
};

/* Takes fd over. HM_E_POLICY when it is not a SOCK_SEQPACKET unix socket. */
int hm_port_local(int fd, struct hm_port *ret_p, struct hm_err *err) HM_MUST_CHECK;
/* Listens on port of every CID. */
int hm_port_vsock(uint32_t port, struct hm_port *ret_p, struct hm_err *err) HM_MUST_CHECK;
void hm_port_close(struct hm_port *p);

/*
 * The next connection, a stream socket, close-on-exec. HM_E_TIMEOUT;
 * HM_E_CLOSED when the host is gone (local); HM_E_PROTOCOL when it handed us
 * anything but exactly one stream socket (what it sent is closed).
 */
int hm_port_accept(struct hm_port *p, hm_deadline_t deadline, int *ret_fd,
		   struct hm_err *err) HM_MUST_CHECK;
