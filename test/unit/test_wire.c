/* The rule table and the message bodies: every refusal of schema/PROTOCOL.md. */
#include <sys/socket.h>

#include "lib/message.h"
#include "lib/num.h"
#include "lib/wire.h"
#include "test/unit/tap.h"

static struct hm_err err;

struct pair {
	int fds[2];
	struct hm_wire host, worker;
};

static void pair_open(struct pair *p, enum hm_state s)
{
	HM_BUG_ON(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p->fds) != 0);
	hm_wire_init(&p->host, p->fds[0], HM_SIDE_HOST);
	hm_wire_init(&p->worker, p->fds[1], HM_SIDE_WORKER);
	p->host.state = s;
	p->worker.state = s;
}

static void pair_close(struct pair *p)
{
	hm_wire_release(&p->host);
	hm_wire_release(&p->worker);
	(void)close(p->fds[0]);
	(void)close(p->fds[1]);
}

/* What the worker says to these header bytes in this state. */
static void header_refused(enum hm_state s, uint32_t len, uint16_t type,
			   uint16_t flags, const char *text)
{
	struct hm_frame f;
	struct pair p;
	uint8_t h[8];

	pair_open(&p, s);
	hm_put_u32be(h, len);
	hm_put_u16be(h + 4, type);
	hm_put_u16be(h + 6, flags);
	HM_BUG_ON(write(p.fds[0], h, sizeof(h)) != sizeof(h));
	fails(hm_wire_receive(&p.worker, hm_deadline_in(500), &f, &err), &err,
	      HM_E_PROTOCOL, text, "type %u flags %u length %u in '%s': %s", type,
	      flags, len, hm_state_name(s), text);
	ok(p.worker.in.cap <= HM_WIRE_HEADER + HM_OBJECT_HEAD + 4 * HM_WIRE_CHUNK,
	   "and nothing was allocated by the peer's number");
	pair_close(&p);
}

static void test_table(void)
{
	/* type, states in which a worker takes it: schema/PROTOCOL.md */
	static const struct { uint16_t type; unsigned int states; } from_host[] = {
		{HM_F_HELLO, 1U << HM_ST_GREETING},
		{HM_F_CONFIG, 1U << HM_ST_GREETED},
		{HM_F_OBJECT, 1U << HM_ST_SOURCE},
		{HM_F_CANCEL, 0x1feU},
		{HM_F_LANE, 1U << HM_ST_GREETING},
	};

	for (size_t i = 0; i < HM_ARRAY_LEN(from_host); i++) {
		for (unsigned int s = 0; s < HM_ST_COUNT; s++) {
			bool allowed = (from_host[i].states >> s & 1U) != 0;
			struct hm_frame f;
			struct pair p;
			uint8_t h[8] = {0};
			int rc;

			pair_open(&p, (enum hm_state)s);
			hm_put_u16be(h + 4, from_host[i].type);
			HM_BUG_ON(write(p.fds[0], h, 8) != 8);
			rc = hm_wire_receive(&p.worker, hm_deadline_in(500), &f,
					     &err);
			ok(allowed == (rc == HM_OK), "type %u in '%s' is %s",
			   from_host[i].type, hm_state_name((enum hm_state)s),
			   allowed ? "taken" : "refused");
			pair_close(&p);
		}
	}
	for (uint16_t t = 16; t <= 24; t++)
		header_refused(HM_ST_SOURCE, 0, t, 0, "wrong side");
	header_refused(HM_ST_SOURCE, 0, 0, 0, "unknown frame type");
	header_refused(HM_ST_SOURCE, 0, 25, 0, "unknown frame type");
	header_refused(HM_ST_SOURCE, 0, 65535, 0, "unknown frame type");
	header_refused(HM_ST_SOURCE, 1, HM_F_OBJECT, HM_FF_STDERR, "flags");
	header_refused(HM_ST_GREETING, 1, HM_F_HELLO, HM_FF_FIRST, "flags");
	header_refused(HM_ST_SOURCE, HM_OBJECT_HEAD + HM_WIRE_CHUNK + 1,
		       HM_F_OBJECT, 0, "at most");
	header_refused(HM_ST_SOURCE, UINT32_MAX, HM_F_OBJECT, 0, "at most");
	header_refused(HM_ST_GREETED, 65537, HM_F_CONFIG, 0, "at most");
	header_refused(HM_ST_GREETED, 1, HM_F_CANCEL, 0, "at most");
}

/* A peer with always one more frame: one deadline for all of them still ends. */
static void flood_meets_deadline(void)
{
	hm_deadline_t by = hm_deadline_in(100), give_up = hm_deadline_in(5000);
	struct hm_frame f;
	struct pair p;
	int rc = HM_OK;

	pair_open(&p, HM_ST_BUILDING);
	while (rc == HM_OK && hm_deadline_left(give_up) > 0) {
		if (hm_wire_send(&p.worker, HM_F_NOTICE, 0, hm_slice("x", 1),
				 give_up, &err) < 0 ||
		    hm_wire_flush(&p.worker, give_up, &err) < 0)
			break;
		rc = hm_wire_receive(&p.host, by, &f, &err);
	}
	fails(rc, &err, HM_E_TIMEOUT, "timed out",
	      "and so does somebody who never stops talking");
	pair_close(&p);
}

