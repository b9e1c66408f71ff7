/*
 * servers.c - what all processes must agree on about servers, and who belongs to which backend.
 *
 * Here: slots, lists and groups, and how they come and go.  server_state.c has what moves in them.
 */
#include "shm/servers.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum {
	SLOTS_STEP = 64,		/* entries that one growth adds */
	MEMBERS_STEP = 64,
	GROUPS_STEP = 64,
	READ_TRIES = 100,
};

struct slots_data {
	_Alignas(64) struct segment_header header;
	_Atomic uint32_t n;
	_Alignas(64) struct shm_server slots[];
};

struct members_data {
	_Alignas(64) struct segment_header header;
	_Atomic uint32_t n;
	_Alignas(64) struct shm_members members[];
};

struct groups_data {
	_Alignas(64) struct segment_header header;
	_Atomic uint32_t n;
	_Alignas(64) struct shm_group groups[];
};

static uint64_t
slots_layout(void)
{
	const size_t numbers[] = {
		sizeof(struct shm_server), offsetof(struct shm_server, addr), sizeof(struct addr),
		offsetof(struct shm_server, serial), offsetof(struct shm_server, key),
		offsetof(struct shm_server, id), offsetof(struct shm_server, host),
		offsetof(struct shm_server, name), offsetof(struct shm_server, look),
		sizeof(struct shm_look), offsetof(struct shm_server, held),
	};

	return segment_layout("servers", numbers, ARRAY_LEN(numbers));
}

static uint64_t
members_layout(void)
{
	const size_t numbers[] = {
		sizeof(struct shm_members), sizeof(struct shm_member),
		offsetof(struct shm_members, version), offsetof(struct shm_members, list),
		offsetof(struct shm_member, max_conns), offsetof(struct shm_member, line),
	};

	return segment_layout("members", numbers, ARRAY_LEN(numbers));
}

static uint64_t
groups_layout(void)
{
	const size_t numbers[] = {
		sizeof(struct shm_group), offsetof(struct shm_group, epoch),
		offsetof(struct shm_group, waiting), offsetof(struct shm_group, told),
		offsetof(struct shm_group, in_flight),
		offsetof(struct shm_group, queued), offsetof(struct shm_group, head_ms),
	};

	return segment_layout("groups", numbers, ARRAY_LEN(numbers));
}

static size_t
slots_size(size_t n)
{
	return sizeof(struct slots_data) + n * sizeof(struct shm_server);
}

static size_t
members_size(size_t n)
{
	return sizeof(struct members_data) + n * sizeof(struct shm_members);
}

static size_t
groups_size(size_t n)
{
	return sizeof(struct groups_data) + n * sizeof(struct shm_group);
}

static int
make_segments(struct shm_servers *s)
{
	if (segment_new(&s->slots_segment, "usherd-servers", slots_layout(),
	    slots_size(SLOTS_STEP), slots_size(SHM_SERVERS)) == -1)
		return -1;
	if (segment_new(&s->members_segment, "usherd-members", members_layout(),
	    members_size(MEMBERS_STEP), members_size(SHM_BACKENDS)) == -1)
		return -1;
	return segment_new(&s->groups_segment, "usherd-groups", groups_layout(),
	    groups_size(GROUPS_STEP), groups_size(SHM_BACKENDS));
}

int
shm_servers_new(struct shm_servers *s)
{
	struct members_data *members;
	struct groups_data *groups;
	struct slots_data *slots;

	*s = (struct shm_servers){ .slots_segment.fd = -1, .members_segment.fd = -1,
		.groups_segment.fd = -1 };
	if (make_segments(s) == -1) {
		int saved = errno;

		shm_servers_close(s);
		errno = saved;
		return -1;
	}
	slots = (struct slots_data *)s->slots_segment.base;
	members = (struct members_data *)s->members_segment.base;
	groups = (struct groups_data *)s->groups_segment.base;
	s->slots = slots->slots;
	s->nslots = &slots->n;
	s->members = members->members;
	s->nmembers = &members->n;
	s->groups = groups->groups;
	s->ngroups = &groups->n;
	s->last_look = mem_zalloc(SHM_SERVERS, sizeof(*s->last_look));
	s->group_last_look = mem_zalloc(SHM_BACKENDS, sizeof(*s->group_last_look));
	return 0;
}

void
shm_servers_close(struct shm_servers *s)
{
	segment_close(&s->slots_segment);
	segment_close(&s->members_segment);
	segment_close(&s->groups_segment);
	map_fini(&s->index);
	map_fini(&s->group_index);
	mem_free(s->last_look);
	mem_free(s->group_last_look);
	s->last_look = s->group_last_look = NULL;
	s->slots = NULL;
	s->members = NULL;
	s->groups = NULL;
}

