/*
 * One connection of the sandbox, relayed to the server it meant without being
 * read. Counted and named, not recorded.
 */
#pragma once

#include "enclave-worker/interceptor/dial.h"
#include "enclave-worker/interceptor/names.h"
#include "enclave-worker/interceptor/report.h"
#include "enclave-worker/interceptor/stream.h"

/* Connections at once; the kernel keeps the others in the backlog. */
#define HM_RELAY_MAX 512

struct hm_relay;

struct hm_relay_env {
	struct hm_loop *loop;
	struct hm_lane_pool *lanes;
	struct hm_names *names;
	struct hm_report *report;
	size_t open;		/* connections now */
	LIST_HEAD(, hm_relay) all;
};

/* Takes fd, an accepted connection. */
void hm_relay_start(struct hm_relay_env *env, int fd);
/* The build is over: every connection ends and is reported. */
void hm_relay_end_all(struct hm_relay_env *env);
