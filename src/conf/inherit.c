/*
 * inherit.c - which section a value comes from.
 */
#include "conf/inherit.h"

static void
add_layer(struct conf_layers *layers, const struct conf_section *s)
{
	if (s == NULL)
		return;
	CHECK(layers->n < ARRAY_LEN(layers->v));
	layers->v[layers->n++] = s;
}

const struct conf_backend *
conf_lender(const struct conf_route *route)
{
	return route->backend != NULL ? route->backend : route->files_backend;
}

void
conf_layers_with(const struct conf_whole *w, const struct conf_section *s,
    const struct conf_backend *backend, struct conf_layers *layers)
{
	const struct conf_document *d = &w->document;
	const struct conf_route *route = s->values[KIND_ROUTE];

	layers->n = 0;
	add_layer(layers, s);
	if (s->kind == KIND_DEFAULTS)
		return;
	/* All of a route's hosts say the same, so the first speaks for them. */
	if (s->kind == KIND_ROUTE && route->nhosts > 0)
		add_layer(layers, conf_document_find(d, KIND_HOST, route->hosts[0]->name));
	if (backend != NULL)
		add_layer(layers, conf_document_find(d, KIND_BACKEND, backend->name));
	add_layer(layers, conf_document_find(d, KIND_DEFAULTS, conf_kind_names[KIND_DEFAULTS]));
}

void
conf_layers_of(const struct conf_whole *w, const struct conf_section *s,
    struct conf_layers *layers)
{
	const struct conf_route *route = s->values[KIND_ROUTE];

	conf_layers_with(w, s, route != NULL ? conf_lender(route) : NULL, layers);
}

struct conf_setting *
conf_layers_find(const struct conf_layers *layers, const struct conf_directive *row,
    const struct conf_section **from)
{
	unsigned n = conf_directive_inherits(row) ? layers->n : 1;

	for (unsigned i = 0; i < n; i++) {
		struct conf_setting *set = conf_setting_find(layers->v[i], row);

		if (set != NULL) {
			*from = layers->v[i];
			return set;
		}
	}
	return NULL;
}

static const struct conf_directive *
row_of(struct str key)
{
	const struct conf_directive *row = conf_directives;

	while (!str_eq(row->key, key))
		row++;
	return row;
}

struct conf_backend *
conf_files_backend(const struct conf_whole *w, const struct conf_section *s)
{
	const struct conf_section *from = NULL;
	const struct conf_setting *set;
	const struct conf_policy *policy;
	struct conf_layers layers;

	conf_layers_of(w, s, &layers);
	set = conf_layers_find(&layers, row_of(STR_OF("try_files")), &from);
	if (set == NULL || set->first == NULL)
		return NULL;
	policy = from->values[OWNER_POLICY];
	return policy->try_files.n > 0 ? policy->try_files.v[policy->try_files.n - 1].backend :
	    NULL;
}

/* True if the lines of both settings have the same text. */
static bool
same_setting(const struct conf_setting *a, const struct conf_setting *b)
{
	const struct conf_line *x, *y;

	if (a == NULL || b == NULL)
		return a == b;
	for (x = a->first, y = b->first; x != NULL && y != NULL; x = x->same, y = y->same)
		if (!str_eq(x->raw, y->raw))
			return false;
	return x == y;
}

bool
conf_repeats(const struct conf_whole *w, const struct conf_section *s,
    const struct conf_setting *set)
{
	const struct conf_section *from;
	struct conf_layers layers, others = { .n = 0 };
	const struct conf_setting *inherited = NULL;

	conf_layers_of(w, s, &layers);
	for (unsigned i = 1; i < layers.n; i++)
		add_layer(&others, layers.v[i]);
	if (others.n > 0 && conf_directive_inherits(set->row))
		inherited = conf_layers_find(&others, set->row, &from);
	if (inherited != NULL)
		return same_setting(set, inherited);
	return set->row->def != NULL && set->first != NULL && set->first == set->last &&
	    str_eq(set->first->raw, str_of(set->row->def));
}

