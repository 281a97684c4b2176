/*
 * What the interceptor and the session say to each other over one SEQPACKET
 * socket: a byte that says what it is, then text. The session's side is
 * network.c.
 */
#pragma once

#include "lib/json.h"
#include "enclave-worker/interceptor/loop.h"

/* One message. An entry is cut to fit before it gets here. */
#define HM_REPORT_MAX (32U << 10)
/*
 * Lines for the user. A build that provokes refusals in a loop is told so once;
 * the record has them all.
 */
#define HM_REPORT_NOTICES 100
/* Waiting for a slow session; past it entries are lost, and counted. */
#define HM_REPORT_QUEUE (4U << 20)

enum hm_report_kind {
	/* session to interceptor */
	HM_REPORT_LANE = 'l',		/* with the lane's fd */
	HM_REPORT_FINISH = 'f',
	/* interceptor to session */
	HM_REPORT_READY = 'w',		/* with the build namespace's fd */
	HM_REPORT_ERROR = 'e',		/* text; then it exits */
	HM_REPORT_NOTICE = 'n',		/* one line for the user */
	HM_REPORT_EXCHANGE = 'x',	/* JSON object: one HTTP exchange */
	HM_REPORT_REFUSED = 'r',	/* JSON object: what was not let through */
	HM_REPORT_NAME = 'd',		/* JSON object: a DNS name */
	HM_REPORT_SUMMARY = 's',	/* JSON object; the last message */
};

struct hm_report {
	int fd;
	struct hm_buf queue;	/* u32be length, then the message */
	uint64_t lost;
	unsigned int notices;
};

void hm_report_init(struct hm_report *r, int fd);
void hm_report_release(struct hm_report *r);
void hm_report_send(struct hm_report *r, enum hm_report_kind kind,
		    struct hm_slice body);
/* Frees v. NULL v, or text over HM_REPORT_MAX, counts as lost. */
void hm_report_json(struct hm_report *r, enum hm_report_kind kind,
		    struct hm_json *v);
void hm_report_notice(struct hm_report *r, const char *fmt, ...)
	HM_PRINTF(2, 3);
/* What was not let through. kind: "http", "tls", "dns", "tcp", "udp", ... */
void hm_refused_report(struct hm_report *r, const char *kind,
		       const char *target, const char *reason, uint64_t count);
/* Sends what waits, as far as the socket takes it. True when nothing is left. */
bool hm_report_flush(struct hm_report *r);

/* One message with at most one fd; both directions, both sides. */
int hm_report_send_fd(int sock, enum hm_report_kind kind, int fd,
		      hm_deadline_t deadline, struct hm_err *err) HM_MUST_CHECK;
/*
 * 1 = got one, 0 = nothing there now. End of file is HM_E_CLOSED. *ret_fd is -1
 * when none came; a second fd, or a cut message, is HM_E_PROTOCOL and closed.
 */
int hm_report_receive(int sock, uint8_t *buf, size_t size, size_t *ret_len,
		      int *ret_fd, struct hm_err *err) HM_MUST_CHECK;
