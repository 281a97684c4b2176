/* RFC 3339 both ways, against libc's own calendar and against bad dates. */
#include "test/unit/tap.h"

#include <time.h>

#include "lib/when.h"

static bool parse(const char *s, int64_t *ms)
{
	return hm_when_parse(hm_slice_str(s), ms);
}

int main(void)
{
	static const char *const bad[] = {
		"", "2026-05-03", "2026-05-03T10:00:00", "2026-05-03T10:00:00z",
		"2026-05-03 10:00:00Z", "2026-02-29T10:00:00Z",
		"2026-04-31T10:00:00Z", "2026-13-01T10:00:00Z",
		"2026-00-01T10:00:00Z", "2026-01-00T10:00:00Z",
		"2026-01-01T24:00:00Z", "2026-01-01T10:60:00Z",
		"2026-01-01T10:00:60Z", "1969-12-31T23:59:59Z",
		"2026-01-01T10:00:00+00:00", "2026-01-01T10:00:00.1Z",
		"2026-01-01T10:00:00,123Z", "2026-01-01T10:00:00.12aZ",
		"+026-01-01T10:00:00Z", "2026-01-01T1 :00:00Z",
		"2026/01-01T10:00:00Z", "2026-01/01T10:00:00Z",
		"2026-01-01T10.00:00Z", "2026-01-01T10:00.00Z",
		"2100-02-29T00:00:00Z", "2026-01-01T10:00:00ZZ",
	};
	char out[HM_WHEN_MAX], want[HM_WHEN_MAX];
	int64_t ms = -1;
	int bad_round = 0;

	for (size_t i = 0; i < HM_ARRAY_LEN(bad); i++)
		ok(!parse(bad[i], &ms), "refused: %s", bad[i]);
	ok(ms == -1, "nothing is written on failure");
	ok(parse("1970-01-01T00:00:00Z", &ms) && ms == 0, "the epoch");
	ok(parse("2000-02-29T23:59:59.999Z", &ms) && ms == 951868799999LL,
	   "a leap day with milliseconds");
	ok(parse("9999-12-31T23:59:59Z", &ms) && ms == 253402300799000LL,
	   "the last second");
	ok(strcmp(hm_when(951868799999LL, out), "2000-02-29T23:59:59.999Z") == 0,
	   "written with milliseconds");
	ok(strcmp(hm_when(-5, out), "1970-01-01T00:00:00Z") == 0, "before 1970");
	ok(strcmp(hm_when(INT64_MAX, out), "9999-12-31T23:59:59.999Z") == 0,
	   "after 9999");
	ok(strcmp(hm_when_day(1777766400000LL, out), "3 May 2026") == 0,
	   "as a day: %s", out);
	for (int64_t s = 0; s < 4102444800LL * 2; s += 86400LL * 13 + 7919) {
		time_t t = (time_t)s;
		struct tm tm;

		gmtime_r(&t, &tm);
		strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%SZ", &tm);
		if (strcmp(hm_when(s * 1000, out), want) != 0 ||
		    !parse(want, &ms) || ms != s * 1000)
			bad_round++;
	}
	ok(bad_round == 0, "agrees with libc from 1970 to 2230");
	return tap_done();
}
