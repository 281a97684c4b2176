/* What the worker tells its host: how often, and how much of it. */
#include <sys/socket.h>

#include "enclave-worker/link.h"
#include "lib/log.h"
#include "test/unit/tap.h"

static struct hm_err err;

/* A build that is refused by the thousand must not annotate by the thousand. */
static void notices_have_an_end(void)
{
	hm_deadline_t by = hm_deadline_in(5000);
	struct hm_link l;
	struct hm_wire host;
	struct hm_frame f;
	unsigned int got = 0, bad = 0;
	int fds[2];

	HM_BUG_ON(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0);
	hm_link_init(&l, fds[0]);
	l.wire.state = HM_ST_BUILDING;
	hm_wire_init(&host, fds[1], HM_SIDE_HOST);
	host.state = HM_ST_BUILDING;
	for (unsigned int i = 0; i < 3 * HM_LINK_NOTICES_MAX; i++) {
		unsigned int want = i < HM_LINK_NOTICES_MAX ? 1 : 0;

		bad += hm_link_notice(&l, hm_slice_str("a\x1b"), &err) != HM_OK;
		if (i > HM_LINK_NOTICES_MAX)
			continue;
		if (hm_wire_receive(&host, by, &f, &err) != HM_OK ||
		    f.type != HM_F_NOTICE)
			break;
		got++;
		bad += want && !hm_slice_eq_str(f.body, "a\\x1b");
	}
	ok(bad == 0, "a notice is escaped, and too many are no error");
	ok(got == HM_LINK_NOTICES_MAX + 1 &&
		   !hm_slice_eq_str(f.body, "a\\x1b"),
	   "the last of %u says that there are more", got);
	fails(hm_wire_receive(&host, hm_deadline_in(50), &f, &err), &err,
	      HM_E_TIMEOUT, "timed out", "and then there are none");
	hm_link_release(&l);
	hm_wire_release(&host);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

int main(void)
{
	notices_have_an_end();
	return tap_done();
}
