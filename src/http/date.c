/*
 * date.c - dates of fields: RFC 9110, 5.6.7.
 *
 *	Sun, 06 Nov 1994 08:49:37 GMT	IMF-fixdate
 *	Sunday, 06-Nov-94 08:49:37 GMT	RFC 850
 *	Sun Nov  6 08:49:37 1994	asctime()
 */
#include "http/date.h"

#include <time.h>

#include "base/clock.h"

static const char day_names[] = "SunMonTueWedThuFriSat";
static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const struct str long_days[] = {
	STR("Sunday"), STR("Monday"), STR("Tuesday"), STR("Wednesday"), STR("Thursday"),
	STR("Friday"), STR("Saturday"),
};

static char *
put_two(char *p, int n)
{
	p[0] = (char)('0' + n / 10 % 10);
	p[1] = (char)('0' + n % 10);
	return p + 2;
}

static char *
put_text(char *p, const char *text, size_t n)
{
	memcpy(p, text, n);
	return p + n;
}

void
http_date_write(char *out, int64_t seconds)
{
	time_t t = (time_t)seconds;
	struct tm tm;
	char *p = out;

	if (gmtime_r(&t, &tm) == NULL)
		tm = (struct tm){ .tm_mday = 1, .tm_year = 70, .tm_wday = 4 };
	p = put_text(p, day_names + 3 * tm.tm_wday, 3);
	p = put_text(p, ", ", 2);
	p = put_two(p, tm.tm_mday);
	*p++ = ' ';
	p = put_text(p, month_names + 3 * tm.tm_mon, 3);
	*p++ = ' ';
	p = put_two(p, (tm.tm_year + 1900) / 100);
	p = put_two(p, (tm.tm_year + 1900) % 100);
	*p++ = ' ';
	p = put_two(p, tm.tm_hour);
	*p++ = ':';
	p = put_two(p, tm.tm_min);
	*p++ = ':';
	p = put_two(p, tm.tm_sec);
	put_text(p, " GMT", 4);
}

struct str
http_date_text(struct arena *arena, int64_t seconds)
{
	char *p = arena_alloc(arena, HTTP_DATE_LEN);

	http_date_write(p, seconds);
	return str_make(p, HTTP_DATE_LEN);
}

/* --- reading: each take_ function removes what it knows from the front of `rest` ------------- */

static bool
take(struct str *rest, const char *text)
{
	struct str want = str_of(text);

	if (!str_starts(*rest, want))
		return false;
	*rest = str_skip(*rest, want.n);
	return true;
}

/* Exactly `n` digits. */
static bool
take_number(struct str *rest, size_t n, int *value)
{
	uint64_t v;

	if (rest->n < n || !str_uint(str_make(rest->p, n), 9999, &v))
		return false;
	*value = (int)v;
	*rest = str_skip(*rest, n);
	return true;
}

/* One of the names of three letters that stand together in `names`. */
static bool
take_name(struct str *rest, const char *names, int *index)
{
	for (int i = 0; names[3 * i] != '\0' && rest->n >= 3; i++) {
		if (memcmp(rest->p, names + 3 * i, 3) == 0) {
			*index = i;
			*rest = str_skip(*rest, 3);
			return true;
		}
	}
	return false;
}

static bool
take_time(struct str *rest, struct tm *tm)
{
	return take_number(rest, 2, &tm->tm_hour) && take(rest, ":") &&
	    take_number(rest, 2, &tm->tm_min) && take(rest, ":") &&
	    take_number(rest, 2, &tm->tm_sec);
}

static bool
read_fixdate(struct str rest, struct tm *tm)
{
	return take_name(&rest, day_names, &tm->tm_wday) && take(&rest, ", ") &&
	    take_number(&rest, 2, &tm->tm_mday) && take(&rest, " ") &&
	    take_name(&rest, month_names, &tm->tm_mon) && take(&rest, " ") &&
	    take_number(&rest, 4, &tm->tm_year) && take(&rest, " ") &&
	    take_time(&rest, tm) && take(&rest, " GMT") && rest.n == 0;
}

/* A year of two digits is never more than 50 years ahead: RFC 9110, 5.6.7. */
static int
whole_year(int two_digits)
{
	time_t now = (time_t)(clock_wall_ms() / 1000);
	struct tm tm;
	int year;

	if (gmtime_r(&now, &tm) == NULL)
		return 1900 + two_digits;
	year = (tm.tm_year + 1900) / 100 * 100 + two_digits;
	return year > tm.tm_year + 1900 + 50 ? year - 100 : year;
}

static bool
read_rfc850(struct str rest, struct tm *tm)
{
	bool found = false;

	for (int i = 0; i < 7 && !found; i++) {
		found = str_starts(rest, long_days[i]);
		if (found)
			rest = str_skip(rest, long_days[i].n);
	}
	if (!found || !take(&rest, ", ") || !take_number(&rest, 2, &tm->tm_mday) ||
	    !take(&rest, "-") || !take_name(&rest, month_names, &tm->tm_mon) ||
	    !take(&rest, "-") || !take_number(&rest, 2, &tm->tm_year) || !take(&rest, " ") ||
	    !take_time(&rest, tm) || !take(&rest, " GMT") || rest.n > 0)
		return false;
	tm->tm_year = whole_year(tm->tm_year);
	return true;
}

static bool
read_asctime(struct str rest, struct tm *tm)
{
	if (!take_name(&rest, day_names, &tm->tm_wday) || !take(&rest, " ") ||
	    !take_name(&rest, month_names, &tm->tm_mon) || !take(&rest, " "))
		return false;
	if (!(take(&rest, " ") ? take_number(&rest, 1, &tm->tm_mday) :
	    take_number(&rest, 2, &tm->tm_mday)))
		return false;
	return take(&rest, " ") && take_time(&rest, tm) && take(&rest, " ") &&
	    take_number(&rest, 4, &tm->tm_year) && rest.n == 0;
}

static bool
is_date(const struct tm *tm)
{
	static const char days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return tm->tm_year > 0 && tm->tm_mday >= 1 && tm->tm_mday <= days[tm->tm_mon] &&
	    tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec <= 60;
}

bool
http_date_parse(struct str text, int64_t *seconds)
{
	struct tm tm = { 0 };

	if (!read_fixdate(text, &tm) && !read_rfc850(text, &tm) && !read_asctime(text, &tm))
		return false;
	if (!is_date(&tm))
		return false;
	if (tm.tm_sec == 60)
		tm.tm_sec = 59;		/* a leap second; our clock has none */
	tm.tm_year -= 1900;
	*seconds = (int64_t)timegm(&tm);
	return true;
}
