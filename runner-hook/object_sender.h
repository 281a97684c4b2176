/*
 * The sink of hm_repo_stream() that puts objects into frames of the control
 * connection: one frame for a small object, chunks for a large one.
 */
#pragma once

#include "lib/wire.h"
#include "runner-hook/git_objects.h"

/* Looking costs a system call: not for every one of 100,000 small objects. */
#define HM_SENDER_LOOK 64U

struct hm_object_sender {
	struct hm_wire *wire;		/* borrowed; in state HM_ST_SOURCE */
	int64_t silence_ms;		/* a worker that takes nothing so long */
	/*
	 * Called every HM_SENDER_LOOK frames, may be NULL: the place to read
	 * what the worker says meanwhile. Its error ends the stream.
	 */
	int (*look)(void *ctx, struct hm_err *err);
	void *look_ctx;
	uint64_t frames, objects, bytes;	/* sent so far: for progress */
	uint8_t head[HM_OBJECT_HEAD];
	uint64_t left;
	bool first;
};
/* The sink points into the sender. Flush the wire after hm_repo_stream(). */
struct hm_object_sink hm_object_sender_init(struct hm_object_sender *s,
					    struct hm_wire *wire,
					    int64_t silence_ms);
