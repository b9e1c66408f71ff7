/*
 * types_balance.c - how a backend chooses, looks after its servers, and lets requests wait.
 */
#include "base/check.h"
#include "conf/options.h"
#include "conf/types.h"
#include "http/target.h"

#define SECOND	INT64_C(1000)
#define DAY	(24 * 3600 * SECOND)
#define YEAR	(365 * DAY)

enum { GUESSABLE = 16 };	/* secrets shorter than this get a warning */

bool
conf_balance(struct conf_parse *c, struct str text, void *place)
{
	struct conf_backend *b = CONTAINER_OF(place, struct conf_backend, balance);
	struct conf_strs words;

	if (!conf_split(c, text, &words))
		return false;
	if (!str_eq(words.v[0], STR_OF("hash")))
		return conf_choice(c, text, place);
	if (words.n != 2 || words.v[1].n == 0) {
		conf_bad(c, "\"%.*s\" is no key to hash (use hash $uri; put double quotes around"
		    " one with blanks)", STR_ARG(conf_shown(c, text)));
		return false;
	}
	b->balance = BALANCE_HASH;
	b->balance_at = c->line->at;
	b->hash_key = arena_str(c->arena, words.v[1]);
	if (str_find(b->hash_key, '$') < 0)
		conf_warning(c->document->errors, c->line->at, "%.*s balance: the key has no"
		    " variable, so one server gets all requests (use hash $uri)",
		    STR_ARG(conf_section_title(c->document, c->section)));
	return true;
}

bool
conf_sticky(struct conf_parse *c, struct str text, void *place)
{
	static const struct conf_directive options[] = {
		{ ROW("ttl"), .parse = conf_duration,
		  RANGE(SECOND, YEAR), FIELD(conf_sticky, ttl_ms) },
	};
	struct conf_sticky *sticky = place;
	struct conf_strs words;

	*sticky = (struct conf_sticky){ .ttl_ms = CONF_OFF };
	if (str_eq(text, STR_OF("off")))
		return true;
	if (!conf_split(c, text, &words))
		return false;
	if (words.n < 2 || !str_eq(words.v[0], STR_OF("cookie")) || !conf_is_token(words.v[1])) {
		conf_bad(c, "\"%.*s\" is not understood (use cookie NAME, cookie NAME ttl=1h or"
		    " off)", STR_ARG(conf_shown(c, text)));
		return false;
	}
	sticky->cookie = arena_str(c->arena, words.v[1]);
	return conf_options(c, &words, 2, options, ARRAY_LEN(options), sticky);
}

bool
conf_sticky_secret(struct conf_parse *c, struct str text, void *place)
{
	if (text.n < GUESSABLE)
		conf_warning(c->document->errors, c->line->at, "%.*s %.*s: is so short that it"
		    " can be guessed (use 16 bytes or more: openssl rand -base64 24)",
		    STR_ARG(conf_section_title(c->document, c->section)), STR_ARG(c->line->key));
	return conf_text(c, text, place);
}

static bool
check_port(struct conf_parse *c, struct str text, void *place)
{
	unsigned port = 0;

	if (!conf_unsigned(c, text, &port))
		return false;
	*(uint16_t *)place = (uint16_t)port;
	return true;
}

static bool
check_host(struct conf_parse *c, struct str text, void *place)
{
	struct str host;
	uint16_t port;

	if (!target_authority(text, &host, &port) || !conf_is_host(host)) {
		conf_bad(c, "\"%.*s\" is no value of Host (use app.example.com)",
		    STR_ARG(conf_shown(c, text)));
		return false;
	}
	*(struct str *)place = arena_str(c->arena, text);
	return true;
}

static void
add_statuses(uint64_t bits[CONF_STATUS_WORDS], int first, int last)
{
	for (int status = first; status <= last; status++)
		bits[status / 64] |= UINT64_C(1) << status % 64;
}

/* `200,204,300-399` */
static bool
check_expect(struct conf_parse *c, struct str text, void *place)
{
	uint64_t bits[CONF_STATUS_WORDS] = { 0 };
	struct str rest = text, first, last;
	int from = 0, to = 0;
	bool ok = true;

	while (ok && str_cut(&rest, ',', &last)) {
		str_cut(&last, '-', &first);
		ok = conf_status(first, 200, 599, &from);
		to = from;
		if (last.p != NULL)
			ok = ok && conf_status(last, from, 599, &to);
		if (ok)
			add_statuses(bits, from, to);
	}
	if (!ok) {
		conf_bad(c, "\"%.*s\" is no list of statuses (use 200-399 or 200,204,300-399)",
		    STR_ARG(conf_shown(c, text)));
		return false;
	}
	memcpy(place, bits, sizeof(bits));
	return true;
}

