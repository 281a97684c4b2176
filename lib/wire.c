/*
 * Frames and the rules for them. The peer is hostile on both sides: the host
 * does not trust an image it did not make, the worker trusts nobody.
 *
 * Should:    check type, direction, state, flags and length, in this order,
 *            before a byte of the body is read.
 * Mustn't:   allocate by the peer's number; skip an unknown frame.
 */
#include "lib/wire.h"

#include <assert.h>

#include "lib/num.h"

/* One read may bring many small frames: 100,000 objects of a few bytes. */
#define IN_MAX (HM_WIRE_HEADER + HM_OBJECT_HEAD + 4 * HM_WIRE_CHUNK)
#define OUT_MAX HM_WIRE_CHUNK
/* Below this, copying into the batch beats another system call. */
#define COPY_BELOW 32768U

#define BIT(s) (1U << (s))
#define FROM(s) (~0U << (s))

/* CONFIG carries a development root, toolchain directories and a nonce. */
#define CONFIG_MAX 65536U
/* FAILED and NOTICE carry sentences. */
#define TEXT_MAX 4096U

struct rule {
	enum hm_frame_type type;
	enum hm_side from;
	unsigned int states;
	uint16_t flags;
	uint32_t max;
};

static const struct rule rules[] = {
	{HM_F_HELLO, HM_SIDE_HOST, BIT(HM_ST_GREETING), 0, TEXT_MAX},
	{HM_F_CONFIG, HM_SIDE_HOST, BIT(HM_ST_GREETED), 0, CONFIG_MAX},
	{HM_F_OBJECT, HM_SIDE_HOST, BIT(HM_ST_SOURCE),
	 HM_FF_FIRST | HM_FF_LAST, HM_OBJECT_HEAD + HM_WIRE_CHUNK},
	{HM_F_CANCEL, HM_SIDE_HOST, FROM(HM_ST_GREETED), 0, 0},
	{HM_F_LANE, HM_SIDE_HOST, BIT(HM_ST_GREETING), 0, 0},
	{HM_F_WELCOME, HM_SIDE_WORKER, BIT(HM_ST_GREETING), 0, TEXT_MAX},
	{HM_F_READY, HM_SIDE_WORKER, BIT(HM_ST_GREETED), 0, 0},
	{HM_F_PROGRESS, HM_SIDE_WORKER, FROM(HM_ST_GREETED), 0, TEXT_MAX},
	{HM_F_STATE, HM_SIDE_WORKER, FROM(HM_ST_SOURCE), 0, TEXT_MAX},
	{HM_F_LOG, HM_SIDE_WORKER, BIT(HM_ST_BUILDING), HM_FF_STDERR,
	 HM_WIRE_CHUNK},
	{HM_F_NOTICE, HM_SIDE_WORKER, FROM(HM_ST_GREETED), 0, TEXT_MAX},
	{HM_F_TAR, HM_SIDE_WORKER, BIT(HM_ST_PACKED), 0, HM_WIRE_CHUNK},
	{HM_F_DONE, HM_SIDE_WORKER, BIT(HM_ST_PACKED), 0, TEXT_MAX},
	{HM_F_FAILED, HM_SIDE_WORKER, ~0U, 0, TEXT_MAX},
};

static const char *const state_names[] = {
	[HM_ST_GREETING] = "greeting", [HM_ST_GREETED] = "greeted",
	[HM_ST_SOURCE] = "source",     [HM_ST_LATCHED] = "latched",
	[HM_ST_BUILDING] = "building", [HM_ST_MEASURED] = "measured",
	[HM_ST_ATTESTED] = "attested", [HM_ST_PACKED] = "packed",
	[HM_ST_DONE] = "done",
};
static_assert(HM_ARRAY_LEN(state_names) == HM_ST_COUNT,
	      "every state has a name");

const char *hm_state_name(enum hm_state s)
{
	HM_BUG_ON(s >= HM_ST_COUNT);
	return state_names[s];
}

void hm_wire_init(struct hm_wire *w, int fd, enum hm_side side)
{
	*w = (struct hm_wire){.fd = fd, .side = side};
	hm_buf_init(&w->in, IN_MAX);
	hm_buf_init(&w->out, OUT_MAX);
}

void hm_wire_release(struct hm_wire *w)
{
	hm_buf_release(&w->in);
	hm_buf_release(&w->out);
}

int hm_wire_advance(struct hm_wire *w, enum hm_state next, struct hm_err *err)
{
	if (next >= HM_ST_COUNT || next != w->state + 1)
		return hm_fail(err, HM_E_PROTOCOL, 0,
			       "state %u after '%s'", (unsigned int)next,
			       hm_state_name(w->state));
	w->state = next;
	return HM_OK;
}

static const struct rule *rule_of(uint16_t type)
{
	for (size_t i = 0; i < HM_ARRAY_LEN(rules); i++) {
		if ((uint16_t)rules[i].type == type)
			return &rules[i];
	}
	return NULL;
}

struct header {
	uint32_t length;
	uint16_t type;
	uint16_t flags;
};

static int header_check(const struct hm_wire *w, const struct header *h,
			struct hm_err *err)
{
	const struct rule *r = rule_of(h->type);

