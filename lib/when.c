/*
 * RFC 3339 both ways by the civil-calendar arithmetic of the Gregorian calendar
 * rather than through libc: no locale, no time zone file, no 32-bit time_t, and
 * a date that does not exist (31 April) is refused instead of normalised.
 */
#include "lib/when.h"

#include <stdio.h>

#define DAY_MS (24LL * 60 * 60 * 1000)
#define LAST_MS 253402300799999LL	/* 9999-12-31T23:59:59.999Z */

static bool digits(const uint8_t *p, size_t n, unsigned int *ret)
{
	unsigned int v = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		v = v * 10 + (unsigned int)(p[i] - '0');
	}
	*ret = v;
	return true;
}

static bool is_leap(unsigned int y)
{
	return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

static unsigned int days_in(unsigned int year, unsigned int month)
{
	static const uint8_t days[12] = { 31, 28, 31, 30, 31, 30,
					  31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year) ? 1U : 0U);
}

/* Days since 1970-01-01; years count from March so that leap days come last. */
static int64_t days_from_civil(unsigned int year, unsigned int month,
			       unsigned int day)
{
	int64_t y = (int64_t)year - (month <= 2 ? 1 : 0);
	int64_t era = y / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * ((int64_t)(month + 9) % 12) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

struct civil {
	int64_t year, month, day;
};

static struct civil civil_from_days(int64_t z)
{
	z += 719468;
	int64_t era = z / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	int64_t month = mp < 10 ? mp + 3 : mp - 9;

	return (struct civil){
		.year = yoe + era * 400 + (month <= 2 ? 1 : 0),
		.month = month,
		.day = doy - (153 * mp + 2) / 5 + 1,
	};
}

bool hm_when_parse(struct hm_slice text, int64_t *ret_ms)
{
	unsigned int year, month, day, hour, minute, second, ms = 0;
	const uint8_t *p = text.ptr;

	if (text.len != 20 && text.len != 24)
		return false;
	if (!digits(p, 4, &year) || p[4] != '-' || !digits(p + 5, 2, &month) ||
	    p[7] != '-' || !digits(p + 8, 2, &day) || p[10] != 'T' ||
	    !digits(p + 11, 2, &hour) || p[13] != ':' ||
	    !digits(p + 14, 2, &minute) || p[16] != ':' ||
	    !digits(p + 17, 2, &second) || p[text.len - 1] != 'Z')
		return false;
	if (text.len == 24 && (p[19] != '.' || !digits(p + 20, 3, &ms)))
		return false;
	if (year < 1970 || month < 1 || month > 12 || day < 1 ||
	    day > days_in(year, month) || hour > 23 || minute > 59 ||
	    second > 59)
		return false;
	*ret_ms = days_from_civil(year, month, day) * DAY_MS +
		  (int64_t)((hour * 60 + minute) * 60 + second) * 1000 + ms;
	return true;
}

static int64_t clamp(int64_t ms)
{
	if (ms < 0)
		return 0;
	return ms > LAST_MS ? LAST_MS : ms;
}

const char *hm_when(int64_t ms, char out[HM_WHEN_MAX])
{
	int64_t t = clamp(ms);
	struct civil c = civil_from_days(t / DAY_MS);
	int64_t s = t % DAY_MS / 1000;
	int n = snprintf(out, HM_WHEN_MAX, "%04d-%02d-%02dT%02d:%02d:%02d",
			 (int)c.year, (int)c.month, (int)c.day, (int)(s / 3600),
			 (int)(s / 60 % 60), (int)(s % 60));

	if (t % 1000 != 0)
		snprintf(out + n, HM_WHEN_MAX - (size_t)n, ".%03dZ",
			 (int)(t % 1000));
	else
		snprintf(out + n, HM_WHEN_MAX - (size_t)n, "Z");
	return out;
}

const char *hm_when_day(int64_t ms, char out[HM_WHEN_MAX])
{
	static const char *const month[12] = {
		"January", "February", "March", "April", "May", "June", "July",
		"August", "September", "October", "November", "December",
	};
	struct civil c = civil_from_days(clamp(ms) / DAY_MS);

	snprintf(out, HM_WHEN_MAX, "%d %s %d", (int)c.day,
		 month[c.month - 1], (int)c.year);
	return out;
}
