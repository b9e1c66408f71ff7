/*
 * sigv4.c - AWS Signature Version 4 in an Authorization field.
 */
#include "proxy/bucket/sigv4.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/digest.h"
#include "base/mem.h"

#define ALGORITHM	"AWS4-HMAC-SHA256"

enum { DAY = 8 };		/* of a date, its first bytes */

void
sigv4_date(int64_t wall_ms, char out[SIGV4_DATE])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	char text[SIGV4_DATE + 1];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	if (strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &tm) != SIGV4_DATE)
		memcpy(text, "19700101T000000Z", sizeof(text));	/* a clock beyond year 9999 */
	memcpy(out, text, SIGV4_DATE);
}

void
sigv4_encode(struct buf *out, struct str path)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < path.n; i++) {
		unsigned char c = (unsigned char)path.p[i];

		if (char_is(path.p[i], CHAR_ALPHA | CHAR_DIGIT) ||
		    (c != '\0' && strchr("-._~/", c) != NULL)) {
			buf_char(out, path.p[i]);
			continue;
		}
		buf_char(out, '%');
		buf_char(out, digits[c >> 4]);
		buf_char(out, digits[c & 15]);
	}
}

static void
add_hex(struct buf *out, const uint8_t digest[DIGEST_SHA256])
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned i = 0; i < DIGEST_SHA256; i++) {
		buf_char(out, digits[digest[i] >> 4]);
		buf_char(out, digits[digest[i] & 15]);
	}
}

/* ---- the canonical request */

/* In order of their names; those with the same name stay as they stand. */
struct sorted {
	const struct field **v;
	unsigned n;
};

static int
compare_names(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;

	for (size_t i = 0; i < n; i++) {
		int d = (unsigned char)char_lower[(unsigned char)a.p[i]] -
		    (unsigned char)char_lower[(unsigned char)b.p[i]];

		if (d != 0)
			return d;
	}
	return a.n < b.n ? -1 : a.n > b.n;
}

/* Fields of one list: those with the same name stay in its order. */
static int
compare_fields(const void *a, const void *b)
{
	const struct field *f = *(const struct field *const *)a;
	const struct field *g = *(const struct field *const *)b;
	int d = compare_names(f->name, g->name);

	return d != 0 ? d : (f > g) - (f < g);
}

static struct sorted
sort_fields(const struct fields *fields)
{
	struct sorted s = { mem_zalloc(fields->n + 1, sizeof(struct field *)), 0 };

	FIELDS_EACH(f, fields)
		s.v[s.n++] = f;
	qsort(s.v, s.n, sizeof(s.v[0]), compare_fields);
	return s;
}

static void
add_lower(struct buf *out, struct str name)
{
	for (size_t i = 0; i < name.n; i++)
		buf_char(out, char_lower[(unsigned char)name.p[i]]);
}

/* Runs of blanks count as one, also between quotes. */
static void
add_value(struct buf *out, struct str value)
{
	struct str word;
	bool first = true;

	while (str_word(&value, &word)) {
		if (!first)
			buf_char(out, ' ');
		buf_str(out, word);
		first = false;
	}
}

static bool
same_as_before(const struct sorted *s, unsigned i)
{
	return i > 0 && compare_names(s->v[i - 1]->name, s->v[i]->name) == 0;
}

static void
add_fields(struct buf *out, const struct sorted *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		if (same_as_before(s, i)) {
			buf_char(out, ',');
		} else {
			if (i > 0)
				buf_char(out, '\n');
			add_lower(out, s->v[i]->name);
			buf_char(out, ':');
		}
		add_value(out, s->v[i]->value);
	}
	buf_char(out, '\n');
}

static void
add_names(struct buf *out, const struct sorted *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		if (same_as_before(s, i))
			continue;
		if (i > 0)
			buf_char(out, ';');
		add_lower(out, s->v[i]->name);
	}
}

void
sigv4_canonical(const struct sigv4_request *r, struct buf *out)
{
	struct sorted s = sort_fields(r->fields);

	buf_printf(out, "%.*s\n%.*s\n%.*s\n", STR_ARG(r->method), STR_ARG(r->path),
	    STR_ARG(r->query));
	add_fields(out, &s);
	buf_char(out, '\n');
	add_names(out, &s);
	buf_char(out, '\n');
	buf_str(out, r->payload);
	mem_free(s.v);
}

/* ---- the signature */

static void
add_scope(struct buf *out, const struct sigv4_key *key, const struct sigv4_request *r)
{
	buf_printf(out, "%.*s/%.*s/%.*s/aws4_request", DAY, r->date.p, STR_ARG(key->region),
	    STR_ARG(key->service));
}

void
sigv4_string_to_sign(const struct sigv4_key *key, const struct sigv4_request *r, struct buf *out)
{
	struct buf canonical = { NULL, 0, 0 };
	uint8_t digest[DIGEST_SHA256];

	sigv4_canonical(r, &canonical);
	digest_sha256_text(buf_view(&canonical), digest);
	buf_fini(&canonical);
	buf_printf(out, ALGORITHM "\n%.*s\n", STR_ARG(r->date));
	add_scope(out, key, r);
	buf_char(out, '\n');
	add_hex(out, digest);
}

static struct str
digest_view(const uint8_t digest[DIGEST_SHA256])
{
	return str_make((const char *)digest, DIGEST_SHA256);
}

/* Each part of the scope makes another key of the one before, beginning with the secret. */
static void
sign(const struct sigv4_key *key, const struct sigv4_request *r, struct str text,
    uint8_t out[DIGEST_SHA256])
{
	const struct str parts[] = { str_make(r->date.p, DAY), key->region, key->service,
		STR_OF("aws4_request"), text };
	struct buf secret = { NULL, 0, 0 };
	struct str last;

	buf_cstr(&secret, "AWS4");
	buf_str(&secret, key->secret_key);
	last = buf_view(&secret);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		uint8_t next[DIGEST_SHA256];

		digest_hmac_sha256_text(last, parts[i], next);
		memcpy(out, next, sizeof(next));
		last = digest_view(out);
	}
	explicit_bzero(secret.p, secret.n);
	buf_fini(&secret);
}

static void
add_signature(struct buf *out, const struct sigv4_key *key, const struct sigv4_request *r)
{
	uint8_t signature[DIGEST_SHA256];
	struct buf text = { NULL, 0, 0 };

	sigv4_string_to_sign(key, r, &text);
	sign(key, r, buf_view(&text), signature);
	buf_fini(&text);
	add_hex(out, signature);
}

struct str
sigv4_authorization(const struct sigv4_key *key, const struct sigv4_request *r,
    struct arena *arena)
{
	struct sorted s = sort_fields(r->fields);
	struct buf out = { NULL, 0, 0 };
	struct str value;

	buf_printf(&out, ALGORITHM " Credential=%.*s/", STR_ARG(key->access_key));
	add_scope(&out, key, r);
	buf_cstr(&out, ", SignedHeaders=");
	add_names(&out, &s);
	buf_cstr(&out, ", Signature=");
	add_signature(&out, key, r);
	mem_free(s.v);
	value = arena_str(arena, buf_view(&out));
	buf_fini(&out);
	return value;
}
