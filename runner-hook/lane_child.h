/*
 * What one lane's child does: read the request line, judge, dial, answer, and
 * copy both ways until both ends are done.
 */
#pragma once

#include "runner-hook/egress.h"

/* Exit status of a lane's child, for the counters of lanes.h. */
enum hm_lane_exit {
	HM_LANE_SERVED = 0,
	HM_LANE_FAILED = 10,
	HM_LANE_REFUSED = 11,
	HM_LANE_BROKEN = 12,
};

enum hm_lane_exit hm_lane_serve(int lane, const struct hm_egress_policy *policy);
