/*
 * Lanes (schema/lanes.md): connections that the host opens to the worker and
 * keeps idle, so that the worker can ask for an outbound connection on one. The
 * host resolves, checks the policy (egress.h), dials and splices; it is trusted
 * with nothing, and protects its own network by the policy.
 *
 * Driven by the caller's poll loop, never blocks it: a lane in use is served by
 * a forked child of its own. Single-threaded callers only.
 */
#pragma once

#include <poll.h>

#include "runner-hook/egress.h"

/*
 * Idle lanes kept open: a browser-like client opens six connections at once,
 * npm fifteen; a lane that is not there yet costs one connect.
 */
#define HM_LANES_IDLE 8
/* Connections at once; what asks for more waits for one to end. */
#define HM_LANES_MAX 256
/* Most descriptors hm_lanes_pollfds() fills in. */
#define HM_LANES_POLLFDS (HM_LANES_IDLE + HM_LANES_MAX)

/* A new stream connection to the worker's port. */
typedef int hm_lane_connect_fn(void *ctx, int *ret_fd, struct hm_err *err);

struct hm_lanes_counts {
	uint64_t opened;	/* lanes */
	uint64_t served;	/* connections that were made and have ended */
	uint64_t failed;	/* name or server did not answer */
	uint64_t refused;	/* by policy */
	uint64_t broken;	/* worker did not keep to schema/lanes.md */
};

struct hm_lanes;
/* Copies nothing of policy: it must outlive the object. */
int hm_lanes_new(hm_lane_connect_fn *connect, void *ctx,
		 const struct hm_egress_policy *policy,
		 struct hm_lanes **ret_l, struct hm_err *err) HM_MUST_CHECK;
/* Ends every child and closes every lane. NULL is ok. */
void hm_lanes_free(struct hm_lanes *l);

/* Opens missing idle lanes. Call it once the worker is configured. */
int hm_lanes_fill(struct hm_lanes *l, struct hm_err *err) HM_MUST_CHECK;
/* What to poll for; returns how many of fds[0..max-1] were filled in. */
size_t hm_lanes_pollfds(const struct hm_lanes *l, struct pollfd *fds,
			size_t max);
/*
 * After poll: serves lanes that asked, collects children that ended, and fills
 * up again. fds as given by hm_lanes_pollfds(). An error means that the worker
 * cannot be reached any more; a server that does not answer is not one.
 */
int hm_lanes_handle(struct hm_lanes *l, const struct pollfd *fds, size_t count,
		    struct hm_err *err) HM_MUST_CHECK;
struct hm_lanes_counts hm_lanes_counts(const struct hm_lanes *l);