/* ---- slots */

/* A text of a new use; what workers count in the slot is left alone. */
static void
renew(struct shm_server *server, struct str key)
{
	uint64_t id = str_hash(key, 0);

	atomic_store(&server->health, HEALTH_UNCHECKED);
	atomic_store(&server->order, ORDER_NONE);
	atomic_store(&server->latency_us, 0);
	atomic_store(&server->errors, 0);
	atomic_store(&server->latency_at_ms, 0);
	atomic_store(&server->ejected_until_ms, 0);
	atomic_store(&server->up_since_ms, 0);
	atomic_store(&server->ejections, 0);
	memset(server->key, 0, offsetof(struct shm_server, held) -
	    offsetof(struct shm_server, key));
	memcpy(server->key, key.p, key.n);
	server->id = id != 0 ? id : 1;
}

/*
 * Takes a free slot into use, unless a worker is just about to use it for the server before: such
 * a worker takes a place first and looks at the serial after that, we do it the other way round.
 */
static bool
claim(struct shm_server *server)
{
	if (server->key[0] != '\0')
		return false;
	atomic_fetch_add(&server->serial, 1);
	return shm_server_is_idle(server);
}

/* The first free slot, or -1. */
static int
free_slot(struct shm_servers *s)
{
	uint32_t n = atomic_load(s->nslots);
	uint32_t i = s->free_slot;

	while (i < n && !claim(&s->slots[i]))
		i++;
	s->free_slot = i;
	if (i < n)
		return (int)i;
	if (n >= SHM_SERVERS)
		return -1;
	if (segment_grow(&s->slots_segment, slots_size((n / SLOTS_STEP + 1) * SLOTS_STEP)) == -1)
		return -1;
	return claim(&s->slots[n]) ? (int)n : -1;
}

int
shm_server_slot(struct shm_servers *s, struct str key)
{
	struct shm_server *server;
	int i;

	if (key.n == 0 || key.n >= SHM_SERVER_KEY)
		return -1;
	server = map_get(&s->index, key);
	if (server != NULL)
		return (int)(server - s->slots);
	i = free_slot(s);
	if (i == -1)
		return -1;
	server = &s->slots[i];
	renew(server, key);
	s->last_look[i] = 0;
	map_add(&s->index, str_make(server->key, key.n), server);
	if ((uint32_t)i == atomic_load(s->nslots))
		atomic_store_explicit(s->nslots, (uint32_t)i + 1, memory_order_release);
	return i;
}

/* ---- groups */

/* The first free group, or -1. */
static int
free_group(struct shm_servers *s)
{
	uint32_t n = atomic_load(s->ngroups), i = 0;

	while (i < n && s->groups[i].name[0] != '\0')
		i++;
	if (i < n)
		return (int)i;
	if (n >= SHM_BACKENDS || segment_grow(&s->groups_segment,
	    groups_size((n / GROUPS_STEP + 1) * GROUPS_STEP)) == -1)
		return -1;
	return (int)n;
}

/* The group of this name, made if there is none; -1 without room. */
static int
group_index(struct shm_servers *s, struct str name)
{
	struct shm_group *g = map_get(&s->group_index, name);
	int i;

	if (g != NULL)
		return (int)(g - s->groups);
	i = free_group(s);
	if (i == -1)
		return -1;
	g = &s->groups[i];
	memset(g, 0, sizeof(*g));
	memcpy(g->name, name.p, name.n);
	s->group_last_look[i] = 0;
	map_add(&s->group_index, str_make(g->name, name.n), g);
	if ((uint32_t)i == atomic_load(s->ngroups))
		atomic_store_explicit(s->ngroups, (uint32_t)i + 1, memory_order_release);
	return i;
}

/* ---- lists */

/* The first free list, or -1. */
static int
free_members(struct shm_servers *s)
{
	uint32_t n = atomic_load(s->nmembers);
	uint32_t i = s->free_members;

	while (i < n && s->members[i].backend[0] != '\0')
		i++;
	s->free_members = i;
	if (i < n)
		return (int)i;
	if (n >= SHM_BACKENDS)
		return -1;
	if (segment_grow(&s->members_segment,
	    members_size((n / MEMBERS_STEP + 1) * MEMBERS_STEP)) == -1)
		return -1;
	return (int)n;
}

