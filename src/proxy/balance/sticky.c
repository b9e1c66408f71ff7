/*
 * sticky.c - cookies that keep a client with one server.
 */
#include "proxy/balance/sticky.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/digest.h"
#include "base/mem.h"
#include "proxy/exchange.h"
#include "proxy/text/params.h"

enum {
	ID_DIGITS = 16,
	MAC_BYTES = 16,
	MAC_DIGITS = 2 * MAC_BYTES,
};

struct sticky {
	uint8_t (*keys)[STICKY_KEY];	/* by backend index */
};

static void
make_key(const struct conf_backend *b, const struct shm_core *core, uint8_t key[STICKY_KEY])
{
	struct str parts[] = { STR_OF("sticky"), b->sticky_secret };

	_Static_assert((int)STICKY_KEY == (int)DIGEST_SHA256, "a key is a digest");
	if (parts[1].n == 0)
		parts[1] = str_make((const char *)core->data->secret, sizeof(core->data->secret));
	digest_sha256(parts, ARRAY_LEN(parts), key);
}

struct sticky *
sticky_new(const struct conf_snapshot *snapshot, const struct shm_core *core)
{
	struct sticky *s = MEM_NEW(struct sticky);

	s->keys = mem_zalloc(snapshot->nbackends, sizeof(*s->keys));
	for (unsigned i = 0; i < snapshot->nbackends; i++)
		if (snapshot->backends[i]->sticky.cookie.p != NULL)
			make_key(snapshot->backends[i], core, s->keys[i]);
	return s;
}

void
sticky_free(struct sticky *s)
{
	if (s == NULL)
		return;
	mem_free(s->keys);
	mem_free(s);
}

/* --- values -------------------------------------------------------------------------------- */

static size_t
put_hex(char *p, const uint8_t *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*p++ = digits[bytes[i] >> 4];
		*p++ = digits[bytes[i] & 15];
	}
	return 2 * n;
}

/* ID, or ID.EXPIRY. */
static size_t
put_claim(char *p, const struct sticky_cookie *c)
{
	uint8_t id[ID_DIGITS / 2];
	size_t n;

	for (unsigned i = 0; i < sizeof(id); i++)
		id[i] = (uint8_t)(c->id >> (56 - 8 * i));
	n = put_hex(p, id, sizeof(id));
	if (c->expiry_s == 0)
		return n;
	p[n++] = '.';
	return n + fmt_uint(p + n, c->expiry_s);
}

static size_t
put_mac(char *p, const uint8_t key[STICKY_KEY], const struct conf_backend *b, struct str claim)
{
	const struct str parts[] = { b->name, b->sticky.cookie, claim };
	uint8_t mac[DIGEST_SHA256];

	digest_hmac_sha256(str_make((const char *)key, STICKY_KEY), parts, ARRAY_LEN(parts), mac);
	return put_hex(p, mac, MAC_BYTES);
}

size_t
sticky_encode(const uint8_t key[STICKY_KEY], const struct conf_backend *b,
    const struct sticky_cookie *c, char out[STICKY_VALUE])
{
	size_t claim = put_claim(out, c), n = claim;

	out[n++] = '.';
	return n + put_mac(out + n, key, b, str_make(out, claim));
}

static bool
read_id(struct str text, uint64_t *id)
{
	*id = 0;
	if (text.n != ID_DIGITS)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		int digit = char_hex(text.p[i]);

		if (digit < 0)
			return false;
		*id = *id << 4 | (unsigned)digit;
	}
	return true;
}

bool
sticky_decode(const uint8_t key[STICKY_KEY], const struct conf_backend *b, struct str value,
    struct sticky_cookie *c)
{
	char again[STICKY_VALUE];
	struct str rest = value, id, expiry;

	*c = (struct sticky_cookie){ 0 };
	if (value.n > STICKY_VALUE || value.n < ID_DIGITS + 1 + MAC_DIGITS)
		return false;
	rest.n -= MAC_DIGITS + 1;
	str_cut(&rest, '.', &id);
	expiry = rest;
	if (!read_id(id, &c->id) || c->id == 0 ||
	    (expiry.p != NULL && !str_uint(expiry, INT64_MAX, &c->expiry_s)))
		return false;
	/* There is one way to write a cookie: all of it is compared, not only the MAC. */
	return sticky_encode(key, b, c, again) == value.n && digest_equal(again, value.p, value.n);
}

/* --- cookies ------------------------------------------------------------------------------- */

static uint64_t
now_s(void)
{
	return (uint64_t)clock_wall_ms() / 1000;
}

struct sticky_cookie
sticky_read(const struct sticky *s, const struct exchange *x)
{
	const struct conf_backend *b = x->backend;
	struct str value = cookie_value(&x->request->fields, b->sticky.cookie);
	struct sticky_cookie c;

	if (value.p != NULL && sticky_decode(s->keys[b->index], b, value, &c) &&
	    (c.expiry_s == 0 || c.expiry_s > now_s()))
		return c;
	return (struct sticky_cookie){ 0 };
}

/* With a ttl a client that keeps coming is kept: its cookie is renewed after half the time. */
static bool
is_fresh(const struct conf_backend *b, const struct sticky_cookie *c)
{
	if (b->sticky.ttl_ms == CONF_OFF)
		return c->expiry_s == 0;
	return c->expiry_s > now_s() + (uint64_t)b->sticky.ttl_ms / 2000;
}

void
sticky_bind(const struct sticky *s, struct exchange *x, const struct sticky_cookie *now,
    uint64_t id, struct response *r)
{
	const struct conf_backend *b = x->backend;
	struct arena *arena = &x->stream->arena;
	struct sticky_cookie c = { .id = id };
	struct str age = STR("");
	char value[STICKY_VALUE];
	size_t n;

	if (now->id == id && is_fresh(b, now))
		return;
	if (b->sticky.ttl_ms != CONF_OFF) {
		c.expiry_s = now_s() + (uint64_t)b->sticky.ttl_ms / 1000;
		age = arena_printf(arena, "; Max-Age=%lld", (long long)b->sticky.ttl_ms / 1000);
	}
	n = sticky_encode(s->keys[b->index], b, &c, value);
	fields_add_id(&r->fields, FIELD_SET_COOKIE, arena_printf(arena,
	    "%.*s=%.*s; Path=/; HttpOnly; SameSite=Lax%s%.*s", STR_ARG(b->sticky.cookie),
	    (int)n, value, str_eq(x->scheme, STR_OF("https")) ? "; Secure" : "", STR_ARG(age)));
}
