/*
 * trailers.c - which fields behind a body go on, in both directions.
 */
#include "proxy/filter/trailers.h"

#include "base/map.h"
#include "proxy/client_ip.h"
#include "proxy/exchange.h"
#include "proxy/filter/headers.h"

typedef bool may_pass(const struct exchange *x, const struct field *f);

static struct str
lower(struct arena *arena, struct str name)
{
	char *p = arena_alloc(arena, name.n);

	for (size_t i = 0; i < name.n; i++)
		p[i] = char_lower[(unsigned char)name.p[i]];
	return str_make(p, name.n);
}

/* RFC 9110, 7.6.1: what Connection lists goes no further as a trailer, either. */
static void
collect_options(struct map *options, const struct fields *head, struct arena *arena)
{
	/* Those that were removed from the head, too. */
	for (unsigned i = 0; i < head->n; i++) {
		struct str list = head->v[i].value, name;

		if (head->v[i].id != FIELD_CONNECTION)
			continue;
		while (str_cut(&list, ',', &name))
			(void)map_add(options, lower(arena, str_trim(name)), options);
	}
}

static const struct fields *
filtered(const struct exchange *x, const struct fields *all, const struct fields *head,
    may_pass *may)
{
	struct arena *arena = &x->stream->arena;
	struct fields *kept = ARENA_NEW(arena, struct fields);
	struct map options;

	fields_init(kept, arena);
	map_init(&options);
	collect_options(&options, head, arena);
	FIELDS_EACH(f, all)
		if (may(x, f) && map_get(&options, lower(arena, f->name)) == NULL)
			*fields_add_id(kept, f->id, f->value) = *f;
	map_fini(&options);
	return kept->n > 0 ? kept : NULL;
}

static bool
may_reach_server(const struct exchange *x, const struct field *f)
{
	if (!x->listen->header_names_any && field_has_odd_name(f))
		return false;
	return !client_ip_describes(x->listen, f) && !headers_change_request(x->policy, f->name);
}

const struct fields *
trailers_to_server(struct exchange *x, const struct fields *trailers)
{
	if (trailers == NULL || !x->policy->request_trailers)
		return NULL;
	return filtered(x, trailers, &x->request->fields, may_reach_server);
}

static bool
may_reach_client(const struct exchange *x, const struct field *f)
{
	if (x->policy->hide_server && (f->id == FIELD_SERVER || f->id == FIELD_X_POWERED_BY))
		return false;
	return !headers_change_response(x->policy, f->name);
}

const struct fields *
trailers_to_client(struct exchange *x, const struct fields *trailers)
{
	if (trailers == NULL)
		return NULL;
	return filtered(x, trailers, &x->response->fields, may_reach_client);
}
