/*
 * Objects into frames. The worker counts what it gets against the declared size,
 * so a source that gives more or less than it said is a bug found here first.
 */
#include "runner-hook/object_sender.h"

#include "lib/num.h"

static int begin(void *ctx, unsigned int kind, uint64_t size, struct hm_err *err)
{
	struct hm_object_sender *s = ctx;

	(void)err;
	s->head[0] = (uint8_t)kind;
	hm_put_u64be(s->head + 1, size);
	s->left = size;
	s->first = true;
	return HM_OK;
}

static int send_part(struct hm_object_sender *s, struct hm_slice data,
		     struct hm_err *err)
{
	uint16_t flags = s->left == data.len ? HM_FF_LAST : 0;
	struct hm_slice head = hm_slice(NULL, 0);
	int rc;

	if (s->first) {
		flags |= HM_FF_FIRST;
		head = hm_slice(s->head, sizeof(s->head));
	}
	s->first = false;
	s->left -= data.len;
	s->bytes += data.len;
	rc = hm_wire_send2(s->wire, HM_F_OBJECT, flags, head, data,
			   hm_deadline_in(s->silence_ms), err);
	if (rc == HM_OK && s->look && ++s->frames % HM_SENDER_LOOK == 0)
		rc = s->look(s->look_ctx, err);
	return rc;
}

static int data(void *ctx, const void *p, size_t len, struct hm_err *err)
{
	struct hm_object_sender *s = ctx;

	HM_BUG_ON(len > s->left || len > HM_WIRE_CHUNK);
	return len > 0 ? send_part(s, hm_slice(p, len), err) : HM_OK;
}

static int end(void *ctx, struct hm_err *err)
{
	struct hm_object_sender *s = ctx;

	HM_BUG_ON(s->left != 0);
	s->objects++;
	return s->first ? send_part(s, hm_slice(NULL, 0), err) : HM_OK;
}

struct hm_object_sink hm_object_sender_init(struct hm_object_sender *s,
					    struct hm_wire *wire,
					    int64_t silence_ms)
{
	*s = (struct hm_object_sender){.wire = wire, .silence_ms = silence_ms};
	return (struct hm_object_sink){.ctx = s, .begin = begin, .data = data,
				       .end = end};
}