int
shm_members_index(struct shm_servers *s, struct str backend, uint32_t generation)
{
	struct shm_members *m;
	int i, group;

	if (backend.n == 0 || backend.n >= SHM_BACKEND_NAME)
		return -1;
	i = free_members(s);
	group = i != -1 ? group_index(s, backend) : -1;
	if (group == -1)
		return -1;
	m = &s->members[i];
	memcpy(m->backend, backend.p, backend.n);
	m->backend[backend.n] = '\0';
	m->generation = generation;
	m->group = (uint32_t)group;
	if ((uint32_t)i == atomic_load(s->nmembers))
		atomic_store_explicit(s->nmembers, (uint32_t)i + 1, memory_order_release);
	return i;
}

void
shm_members_set(struct shm_members *m, const struct shm_member *list, uint32_t n)
{
	uint64_t version = atomic_load(&m->version);

	CHECK(n <= SHM_MEMBERS);
	atomic_store(&m->version, version + 1);
	atomic_thread_fence(memory_order_seq_cst);
	if (n > 0)
		memcpy(m->list, list, n * sizeof(*list));
	m->n = n;
	atomic_store_explicit(&m->version, version + 2, memory_order_release);
}

int
shm_members_read(const struct shm_members *m, uint64_t *version, struct shm_member *out)
{
	for (int i = 0; i < READ_TRIES; i++) {
		uint64_t before = atomic_load_explicit(&m->version, memory_order_acquire);
		uint32_t n;

		if (before == *version)
			return -1;
		if (before % 2 != 0)
			continue;
		n = m->n;
		if (n <= SHM_MEMBERS)
			memcpy(out, m->list, n * sizeof(*out));
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&m->version, memory_order_relaxed) != before)
			continue;
		if (n > SHM_MEMBERS)
			return -1;
		*version = before;
		return (int)n;
	}
	return -1;
}

/* ---- what nobody uses any more */

/* Marks the slots that a list names. */
static void
mark_used(const struct shm_servers *s, bool *used, uint32_t nslots)
{
	uint32_t n = atomic_load(s->nmembers);

	for (uint32_t i = 0; i < n; i++) {
		const struct shm_members *m = &s->members[i];

		for (uint32_t k = 0; m->backend[0] != '\0' && k < m->n; k++) {
			if (m->list[k].slot < nslots)
				used[m->list[k].slot] = true;
		}
	}
}

/* The map cannot remove, so what stays is entered anew. */
static void
sweep_slots(struct shm_servers *s)
{
	uint32_t n = atomic_load(s->nslots), freed = 0;
	bool *used = mem_zalloc(n, sizeof(*used));

	mark_used(s, used, n);
	for (uint32_t i = 0; i < n; i++) {
		struct shm_server *server = &s->slots[i];

		if (used[i] || server->key[0] == '\0' || !shm_server_is_idle(server))
			continue;
		server->key[0] = '\0';
		freed++;
	}
	mem_free(used);
	s->free_slot = 0;		/* also those that claim() could not have a moment ago */
	if (freed == 0)
		return;
	s->swept = true;
	map_fini(&s->index);
	for (uint32_t i = 0; i < n; i++) {
		struct shm_server *server = &s->slots[i];

		if (server->key[0] != '\0')
			map_add(&s->index, str_of(server->key), server);
	}
}

/* A group stays as long as a list or a slot belongs to it. */
static void
sweep_groups(struct shm_servers *s)
{
	uint32_t n = atomic_load(s->ngroups), nmembers = atomic_load(s->nmembers);
	uint32_t nslots = atomic_load(s->nslots);
	bool *used = mem_zalloc(n, sizeof(*used));

	for (uint32_t i = 0; i < nmembers; i++)
		if (s->members[i].backend[0] != '\0')
			used[s->members[i].group] = true;
	for (uint32_t i = 0; i < nslots; i++)
		if (s->slots[i].key[0] != '\0')
			used[s->slots[i].group] = true;
	map_fini(&s->group_index);
	for (uint32_t i = 0; i < n; i++) {
		struct shm_group *g = &s->groups[i];

		if (!used[i])
			g->name[0] = '\0';
		else
			map_add(&s->group_index, str_of(g->name), g);
	}
	mem_free(used);
}

bool
shm_servers_sweep(struct shm_servers *s)
{
	bool swept;

	sweep_slots(s);
	swept = s->swept;
	s->swept = false;
	return swept;
}

void
shm_servers_forget(struct shm_servers *s, uint32_t generation)
{
	uint32_t n = atomic_load(s->nmembers);

	for (uint32_t i = 0; i < n; i++) {
		struct shm_members *m = &s->members[i];

		if (m->backend[0] == '\0' || m->generation != generation)
			continue;
		m->backend[0] = '\0';
		shm_members_set(m, NULL, 0);
		atomic_store(&m->cursor, 0);
	}
	s->free_members = 0;
	sweep_slots(s);
	sweep_groups(s);
}
