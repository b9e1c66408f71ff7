/*
 * odd_names.c - fields of requests whose names have _ or . are dropped, and the log says so.
 */
#include "http/odd_names.h"

#include "base/log.h"

enum { MINUTE_MS = 60000, SHOWN = 200 };

static bool
was_told(const struct odd_names *o, uint64_t hash)
{
	unsigned n = o->told < ODD_NAMES_REMEMBERED ? o->told : ODD_NAMES_REMEMBERED;

	for (unsigned i = 0; i < n; i++)
		if (o->seen[i] == hash)
			return true;
	return false;
}

bool
odd_names_is_news(struct odd_names *o, struct str name, msec now_ms)
{
	uint64_t hash = str_ihash(name, 0);

	if (was_told(o, hash))
		return false;
	if (o->told_now == 0 || now_ms - o->since_ms >= MINUTE_MS) {
		o->since_ms = now_ms;
		o->told_now = 0;
	}
	if (o->told_now == ODD_NAMES_A_MINUTE)
		return false;
	o->told_now++;
	o->seen[o->told++ % ODD_NAMES_REMEMBERED] = hash;
	return true;
}

/* A client chooses how long a name is. */
static void
tell(struct str name)
{
	bool cut = name.n > SHOWN;

	log_info("request header %.*s%s dropped: its name has _ or . "
	    "(header_names = any lets it pass)", cut ? SHOWN : (int)name.n, name.p,
	    cut ? "..." : "");
}

void
odd_names_drop(struct fields *fields)
{
	static struct odd_names told;

	FIELDS_EACH(f, fields) {
		if (!field_has_odd_name(f))
			continue;
		if (odd_names_is_news(&told, f->name, clock_ms()))
			tell(f->name);
		f->gone = true;
	}
}
