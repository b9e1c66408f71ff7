/*
 * captures.c - what groups of patterns matched, as variables.
 */
#include "proxy/text/captures.h"

#include "base/arena.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/regex.h"
#include "proxy/text/variables.h"

struct capture_names {
	struct map map;			/* the names; each is its own value */
	struct arena arena;
	unsigned numbers;
};

struct capture_names *
capture_names_new(void)
{
	struct capture_names *names = MEM_NEW(struct capture_names);

	map_init(&names->map);
	arena_init(&names->arena);
	return names;
}

void
capture_names_free(struct capture_names *names)
{
	if (names == NULL)
		return;
	map_fini(&names->map);
	arena_fini(&names->arena);
	mem_free(names);
}

static void
add(struct capture_names *names, struct str name)
{
	if (map_get(&names->map, name) != NULL)
		return;
	name = arena_str(&names->arena, name);
	map_add(&names->map, name, (void *)(uintptr_t)name.p);
}

void
capture_names_add(struct capture_names *names, const struct regex *pattern,
    struct conf_errors *errors, struct conf_origin at, const char *what)
{
	struct str name, unused;

	for (unsigned i = 0; regex_group_name(pattern, i, &name); i++) {
		if (variable_lookup(name, &unused) != NULL)
			conf_error(errors, at, "%s: $%.*s is a variable already (give the group"
			    " another name)", what, STR_ARG(name));
		else if (regex_group(pattern, name) < 0)
			conf_error(errors, at, "%s: $%.*s is the name of several groups (give each"
			    " its own, or use (?|...))", what, STR_ARG(name));
		else
			add(names, name);
	}
}

void
capture_names_join(struct capture_names *names, const struct capture_names *more)
{
	for (size_t i = 0; more->map.count > 0 && i <= more->map.mask; i++)
		if (more->map.slots[i].value != NULL)
			add(names, more->map.slots[i].key);
}

void
capture_names_number(struct capture_names *names, unsigned n)
{
	if (n > names->numbers)
		names->numbers = n;
}

static bool
is_number(struct str name)
{
	return name.n == 1 && name.p[0] >= '1' && name.p[0] <= '9';
}

static unsigned
number_of(struct str name)
{
	return (unsigned)(name.p[0] - '0');
}

bool
capture_names_have(const struct capture_names *names, struct str name)
{
	if (names == NULL)
		return false;
	if (is_number(name))
		return number_of(name) <= names->numbers;
	return map_get(&names->map, name) != NULL;
}

struct str
captured_named(const struct captured *c, struct str name)
{
	struct str absent = { NULL, 0 };
	int group;

	if (c->pattern == NULL)
		return absent;
	group = is_number(name) ? (int)number_of(name) : regex_group(c->pattern, name);
	return group > 0 && (unsigned)group < c->ngroups ? c->groups[group] : absent;
}