	if (!r)
		return hm_fail(err, HM_E_PROTOCOL, 0, "unknown frame type %u",
			       h->type);
	if (r->from == w->side)
		return hm_fail(err, HM_E_PROTOCOL, 0,
			       "frame type %u from the wrong side", h->type);
	if ((r->states & BIT(w->state)) == 0)
		return hm_fail(err, HM_E_PROTOCOL, 0,
			       "frame type %u in state '%s'", h->type,
			       hm_state_name(w->state));
	if ((h->flags & ~r->flags) != 0)
		return hm_fail(err, HM_E_PROTOCOL, 0,
			       "frame type %u with flags 0x%x", h->type,
			       h->flags);
	if (h->length > r->max)
		return hm_fail(err, HM_E_PROTOCOL, 0,
			       "frame type %u of %u bytes; at most %u", h->type,
			       h->length, r->max);
	return HM_OK;
}

/* The header at the read position, if it is there. */
static bool header_peek(const struct hm_wire *w, struct header *ret)
{
	const uint8_t *p = w->in.data + w->in_used;

	if (w->in.len - w->in_used < HM_WIRE_HEADER)
		return false;
	ret->length = hm_get_u32be(p);
	ret->type = hm_get_u16be(p + 4);
	ret->flags = hm_get_u16be(p + 6);
	return true;
}

bool hm_wire_pending(const struct hm_wire *w)
{
	struct header h;

	/* A bad header counts as pending: receive will name what is wrong. */
	return header_peek(w, &h) &&
	       (w->in.len - w->in_used - HM_WIRE_HEADER >= h.length ||
		h.length > IN_MAX);
}

static int fill(struct hm_wire *w, hm_deadline_t deadline, struct hm_err *err)
{
	uint8_t *at;
	size_t n;
	int rc;

	hm_buf_consume(&w->in, w->in_used);
	w->in_used = 0;
	n = w->in.max - w->in.len;
	rc = hm_buf_reserve(&w->in, n, &at, err);
	if (rc < 0)
		return rc;
	rc = hm_io_read_some(w->fd, at, n, deadline, &n, err);
	if (rc < 0 && rc != HM_E_CLOSED)
		return rc;
	if (rc == HM_E_CLOSED || n == 0)	/* reset or not: it is gone */
		return hm_fail(err, HM_E_CLOSED, 0,
			       "the other side closed the connection in state "
			       "'%s'", hm_state_name(w->state));
	hm_buf_grown(&w->in, n);
	return HM_OK;
}

int hm_wire_receive(struct hm_wire *w, hm_deadline_t deadline,
		    struct hm_frame *ret_frame, struct hm_err *err)
{
	struct header h;
	int rc;

	/* A peer that always has something to say does not escape the clock. */
	if (hm_deadline_left(deadline) == 0)
		return hm_fail(err, HM_E_TIMEOUT, 0, "read: timed out");
	while (!header_peek(w, &h)) {
		rc = fill(w, deadline, err);
		if (rc < 0)
			return rc;
	}
	rc = header_check(w, &h, err);
	if (rc < 0)
		return rc;
	while (w->in.len - w->in_used - HM_WIRE_HEADER < h.length) {
		rc = fill(w, deadline, err);
		if (rc < 0)
			return rc;
	}
	*ret_frame = (struct hm_frame){
		.type = (enum hm_frame_type)h.type,
		.flags = h.flags,
		.body = hm_slice(w->in.data + w->in_used + HM_WIRE_HEADER,
				 h.length),
	};
	w->in_used += HM_WIRE_HEADER + h.length;
	return HM_OK;
}

int hm_wire_flush(struct hm_wire *w, hm_deadline_t deadline, struct hm_err *err)
{
	int rc = hm_io_write_all(w->fd, w->out.data, w->out.len, deadline, err);

	w->out.len = 0;
	return rc;
}

int hm_wire_send2(struct hm_wire *w, enum hm_frame_type type, uint16_t flags,
		  struct hm_slice head, struct hm_slice data,
		  hm_deadline_t deadline, struct hm_err *err)
{
	const struct rule *r = rule_of((uint16_t)type);
	uint8_t header[HM_WIRE_HEADER];
	size_t len = head.len + data.len, small;
	int rc;

	HM_BUG_ON(!r || r->from != w->side || len > r->max ||
		  (flags & ~r->flags) != 0);
	hm_put_u32be(header, (uint32_t)len);
	hm_put_u16be(header + 4, (uint16_t)type);
	hm_put_u16be(header + 6, flags);
	small = sizeof(header) + head.len +
		(data.len < COPY_BELOW ? data.len : 0);
	if (small > w->out.max - w->out.len) {
		rc = hm_wire_flush(w, deadline, err);
		if (rc < 0)
			return rc;
	}
	rc = hm_buf_add(&w->out, header, sizeof(header), err);
	if (rc == HM_OK)
		rc = hm_buf_add_slice(&w->out, head, err);
	if (rc == HM_OK && data.len < COPY_BELOW)
		return hm_buf_add_slice(&w->out, data, err);
	if (rc == HM_OK)
		rc = hm_wire_flush(w, deadline, err);
	if (rc == HM_OK)
		rc = hm_io_write_all(w->fd, data.ptr, data.len, deadline, err);
	return rc;
}

int hm_wire_send(struct hm_wire *w, enum hm_frame_type type, uint16_t flags,
		 struct hm_slice body, hm_deadline_t deadline,
		 struct hm_err *err)
{
	return hm_wire_send2(w, type, flags, hm_slice(NULL, 0), body, deadline,
			     err);
}
