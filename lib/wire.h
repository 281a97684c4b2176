/*
 * The control protocol (schema/PROTOCOL.md, schema/wire.cddl): frames of
 * {u32 length, u16 type, u16 flags}, big endian, then the body. Every type has a
 * maximum that is checked before anything is allocated, a direction, and the
 * states in which it may come. Both sides use this one table.
 */
#pragma once

#include "lib/io.h"

#define HM_WIRE_VERSION 1U
#define HM_WIRE_HEADER 8U
/* Chunk of raw data: enough to amortise a vsock exit, small enough to be flat. */
#define HM_WIRE_CHUNK (256U << 10)

enum hm_state {
	HM_ST_GREETING,		/* connected, nothing said */
	HM_ST_GREETED,		/* versions agreed */
	HM_ST_SOURCE,		/* configured; objects come in */
	HM_ST_LATCHED,		/* commit proved and latched; worker builds */
	HM_ST_BUILDING,
	HM_ST_MEASURED,		/* sandbox dead, outputs hashed */
	HM_ST_ATTESTED,
	HM_ST_PACKED,		/* tar is being sent */
	HM_ST_DONE,
	HM_ST_COUNT,
};
const char *hm_state_name(enum hm_state s);

enum hm_frame_type {
	/* host to worker */
	HM_F_HELLO = 1,		/* CBOR: versions offered */
	HM_F_CONFIG = 2,	/* CBOR: what to build, with what limits */
	HM_F_OBJECT = 3,	/* raw: part of a git object; flags below */
	HM_F_CANCEL = 4,	/* empty */
	HM_F_LANE = 5,		/* empty: first and only frame of a lane */
	/* worker to host */
	HM_F_WELCOME = 16,	/* CBOR: version chosen, image manifest */
	HM_F_READY = 17,	/* empty: configured, send the source */
	HM_F_PROGRESS = 18,	/* CBOR: step, done, total, unit */
	HM_F_STATE = 19,	/* CBOR: new state and what is known by then */
	HM_F_LOG = 20,		/* raw: build output; flag HM_FF_STDERR */
	HM_F_NOTICE = 21,	/* text: one line for the user */
	HM_F_TAR = 22,		/* raw: part of the release tar */
	HM_F_DONE = 23,		/* CBOR: sizes and digests of what was sent */
	HM_F_FAILED = 24,	/* CBOR: code, step, message; then power-off */
};

/* HM_F_OBJECT: FIRST frames begin with u8 kind, u64be size. */
#define HM_FF_FIRST 0x0001U
#define HM_FF_LAST 0x0002U
#define HM_FF_STDERR 0x0004U
#define HM_OBJECT_HEAD 9U
/* kinds: enum hm_git_type, and: */
#define HM_OBJECT_LFS 4U	/* content of the LFS pointer that just came */

struct hm_frame {
	enum hm_frame_type type;
	uint16_t flags;
	struct hm_slice body;	/* valid until the next receive */
};

enum hm_side {
	HM_SIDE_HOST,
	HM_SIDE_WORKER,
};

/* One end of a control connection. Not thread safe. */
struct hm_wire {
	int fd;			/* borrowed */
	enum hm_side side;
	enum hm_state state;
	struct hm_buf in;
	struct hm_buf out;	/* batched small frames */
	size_t in_used;		/* bytes of `in` that the last frame took */
};

void hm_wire_init(struct hm_wire *w, int fd, enum hm_side side);
void hm_wire_release(struct hm_wire *w);

/*
 * Receives the next frame. HM_E_PROTOCOL for an unknown type, one from the wrong
 * side, one that this state does not allow, unknown flags or an oversized body.
 */
int hm_wire_receive(struct hm_wire *w, hm_deadline_t deadline,
		    struct hm_frame *ret_frame, struct hm_err *err) HM_MUST_CHECK;
/* True when a whole frame is buffered already: do not poll, receive. */
bool hm_wire_pending(const struct hm_wire *w);
/* Queues a frame; flushed when the batch is full or by hm_wire_flush(). */
int hm_wire_send(struct hm_wire *w, enum hm_frame_type type, uint16_t flags,
		 struct hm_slice body, hm_deadline_t deadline,
		 struct hm_err *err) HM_MUST_CHECK;
/* As above with the body in two parts (head + data), without copying data. */
int hm_wire_send2(struct hm_wire *w, enum hm_frame_type type, uint16_t flags,
		  struct hm_slice head, struct hm_slice data,
		  hm_deadline_t deadline, struct hm_err *err) HM_MUST_CHECK;
int hm_wire_flush(struct hm_wire *w, hm_deadline_t deadline,
		  struct hm_err *err) HM_MUST_CHECK;
