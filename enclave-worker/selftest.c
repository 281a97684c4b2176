/*
 * Judges the probe (probe/probe.c). Fails closed: silence, a different number
 * of checks or one byte too many is a refusal, since it means that something
 * else ran in the probe's place or that it did not get to the end.
 */
#include "enclave-worker/selftest.h"

#include <stdio.h>

#include "enclave-worker/probe/probe.h"
#include "lib/log.h"

/* "a, b, c" of the lines that name an open door. */
static void open_doors(struct hm_slice said, char *out, size_t out_size)
{
	static const char mark[] = HM_PROBE_OPEN;
	size_t used = 0;

	out[0] = 0;
	while (said.len > 0 && used < out_size) {
		const uint8_t *end = memchr(said.ptr, '\n', said.len);
		size_t line = end ? (size_t)(end - said.ptr) : said.len;
		size_t skip = end ? line + 1 : line;

		if (line > sizeof(mark) - 1 && memcmp(said.ptr, mark, sizeof(mark) - 1) == 0) {
			int n = snprintf(out + used, out_size - used, "%s%s", used ? ", " : "",
					 HM_ESC(hm_slice(said.ptr + sizeof(mark) - 1,
							 line - (sizeof(mark) - 1))));

			used += n > 0 ? (size_t)n : 0;
		}
		said = hm_slice(said.ptr + skip, said.len - skip);
	}
}

int hm_selftest_judge(struct hm_slice said, const struct hm_exit *status, struct hm_err *err)
{
	char want[64], doors[HM_ERR_MSG_MAX / 2];

	(void)snprintf(want, sizeof(want), HM_PROBE_CLOSED "%d\n", HM_PROBE_CHECKS);
	if (!status->signalled && status->code == 0 && hm_slice_eq_str(said, want))
		return HM_OK;
	open_doors(said, doors, sizeof(doors));
	if (doors[0])
		return hm_fail(err, HM_E_POLICY, 0, "self-test: the sandbox is open: %s", doors);
	return hm_fail(err, HM_E_POLICY, 0, "self-test: the probe ended with %s %d and said '%s'",
		       status->signalled ? "signal" : "status", status->code, HM_ESC(said));
}
