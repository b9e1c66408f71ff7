/*
 * idn.c - host names beyond ASCII as the A-labels that stand in requests.
 */
#include "conf/idn.h"

#include "base/buf.h"

enum { LABEL_MAX = 63 };

/* RFC 3492, 5: the parameters of Punycode. */
enum {
	BASE = 36,
	T_MIN = 1,
	T_MAX = 26,
	SKEW = 38,
	DAMP = 700,
	FIRST_BIAS = 72,
	FIRST_CODE = 128,
};

bool
idn_is_needed(struct str name)
{
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] >= 0x80)
			return true;
	return false;
}

static uint32_t
decode(const char *p, size_t n)
{
	static const unsigned char lead[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t code = (unsigned char)p[0] & lead[n];

	for (size_t i = 1; i < n; i++)
		code = code << 6 | ((unsigned char)p[i] & 0x3f);
	return code;
}

static uint32_t
lower(uint32_t c)
{
	if ((c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7) ||
	    (c >= 0x391 && c <= 0x3a9) || (c >= 0x410 && c <= 0x42f))
		return c + 32;
	if (c >= 0x400 && c <= 0x40f)
		return c + 80;
	/* Latin Extended-A goes in pairs, with shifts where a letter stands alone. */
	if ((c >= 0x100 && c <= 0x137 && c != 0x130) || (c >= 0x14a && c <= 0x177))
		return c | 1;
	if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e))
		return c + (c & 1);
	return c;
}

static bool
is_combining(uint32_t c)
{
	return c >= 0x300 && c <= 0x36f;
}

/* The letters of a label; 0 when it has none, too many, or some that must be composed. */
static size_t
letters_of(struct str label, uint32_t out[LABEL_MAX])
{
	size_t count = 0;

	while (label.n > 0) {
		size_t n = str_utf8(label);

		if (n == 0 || count == LABEL_MAX)
			return 0;
		out[count] = lower(decode(label.p, n));
		if (is_combining(out[count++]))
			return 0;
		label = str_skip(label, n);
	}
	return count;
}

/* RFC 3492, 6.1. */
static uint32_t
adapt(uint32_t delta, uint32_t points, bool first)
{
	uint32_t k = 0;

	delta = first ? delta / DAMP : delta / 2;
	delta += delta / points;
	for (; delta > (BASE - T_MIN) * T_MAX / 2; k += BASE)
		delta /= BASE - T_MIN;
	return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

static void
put_digit(struct buf *out, uint32_t digit)
{
	buf_char(out, (char)(digit < 26 ? 'a' + digit : '0' + digit - 26));
}

/* RFC 3492, 6.3: a number in digits whose thresholds follow the bias. */
static void
put_delta(struct buf *out, uint32_t delta, uint32_t bias)
{
	for (uint32_t k = BASE;; k += BASE) {
		uint32_t t = k <= bias ? T_MIN : k >= bias + T_MAX ? T_MAX : k - bias;

		if (delta < t)
			break;
		put_digit(out, t + (delta - t) % (BASE - t));
		delta = (delta - t) / (BASE - t);
	}
	put_digit(out, delta);
}

static uint32_t
smallest_from(const uint32_t *letters, size_t n, uint32_t least)
{
	uint32_t smallest = UINT32_MAX;

	for (size_t i = 0; i < n; i++)
		if (letters[i] >= least && letters[i] < smallest)
			smallest = letters[i];
	return smallest;
}

/* RFC 3492, 6.3.  63 letters of 21 bits keep all sums below 32 bits. */
static void
put_punycode(struct buf *out, const uint32_t *letters, size_t n)
{
	uint32_t code = FIRST_CODE, delta = 0, bias = FIRST_BIAS, done = 0, ascii;

	for (size_t i = 0; i < n; i++) {
		if (letters[i] < FIRST_CODE) {
			buf_char(out, (char)letters[i]);
			done++;
		}
	}
	ascii = done;
	if (ascii > 0)
		buf_char(out, '-');
	while (done < n) {
		uint32_t next = smallest_from(letters, n, code);

		delta += (next - code) * (done + 1);
		code = next;
		for (size_t i = 0; i < n; i++) {
			delta += letters[i] < code;
			if (letters[i] != code)
				continue;
			put_delta(out, delta, bias);
			bias = adapt(delta, done + 1, done == ascii);
			delta = 0;
			done++;
		}
		delta++;
		code++;
	}
}

static bool
put_label(struct buf *out, struct str label)
{
	uint32_t letters[LABEL_MAX];
	size_t n, from = out->n;

	if (!idn_is_needed(label)) {
		buf_str(out, label);
		return true;
	}
	n = letters_of(label, letters);
	if (n == 0)
		return false;
	buf_cstr(out, "xn--");
	put_punycode(out, letters, n);
	return out->n - from <= LABEL_MAX;
}

struct str
idn_to_ascii(struct arena *arena, struct str name)
{
	struct str label, result = { NULL, 0 };
	struct buf out;
	bool ok = true;

	buf_init(&out);
	while (ok && str_cut(&name, '.', &label)) {
		ok = put_label(&out, label);
		if (name.p != NULL)
			buf_char(&out, '.');
	}
	if (ok)
		result = arena_str(arena, buf_view(&out));
	buf_fini(&out);
	return result;
}