/* Those of all checks come first. */
static const struct conf_directive check_options[] = {
	{ ROW("interval"), .parse = conf_duration,
	  RANGE(10, DAY), FIELD(conf_check, interval_ms) },
	{ ROW("timeout"), .parse = conf_duration,
	  RANGE(1, DAY), FIELD(conf_check, timeout_ms) },
	{ ROW("rise"), .parse = conf_unsigned,
	  RANGE(1, 1000), FIELD(conf_check, rise) },
	{ ROW("fall"), .parse = conf_unsigned,
	  RANGE(1, 1000), FIELD(conf_check, fall) },
	{ ROW("port"), .parse = check_port,
	  RANGE(1, 65535), FIELD(conf_check, port) },
	{ ROW("host"), .parse = check_host,
	  FIELD(conf_check, host) },
	{ ROW("expect"), .parse = check_expect,
	  FIELD(conf_check, expect) },
	{ ROW("body"), .parse = conf_text,
	  FIELD(conf_check, body) },
};
enum { TCP_OPTIONS = 5 };

static bool
http_check(struct conf_parse *c, const struct conf_strs *words, struct conf_check *check)
{
	struct str target = words->n > 1 ? words->v[1] : STR_OF("");

	if (!str_starts(target, STR_OF("/")) || !str_all(target, CHAR_TARGET)) {
		conf_bad(c, "GET \"%.*s\" has no path (use GET /healthz)",
		    STR_ARG(conf_shown(c, target)));
		return false;
	}
	check->kind = CHECK_HTTP;
	check->target = arena_str(c->arena, target);
	add_statuses(check->expect, 200, 399);
	return conf_options(c, words, 2, check_options, ARRAY_LEN(check_options), check);
}

bool
conf_check(struct conf_parse *c, struct str text, void *place)
{
	struct conf_check *check = place;
	struct conf_strs words;

	*check = (struct conf_check){
		.interval_ms = 5 * SECOND,
		.timeout_ms = 2 * SECOND,
		.rise = 2,
		.fall = 3,
	};
	if (!conf_split(c, text, &words))
		return false;
	if (str_eq(words.v[0], STR_OF("GET")))
		return http_check(c, &words, check);
	if (str_eq(words.v[0], STR_OF("auto")))
		check->kind = CHECK_DEFAULT;
	else if (str_eq(words.v[0], STR_OF("tcp")))
		check->kind = CHECK_TCP;
	else if (str_eq(text, STR_OF("off")))
		check->kind = CHECK_OFF;
	else {
		conf_bad(c, "\"%.*s\" is no check (use tcp, GET /path, auto or off)",
		    STR_ARG(conf_shown(c, text)));
		return false;
	}
	return check->kind == CHECK_OFF ||
	    conf_options(c, &words, 1, check_options, TCP_OPTIONS, check);
}

bool
conf_eject(struct conf_parse *c, struct str text, void *place)
{
	static const struct conf_directive options[] = {
		{ ROW("errors"), .parse = conf_unsigned,
		  RANGE(1, 1000000), FIELD(conf_eject, errors) },
		{ ROW("time"), .parse = conf_duration,
		  RANGE(1, 300 * SECOND), FIELD(conf_eject, time_ms) },
		{ ROW("max"), .parse = conf_unsigned_percent,
		  RANGE(1, 100), FIELD(conf_eject, max_pct) },
	};
	struct conf_eject *eject = place;
	struct conf_strs words;

	*eject = (struct conf_eject){ .errors = 5, .time_ms = 10 * SECOND, .max_pct = 50 };
	if (str_eq(text, STR_OF("off"))) {
		eject->errors = 0;
		return true;
	}
	return conf_split(c, text, &words) &&
	    conf_options(c, &words, 0, options, ARRAY_LEN(options), eject);
}

bool
conf_queue(struct conf_parse *c, struct str text, void *place)
{
	static const char *const when[] = { "full", "always", NULL };
	static const struct conf_directive options[] = {
		{ ROW("timeout"), .parse = conf_duration,
		  RANGE(1, DAY), FIELD(conf_queue, timeout_ms) },
		{ ROW("when"), .parse = conf_choice,
		  FIELD(conf_queue, given), .choices = when },
	};
	struct conf_queue *queue = place;
	struct conf_strs words;
	uint64_t n;

	*queue = (struct conf_queue){ .timeout_ms = 5 * SECOND, .given = true };
	if (str_eq(text, STR_OF("off"))) {
		queue->given = false;
		return true;
	}
	if (!conf_split(c, text, &words))
		return false;
	if (!str_uint(words.v[0], 1000000, &n) || n == 0) {
		conf_bad(c, "\"%.*s\" is no number of requests, 1 to 1000000 (use 100"
		    " timeout=5s, or off)", STR_ARG(conf_shown(c, words.v[0])));
		return false;
	}
	queue->max = (unsigned)n;
	return conf_options(c, &words, 1, options, ARRAY_LEN(options), queue);
}
