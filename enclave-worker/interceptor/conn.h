/*
 * One connection of the sandbox, from its first byte to its last: TLS is ended
 * here and begun anew to the real server, each request goes on, each answer is
 * hashed on its way back. What can't be read is refused with a sentence.
 */
#pragma once

#include "enclave-worker/interceptor/dial.h"
#include "enclave-worker/interceptor/names.h"
#include "enclave-worker/interceptor/redact.h"
#include "enclave-worker/interceptor/report.h"
#include "enclave-worker/interceptor/tls.h"

/* Connections at once; the kernel keeps the others in the backlog. */
#define HM_CONN_MAX 256

/* What a server may do to us; zero is not "no limit". */
struct hm_conn_limits {
	uint64_t body_max;	/* bytes of one answer's body */
	uint32_t head_ms;	/* from the request's end to the answer's head */
	uint32_t window_ms;	/* in each window ... */
	uint32_t window_min;	/* ... at least so many bytes of body */
};
#define HM_CONN_LIMITS                                                         \
	((struct hm_conn_limits){.body_max = 8ULL << 30,                       \
				 .head_ms = 180000,                            \
				 .window_ms = 60000,                           \
				 .window_min = 1024})

struct hm_conn;
struct hm_conn_env {
	struct hm_loop *loop;
	struct hm_lane_pool *lanes;
	struct hm_names *names;
	struct hm_report *report;
	struct hm_tls *tls;
	struct hm_redact redact;
	struct hm_conn_limits limits;
	int64_t epoch_ms;	/* the network's start, monotonic */
	size_t open;		/* connections now */
	LIST_HEAD(, hm_conn) all;
};

/* Takes fd, an accepted connection. */
void hm_conn_start(struct hm_conn_env *env, int fd);
/* The build is over: what is under way ends and is reported. */
void hm_conn_end_all(struct hm_conn_env *env);
