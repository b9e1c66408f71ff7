/*
 * h1_body.c - decodes HTTP/1 bodies: RFC 9112, sections 6 and 7.
 */
#include "http/h1_body.h"

#include "base/check.h"

enum {
	MAX_SIZE_LINE = 4096,		/* a chunk's size with its extensions */
	MAX_TRAILERS = 16384,
	FREE_OVERHEAD = 16384,		/* extensions beyond this must not outweigh the data */
	USUAL_DIGITS = 8,		/* of a chunk's size */
	SMALL_CHUNK = 512,		/* below it, moving the bytes costs less than a segment */
};

/* The chunk decoder; names say what comes next, or goes on. */
enum chunk_state {
	SIZE,
	BLANK,				/* before the `;` of an extension */
	EXTENSION, NAME, NAME_BLANK, EQUALS, VALUE, QUOTED, QUOTED_PAIR, QUOTED_END,
	SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER, TRAILER_LF, END
};

void
h1_body_init(struct h1_body *b, enum framing framing, uint64_t length)
{
	*b = (struct h1_body){ .framing = framing, .state = SIZE };
	if (framing == FRAMING_LENGTH)
		b->left = length;
	if (framing == FRAMING_NONE || (framing == FRAMING_LENGTH && length == 0))
		b->state = END;
}

void
h1_body_fini(struct h1_body *b)
{
	buf_fini(&b->trailers);
}

bool
h1_body_at_end(const struct h1_body *b)
{
	return b->state == END;
}

uint64_t
h1_body_left(const struct h1_body *b)
{
	return b->framing == FRAMING_LENGTH ? b->left : UINT64_MAX;
}

enum h1_body_result
h1_body_skip(struct h1_body *b, uint64_t n)
{
	b->received += n;
	if (b->framing != FRAMING_LENGTH)
		return H1_BODY_MORE;
	CHECK(n <= b->left);
	b->left -= n;
	if (b->left > 0)
		return H1_BODY_MORE;
	b->state = END;
	return H1_BODY_END;
}

