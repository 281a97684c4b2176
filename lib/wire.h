/*
 * The control protocol (schema/PROTOCOL.md, schema/wire.cddl): frames of
 * {u32 length, u16 type, u16 flags}, big endian, then the body. Every type has a
 * maximum that is checked before anything is allocated, a direction, and the
 * states in which it may come. Both sides use the one table in wire.c.
 *
 * One end of a connection is used by one thread. Errors: HM_E_PROTOCOL when the
 * peer breaks the rules, HM_E_CLOSED when it is gone, HM_E_TIMEOUT.
 */
#pragma once

#include "lib/io.h"

#define HM_WIRE_VERSION 1U
#define HM_WIRE_HEADER 8U
/* Raw data per frame: amortises a vsock exit, and small enough to be flat. */
#define HM_WIRE_CHUNK (256U << 10)

enum hm_state {
	HM_ST_GREETING,	/* connected, nothing said */
	HM_ST_GREETED,	/* versions agreed */
	HM_ST_SOURCE,	/* configured; objects come in */
	HM_ST_LATCHED,	/* commit proved and latched */
	HM_ST_BUILDING,
	HM_ST_MEASURED,	/* sandbox dead, outputs hashed */
	HM_ST_ATTESTED,
	HM_ST_PACKED,	/* the tar is being sent */
	HM_ST_DONE,
	HM_ST_COUNT,
};
const char *hm_state_name(enum hm_state s);

enum hm_frame_type {
	/* host to worker */
	HM_F_HELLO = 1,		/* versions offered */
	HM_F_CONFIG = 2,	/* what to build, with what limits */
	HM_F_OBJECT = 3,	/* raw: part of a Git object */
	HM_F_CANCEL = 4,	/* empty */
	HM_F_LANE = 5,		/* empty: the only frame of a lane */
	/* worker to host */
	HM_F_WELCOME = 16,	/* version chosen, what the image is */
	HM_F_READY = 17,	/* empty: configured, send the source */
	HM_F_PROGRESS = 18,	/* step, done, total, unit */
	HM_F_STATE = 19,	/* the worker's new state */
	HM_F_LOG = 20,		/* raw: whole lines of the build's output */
	HM_F_NOTICE = 21,	/* raw: one line for the user */
	HM_F_TAR = 22,		/* raw: part of the release tar */
	HM_F_DONE = 23,		/* size and digest of the tar that was sent */
	HM_F_FAILED = 24,	/* code, step, message; then power-off */
};

/* HM_F_OBJECT: a FIRST frame's body begins with u8 kind, u64be size. */
#define HM_FF_FIRST 0x0001U
#define HM_FF_LAST 0x0002U
/* HM_F_LOG: the line came from standard error. */
#define HM_FF_STDERR 0x0004U
#define HM_OBJECT_HEAD 9U
/* Kinds are enum hm_git_type, and content of the LFS pointer that just came: */
#define HM_OBJECT_LFS 4U

struct hm_frame {
	enum hm_frame_type type;
	uint16_t flags;
	struct hm_slice body;	/* valid until the next receive */
};

enum hm_side {
	HM_SIDE_HOST,
	HM_SIDE_WORKER,
};

struct hm_wire {
	int fd;			/* borrowed */
	enum hm_side side;
	enum hm_state state;	/* the owner moves it; see hm_wire_state() */
	struct hm_buf in;
	size_t in_used;		/* bytes of `in` that were handed out */
	struct hm_buf out;	/* small frames waiting to go together */
};

void hm_wire_init(struct hm_wire *w, int fd, enum hm_side side);
void hm_wire_release(struct hm_wire *w);
#define AUTO_WIRE HM_CLEANUP(hm_wire_release)

/* Moves forward only; anything else is a bug of ours or a lie of the peer. */
int hm_wire_advance(struct hm_wire *w, enum hm_state next,
		    struct hm_err *err) HM_MUST_CHECK;

int hm_wire_receive(struct hm_wire *w, hm_deadline_t deadline,
		    struct hm_frame *ret_frame, struct hm_err *err) HM_MUST_CHECK;
/* A whole frame is buffered already: do not poll, receive. */
bool hm_wire_pending(const struct hm_wire *w);

/* Queues; goes out when the batch is full or with hm_wire_flush(). */
int hm_wire_send(struct hm_wire *w, enum hm_frame_type type, uint16_t flags,
		 struct hm_slice body, hm_deadline_t deadline,
		 struct hm_err *err) HM_MUST_CHECK;
/* The body in two parts; large data is not copied. */
int hm_wire_send2(struct hm_wire *w, enum hm_frame_type type, uint16_t flags,
		  struct hm_slice head, struct hm_slice data,
		  hm_deadline_t deadline, struct hm_err *err) HM_MUST_CHECK;
int hm_wire_flush(struct hm_wire *w, hm_deadline_t deadline,
		  struct hm_err *err) HM_MUST_CHECK;