static void test_stream(void)
{
	static uint8_t big[HM_WIRE_CHUNK];
	struct hm_frame f;
	struct pair p;
	int bad = 0;

	pair_open(&p, HM_ST_SOURCE);
	for (int i = 0; i < 1000; i++)
		bad |= hm_wire_send(&p.host, HM_F_OBJECT, 0, hm_slice(&i, sizeof(i)),
				    hm_deadline_in(500), &err);
	bad |= hm_wire_flush(&p.host, hm_deadline_in(500), &err);
	for (int i = 0; i < 1000; i++) {
		bad |= hm_wire_receive(&p.worker, hm_deadline_in(500), &f, &err);
		bad |= f.body.len != sizeof(i) || memcmp(f.body.ptr, &i, sizeof(i));
		bad |= (i < 999) != hm_wire_pending(&p.worker);
	}
	ok(bad == 0, "a thousand small frames arrive in order, from one read");
	memset(big, 7, sizeof(big));
	ok(hm_wire_send2(&p.host, HM_F_OBJECT, HM_FF_LAST, hm_slice("123456789", 9),
			 hm_slice(big, 150000), hm_deadline_in(500), &err) == 0 &&
		   hm_wire_receive(&p.worker, hm_deadline_in(500), &f, &err) == 0 &&
		   f.body.len == 150009 && f.flags == HM_FF_LAST &&
		   f.body.ptr[8] == '9' && f.body.ptr[9] == 7,
	   "a body in two parts arrives as one");
	fails(hm_wire_receive(&p.worker, hm_deadline_in(30), &f, &err), &err,
	      HM_E_TIMEOUT, "timed out", "silence meets its deadline");
	flood_meets_deadline();
	(void)shutdown(p.fds[0], SHUT_WR);
	fails(hm_wire_receive(&p.worker, hm_deadline_in(500), &f, &err), &err,
	      HM_E_CLOSED, "source", "a host that hangs up is named with the state");
	pair_close(&p);

	pair_open(&p, HM_ST_GREETING);
	ok(hm_wire_advance(&p.host, HM_ST_GREETED, &err) == 0, "one step on");
	fails(hm_wire_advance(&p.host, HM_ST_GREETED, &err), &err, HM_E_PROTOCOL,
	      "after 'greeted'", "a state cannot repeat");
	fails(hm_wire_advance(&p.host, HM_ST_LATCHED, &err), &err, HM_E_PROTOCOL,
	      "after 'greeted'", "nor be skipped");
	fails(hm_wire_advance(&p.host, HM_ST_GREETING, &err), &err, HM_E_PROTOCOL,
	      "after 'greeted'", "nor come back");
	pair_close(&p);
}

static void test_messages(void)
{
	char code[] = "build", step[] = "build", text[] = "it failed";
	struct hm_msg_failed m = {.code = code, .exit_status = 300, .message = text,
				  .step = step}, back;
	struct hm_msg_config c = {0}, c2;
	struct hm_msg_done done;
	char *dirs[] = {code, step};
	AUTO_BUF struct hm_buf b;
	size_t refused = 0;

	hm_buf_init(&b, 65536);
	ok_call(hm_msg_encode(HM_MSG_FAILED, &m, &b, &err), &err, "encode");
	ok_call(hm_msg_decode(HM_MSG_FAILED, hm_buf_slice(&b), &back, &err), &err,
		"decode");
	ok(strcmp(back.code, "build") == 0 && back.exit_status == 300 &&
		   strcmp(back.message, "it failed") == 0,
	   "what went in comes out");
	hm_msg_release(HM_MSG_FAILED, &back);
	for (size_t n = 0; n < b.len; n++) {
		if (hm_msg_decode(HM_MSG_FAILED, hm_slice(b.data, n), &back, &err) ==
		    HM_E_PROTOCOL)
			refused++;
	}
	ok(refused == b.len, "every truncation is refused");
	ok(hm_buf_add(&b, "\0", 1, &err) == 0, "one byte more");
	fails(hm_msg_decode(HM_MSG_FAILED, hm_buf_slice(&b), &back, &err), &err,
	      HM_E_PROTOCOL, "failed message", "and bytes behind the map too");
	b.len--;
	b.data[2] ^= 1U;
	fails(hm_msg_decode(HM_MSG_FAILED, hm_buf_slice(&b), &back, &err), &err,
	      HM_E_PROTOCOL, "code", "another key in its place is refused");
	fails(hm_msg_decode(HM_MSG_DONE, hm_slice_str("\xa1\x64size\x01"), &done, &err), &err,
	      HM_E_PROTOCOL, "1 fields instead of 2", "a missing key is refused");
	text[0] = '\x1b';
	b.len = 0;
	ok_call(hm_msg_encode(HM_MSG_FAILED, &m, &b, &err), &err, "with an escape");
	fails(hm_msg_decode(HM_MSG_FAILED, hm_buf_slice(&b), &back, &err), &err,
	      HM_E_PROTOCOL, "control characters", "control characters are refused");

	c.commit = step;
	c.toolchains.items = dirs;
	c.toolchains.count = 2;
	hm_buf_init_secret(&c.dev_root_key, 64);
	hm_buf_init(&c.dev_root_cert, 64);
	hm_buf_init(&c.nonce, 64);
	ok(hm_buf_add(&c.dev_root_key, "key", 3, &err) == 0, "a key");
	b.len = 0;
	ok_call(hm_msg_encode(HM_MSG_CONFIG, &c, &b, &err), &err, "config");
	ok_call(hm_msg_decode(HM_MSG_CONFIG, hm_buf_slice(&b), &c2, &err), &err,
		"config back");
	ok(c2.toolchains.count == 2 && strcmp(c2.toolchains.items[1], "build") == 0 &&
		   c2.dev_root_key.secret &&
		   hm_slice_eq_str(hm_buf_slice(&c2.dev_root_key), "key"),
	   "lists and secrets arrive as such");
	hm_msg_release(HM_MSG_CONFIG, &c2);
	hm_buf_release(&c.dev_root_key);
}

int main(void)
{
	test_table();
	test_stream();
	test_messages();
	return tap_done();
}
