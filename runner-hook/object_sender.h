/*
 * The sink of hm_repo_stream() that puts objects into frames of the control
 * connection: one frame for a small object, chunks for a large one.
 */
#pragma once

#include "lib/wire.h"
#include "runner-hook/git_objects.h"

struct hm_object_sender {
	struct hm_wire *wire;		/* borrowed; in state HM_ST_SOURCE */
	hm_deadline_t deadline;
	uint64_t objects, bytes;	/* sent so far: for progress */
	uint8_t head[HM_OBJECT_HEAD];
	uint64_t left;
	bool first;
};
/* The sink points into the sender. Flush the wire after hm_repo_stream(). */
struct hm_object_sink hm_object_sender_init(struct hm_object_sender *s,
					    struct hm_wire *wire,
					    hm_deadline_t deadline);