static bool
size_digit(struct h1_body *b, int digit)
{
	if (b->left >> 59 != 0)
		return false;		/* would pass 2^63 */
	b->left = b->left << 4 | (uint64_t)digit;
	b->has_digits = true;
	return true;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* What follows a size, a name or a value: blanks (`blank`), but only before more. */
static bool
item_end(struct h1_body *b, char c, enum chunk_state blank)
{
	if (c == '\r' && b->state != blank)
		b->state = SIZE_LF;
	else if (c == ';')
		b->state = EXTENSION;
	else if (is_blank(c))
		b->state = blank;
	else
		return false;
	return true;
}

/* One byte of extensions, of which nothing but the form matters: RFC 9112, 7.1.1. */
static bool
extension_byte(struct h1_body *b, char c)
{
	bool is_token = char_is(c, CHAR_TOKEN);

	switch (b->state) {
	case EXTENSION:
		if (is_token)
			b->state = NAME;
		return is_token || is_blank(c);
	case NAME:
	case NAME_BLANK:
		if (b->state == NAME && is_token)
			return true;
		if (c != '=')
			return item_end(b, c, NAME_BLANK);
		b->state = EQUALS;
		return true;
	case EQUALS:
		if (is_token || c == '"')
			b->state = is_token ? VALUE : QUOTED;
		return is_token || c == '"' || is_blank(c);
	case VALUE:
		return is_token || item_end(b, c, BLANK);
	case QUOTED:
		if (c == '"' || c == '\\')
			b->state = c == '"' ? QUOTED_END : QUOTED_PAIR;
		return char_is(c, CHAR_VALUE);
	case QUOTED_PAIR:
		b->state = QUOTED;
		return char_is(c, CHAR_VALUE);
	default:
		return item_end(b, c, BLANK);
	}
}

/* One byte of a chunk's size line. */
static bool
size_byte(struct h1_body *b, char c)
{
	if (++b->line > MAX_SIZE_LINE)
		return false;
	if (b->state != SIZE)
		return ++b->overhead <= FREE_OVERHEAD + b->received && extension_byte(b, c);
	if (char_is(c, CHAR_HEX))
		return size_digit(b, char_hex(c));
	return b->has_digits && item_end(b, c, BLANK);
}

/* One byte of the trailer section; it ends with an empty line. */
static bool
trailer_byte(struct h1_body *b, char c)
{
	if (b->trailers.n >= MAX_TRAILERS)
		return false;
	if (b->state == TRAILER_LF) {
		if (c != '\n')
			return false;
		buf_char(&b->trailers, c);
		b->state = b->line == 0 ? END : TRAILER;
		b->line = 0;
		return true;
	}
	buf_char(&b->trailers, c);
	if (c == '\r') {
		b->state = TRAILER_LF;
		return true;
	}
	if (b->line++ == 0)
		return char_is(c, CHAR_TOKEN);
	return char_is(c, CHAR_VALUE);
}

static void
begin_chunk(struct h1_body *b)
{
	b->state = b->left > 0 ? DATA : TRAILER;
	b->line = 0;
	b->has_digits = false;
}

static bool
control_byte(struct h1_body *b, char c)
{
	switch (b->state) {
	case SIZE_LF:
		begin_chunk(b);
		return c == '\n';
	case DATA_CR:
		b->state = DATA_LF;
		return c == '\r';
	case DATA_LF:
		b->state = SIZE;
		return c == '\n';
	case TRAILER:
	case TRAILER_LF:
		return trailer_byte(b, c);
	default:
		return size_byte(b, c);
	}
}

/* The usual head of a chunk, when all of it has come: how many bytes it is, or 0. */
static size_t
usual_head(struct h1_body *b, const char *p, size_t n)
{
	uint64_t size = 0;
	size_t i = 0;

	for (int digit; i < n && i < USUAL_DIGITS && (digit = char_hex(p[i])) >= 0; i++)
		size = size << 4 | (uint64_t)digit;
	if (i == 0 || n - i < 2 || p[i] != '\r' || p[i + 1] != '\n')
		return 0;
	b->left = size;
	begin_chunk(b);
	return i + 2;
}

/* What frames chunks; how many bytes of it were taken, 0 for a wrong one. */
static size_t
take_framing(struct h1_body *b, const char *p, size_t n)
{
	size_t whole = 0;

	if (b->state == SIZE && b->line == 0)
		whole = usual_head(b, p, n);
	return whole > 0 ? whole : control_byte(b, p[0]);
}

static enum h1_body_result
decode_chunked(struct h1_body *b, struct block *block, char *p, size_t n, struct chain *out,
    size_t *used)
{
	char *end = NULL;		/* of the chunks so far that stand in one piece */
	size_t i = 0;

	while (i < n && b->state != END) {
		if (b->state == DATA) {
			size_t take = n - i < b->left ? n - i : b->left;

			/* Small chunks close up over what framed them, and become one segment. */
			if (end == NULL || take > SMALL_CHUNK)
				end = p + i;
			else
				memmove(end, p + i, take);
			chain_add_block(out, block, end, take);
			end += take;
			i += take;
			b->left -= take;
			b->received += take;
			if (b->left == 0)
				b->state = DATA_CR;
		} else {
			size_t taken = take_framing(b, p + i, n - i);

			if (taken == 0)
				return H1_BODY_BAD;
			i += taken;
		}
	}
	*used = i;
	return b->state == END ? H1_BODY_END : H1_BODY_MORE;
}

enum h1_body_result
h1_body_decode(struct h1_body *b, struct block *block, char *p, size_t n, struct chain *out,
    size_t *used)
{
	size_t take = n;

	*used = 0;
	if (b->state == END)
		return H1_BODY_END;
	if (b->framing == FRAMING_CHUNKED)
		return decode_chunked(b, block, p, n, out, used);
	if (b->framing == FRAMING_LENGTH && take > b->left)
		take = b->left;
	chain_add_block(out, block, p, take);
	*used = take;
	return h1_body_skip(b, take);
}
