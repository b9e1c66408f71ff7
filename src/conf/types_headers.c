/*
 * types_headers.c - header fields that are set, added or removed, and origins.
 */
#include "conf/table.h"
#include "conf/types.h"
#include "http/fields.h"
#include "http/target.h"

/* Fields that frame or route a message are made by usherd, or have keys of their own. */
static const char *
instead_of(struct str name)
{
	switch (field_lookup(name)) {
	case FIELD_HOST:
		return "use host_header of [backend]";
	case FIELD_CONNECTION:
	case FIELD_CONTENT_LENGTH:
	case FIELD_EXPECT:
	case FIELD_KEEP_ALIVE:
	case FIELD_PROXY_CONNECTION:
	case FIELD_TE:
	case FIELD_TRAILER:
	case FIELD_TRANSFER_ENCODING:
	case FIELD_UPGRADE:
		return "usherd writes it itself";
	default:
		return NULL;
	}
}

bool
conf_header_set(struct conf_parse *c, struct str text, void *place)
{
	struct conf_header_set set = { .at = c->line->at };
	struct str value = text, name;

	(void)place;
	str_cut(&value, ':', &name);
	name = str_trim(name);
	if (!conf_is_token(name) || value.p == NULL || !str_all(value, CHAR_VALUE)) {
		conf_bad(c, "\"%.*s\" is no header (use Name: value)",
		    STR_ARG(conf_shown(c, text)));
		return false;
	}
	if (instead_of(name) != NULL) {
		conf_bad(c, "%.*s cannot be set (%s)", STR_ARG(name), instead_of(name));
		return false;
	}
	set.name = arena_str(c->arena, name);
	set.value = arena_str(c->arena, str_trim(value));
	conf_item(c, &set);
	return true;
}

static bool
header_name(struct conf_parse *c, struct str word)
{
	struct conf_header_remove r = { .at = c->line->at };
	struct str name = word;

	r.prefix = str_ends(name, STR_OF("*"));
	name.n -= r.prefix;
	if (!conf_is_token(name) || str_find(name, '*') >= 0) {
		conf_bad(c, "\"%.*s\" is no name of a header (use X-Name, or X-Internal-* for all"
		    " that begin so)", STR_ARG(conf_shown(c, word)));
		return false;
	}
	if (!r.prefix && instead_of(name) != NULL) {
		conf_bad(c, "%.*s cannot be removed (%s)", STR_ARG(name), instead_of(name));
		return false;
	}
	r.name = arena_str(c->arena, name);
	conf_item(c, &r);
	return true;
}

bool
conf_header_remove(struct conf_parse *c, struct str text, void *place)
{
	(void)place;
	return conf_each_word(c, text, header_name);
}

/* `scheme://HOST[:PORT]`, as browsers send it; HOST may begin with `*.`. */
static bool
is_origin(struct str origin)
{
	ptrdiff_t colon = str_find(origin, ':');
	struct str rest, host;
	uint16_t port;

	if (colon <= 0 || !char_is(origin.p[0], CHAR_ALPHA))
		return false;
	rest = str_skip(origin, (size_t)colon);
	if (!str_starts(rest, STR_OF("://")))
		return false;
	rest = str_skip(rest, 3);
	if (str_starts(rest, STR_OF("*.")))
		rest = str_skip(rest, 2);
	return target_authority(rest, &host, &port) && conf_is_host(host) &&
	    !str_ends(host, STR_OF("."));
}

/* Browsers leave the usual port out. */
static struct str
without_usual_port(struct str origin)
{
	if (str_starts(origin, STR_OF("http://")) && str_ends(origin, STR_OF(":80")))
		origin.n -= 3;
	else if (str_starts(origin, STR_OF("https://")) && str_ends(origin, STR_OF(":443")))
		origin.n -= 4;
	return origin;
}

static bool
origin_word(struct conf_parse *c, struct str word)
{
	struct str origin = conf_lower(c, word);

	if (str_eq(origin, STR_OF("*")) || is_origin(origin)) {
		origin = without_usual_port(origin);
		conf_item(c, &origin);
		return true;
	}
	conf_bad(c, "\"%.*s\" is no origin (use https://app.example.com, https://*.example.com, or"
	    " * for all)", STR_ARG(conf_shown(c, word)));
	return false;
}

bool
conf_origins(struct conf_parse *c, struct str text, void *place)
{
	(void)place;
	return conf_each_word(c, text, origin_word);
}