static void
check_hosts_agree(struct conf_whole *w, const struct conf_section *s,
    const struct conf_directive *row)
{
	const struct conf_route *route = s->values[KIND_ROUTE];
	const struct conf_document *d = &w->document;
	const struct conf_section *first, *other;
	const struct conf_setting *own = conf_setting_find(s, row);

	if ((row->where & IN(HOST)) == 0)
		return;
	if (own != NULL && ((row->flags & DIRECTIVE_APPEND) == 0 || own->cleared))
		return;
	first = conf_document_find(d, KIND_HOST, route->hosts[0]->name);
	for (unsigned i = 1; i < route->nhosts; i++) {
		other = conf_document_find(d, KIND_HOST, route->hosts[i]->name);
		if (same_setting(conf_setting_find(first, row), conf_setting_find(other, row)))
			continue;
		conf_error(d->errors, s->at, "[route %.*s] %.*s: its hosts %.*s and %.*s differ"
		    " (write"
		    " it in the route)", STR_ARG(s->name), STR_ARG(row->key), STR_ARG(first->name),
		    STR_ARG(other->name));
		return;
	}
}

/* The lists of all layers, the deepest first; a cleared one hides those below. */
static void
append_lists(struct conf_whole *w, const struct conf_layers *layers,
    const struct conf_directive *row, char *place)
{
	const char *lists[ARRAY_LEN(layers->v)] = { NULL };
	struct buf items;
	unsigned n = 0, count = 0;
	void *array = NULL;

	for (unsigned i = 0; i < layers->n; i++) {
		const struct conf_setting *set = conf_setting_find(layers->v[i], row);

		if (set != NULL && set->first != NULL)
			lists[n++] = (const char *)layers->v[i]->values[row->owner] + row->offset;
		if (set != NULL && set->cleared)
			break;
	}
	if (n == 1) {			/* one array for all that inherit it */
		memmove(place, lists[0], row->size);
		return;
	}
	buf_init(&items);
	while (n-- > 0) {
		memcpy(&array, lists[n], sizeof(array));
		memcpy(&count, lists[n] + sizeof(array), sizeof(count));
		buf_add(&items, array, count * (size_t)row->item);
	}
	count = (unsigned)(items.n / row->item);
	array = arena_alloc(&w->arena, items.n + 1);
	if (items.n > 0)
		memcpy(array, items.p, items.n);
	memcpy(place, &array, sizeof(array));
	memcpy(place + sizeof(array), &count, sizeof(count));
	buf_fini(&items);
}

/* Puts the value of the directive into `values`, a structure like those of s->values[owner]. */
static void
inherit_row(struct conf_whole *w, const struct conf_layers *layers,
    const struct conf_directive *row, void *values)
{
	const struct conf_section *from = NULL;
	const struct conf_setting *set = conf_layers_find(layers, row, &from);
	const void *source = w->builtin.values[row->owner];

	if (set != NULL && (row->flags & DIRECTIVE_APPEND) != 0) {
		append_lists(w, layers, row, (char *)values + row->offset);
		return;
	}
	if (set != NULL && (!set->cleared || set->first != NULL))
		source = from->values[row->owner];
	if (source != values)
		memcpy((char *)values + row->offset, (const char *)source + row->offset,
		    row->size);
}

void
conf_inherit(struct conf_whole *w, struct conf_section *s, unsigned owner)
{
	const struct conf_route *route = s->values[KIND_ROUTE];
	struct conf_layers layers;

	conf_values(&w->document, s, owner);
	conf_layers_of(w, s, &layers);
	for (unsigned i = 0; i < conf_ndirectives; i++) {
		const struct conf_directive *row = &conf_directives[i];

		if (row->owner != owner)
			continue;
		if (s->kind == KIND_ROUTE && route->nhosts > 1 && conf_directive_inherits(row))
			check_hosts_agree(w, s, row);
		inherit_row(w, &layers, row, s->values[owner]);
	}
}

void
conf_inherit_with(struct conf_whole *w, const struct conf_section *s,
    const struct conf_backend *backend, struct conf_policy *policy)
{
	struct conf_layers layers;

	/* All of it: equal policies are found by their bytes, padding included. */
	memcpy(policy, s->values[OWNER_POLICY], sizeof(*policy));
	conf_layers_with(w, s, backend, &layers);
	for (unsigned i = 0; i < conf_ndirectives; i++)
		if (conf_directives[i].owner == OWNER_POLICY &&
		    (conf_directives[i].where & IN(BACKEND)) != 0)
			inherit_row(w, &layers, &conf_directives[i], policy);
}
