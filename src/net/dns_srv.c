/*
 * dns_srv.c - reads the SRV records (RFC 2782) out of a DNS answer.
 */
#include "net/dns_srv.h"

#include <stdbool.h>

#include "base/str.h"

enum {
	COUNTS = 4,			/* where the header has the number of questions */
	HEADER_REST = 4,		/* of the header behind the number of answers */
	QUESTION_REST = 4,		/* of a question behind its name */
	TYPE_SRV = 33,
	CLASS_IN = 1,
	POINTER = 0xc0,			/* the rest of the name stands elsewhere */
	LABEL_MAX = 63,
	LABELS_MAX = 256,		/* of one name, pointers too; what has more is a loop */
};

/* Where we are in an answer; `bad` once something did not fit, and then zeroes are read. */
struct reader {
	const uint8_t *p;
	size_t n;
	size_t pos;
	bool bad;
};

static const uint8_t *
take(struct reader *r, size_t n)
{
	const uint8_t *at = r->p + r->pos;

	if (r->bad || n > r->n - r->pos) {
		r->bad = true;
		return NULL;
	}
	r->pos += n;
	return at;
}

static unsigned
take_byte(struct reader *r)
{
	const uint8_t *at = take(r, 1);

	return at != NULL ? at[0] : 0;
}

static unsigned
take_16(struct reader *r)
{
	unsigned high = take_byte(r);

	return high << 8 | take_byte(r);
}

static uint32_t
take_32(struct reader *r)
{
	uint32_t high = take_16(r);

	return high << 16 | take_16(r);
}

/* Adds a label to a name of `*n` bytes; false if no host has such a label, or for want of room. */
static bool
add_label(char name[DNS_NAME], size_t *n, struct str label)
{
	if (*n + 1 + label.n >= DNS_NAME)
		return false;
	for (size_t i = 0; i < label.n; i++)
		if (!char_is(label.p[i], CHAR_ALPHA | CHAR_DIGIT) && label.p[i] != '-' &&
		    label.p[i] != '_')
			return false;
	if (*n > 0)
		name[(*n)++] = '.';
	for (size_t i = 0; i < label.n; i++)
		name[(*n)++] = char_lower[(unsigned char)label.p[i]];
	name[*n] = '\0';
	return true;
}

/* Reads a name; `name` is empty for the root, and for one that no host can have. */
static void
take_name(struct reader *r, char name[DNS_NAME])
{
	struct reader at = *r;
	bool jumped = false, fit = true;
	size_t n = 0;

	name[0] = '\0';
	for (int i = 0; i < LABELS_MAX; i++) {
		unsigned length = take_byte(&at);
		const uint8_t *label;

		if (length >= POINTER) {
			size_t to = (length & ~(unsigned)POINTER) << 8 | take_byte(&at);

			if (!jumped)
				r->pos = at.pos;
			jumped = true;
			at.pos = to < at.n ? to : at.n;
			continue;
		}
		label = take(&at, length);
		if (at.bad || length > LABEL_MAX)
			break;
		if (length == 0) {
			if (!jumped)
				r->pos = at.pos;
			if (!fit)
				name[0] = '\0';
			return;
		}
		fit = fit && add_label(name, &n, str_make((const char *)label, length));
	}
	name[0] = '\0';
	r->bad = true;
}

/* Reads one record; true if it went to `out`. */
static bool
take_record(struct reader *r, struct dns_srv *out, uint32_t *ttl_s)
{
	char owner[DNS_NAME];
	unsigned type, class;
	struct reader data;
	uint32_t ttl;
	size_t n;

	take_name(r, owner);
	type = take_16(r);
	class = take_16(r);
	ttl = take_32(r);
	n = take_16(r);
	data = *r;
	if (take(r, n) == NULL)
		return false;
	/* A TTL with the highest bit set is zero: RFC 2181, 8. */
	if (ttl > INT32_MAX)
		ttl = 0;
	if (ttl < *ttl_s)
		*ttl_s = ttl;
	if (type != TYPE_SRV || class != CLASS_IN)
		return false;
	out->priority = (uint16_t)take_16(&data);
	out->weight = (uint16_t)take_16(&data);
	out->port = (uint16_t)take_16(&data);
	take_name(&data, out->target);
	r->bad = data.bad || data.pos != r->pos;
	return !r->bad && out->target[0] != '\0' && out->port != 0;
}

int
dns_srv_parse(const uint8_t *answer, size_t n, struct dns_srv *out, unsigned max, uint32_t *ttl_s)
{
	struct reader r = { answer, n, 0, false };
	struct dns_srv record;
	unsigned questions, answers, found = 0;
	char name[DNS_NAME];

	*ttl_s = UINT32_MAX;
	take(&r, COUNTS);
	questions = take_16(&r);
	answers = take_16(&r);
	take(&r, HEADER_REST);
	for (; questions > 0 && !r.bad; questions--) {
		take_name(&r, name);
		take(&r, QUESTION_REST);
	}
	for (; answers > 0 && !r.bad; answers--)
		if (take_record(&r, &record, ttl_s) && found < max)
			out[found++] = record;
	return r.bad ? -1 : (int)found;
}
