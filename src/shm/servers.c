/*
 * servers.c - what all processes must agree on about servers, and who belongs to which backend.
 *
 * A worker may die between any two steps.  It notes its share (held) after it moved the total, so a
 * death in between leaves a total too high by one, which shm_servers_correct() finds.
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
	READ_TRIES = 100,
	CAS_TRIES = 1000,		/* each lost one is a place that somebody else took */
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

static uint64_t
slots_layout(void)
{
	const size_t numbers[] = {
		sizeof(struct shm_server), offsetof(struct shm_server, addr), sizeof(struct addr),
		offsetof(struct shm_server, down), offsetof(struct shm_server, in_flight),
		offsetof(struct shm_server, held),
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

int
shm_servers_new(struct shm_servers *s)
{
	struct members_data *members;
	struct slots_data *slots;

	*s = (struct shm_servers){ .slots_segment.fd = -1, .members_segment.fd = -1 };
	if (segment_new(&s->slots_segment, "usherd-servers", slots_layout(),
	    slots_size(SLOTS_STEP), slots_size(SHM_SERVERS)) == -1)
		return -1;
	if (segment_new(&s->members_segment, "usherd-members", members_layout(),
	    members_size(MEMBERS_STEP), members_size(SHM_BACKENDS)) == -1) {
		int saved = errno;

		shm_servers_close(s);
		errno = saved;
		return -1;
	}
	slots = (struct slots_data *)s->slots_segment.base;
	members = (struct members_data *)s->members_segment.base;
	s->slots = slots->slots;
	s->nslots = &slots->n;
	s->members = members->members;
	s->nmembers = &members->n;
	map_init(&s->index);
	s->last_look = mem_zalloc(SHM_SERVERS, sizeof(*s->last_look));
	return 0;
}

void
shm_servers_close(struct shm_servers *s)
{
	segment_close(&s->slots_segment);
	segment_close(&s->members_segment);
	map_fini(&s->index);
	mem_free(s->last_look);
	s->last_look = NULL;
	s->slots = NULL;
	s->members = NULL;
}

/* The first free slot, or -1; *n becomes larger than it. */
static int
free_slot(struct shm_servers *s)
{
	uint32_t n = atomic_load(s->nslots);
	uint32_t i = s->free_slot;

	while (i < n && s->slots[i].key[0] != '\0')
		i++;
	s->free_slot = i;
	if (i < n)
		return (int)i;
	if (n >= SHM_SERVERS)
		return -1;
	if (segment_grow(&s->slots_segment, slots_size((n / SLOTS_STEP + 1) * SLOTS_STEP)) == -1)
		return -1;
	return (int)n;
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
	memset(server, 0, sizeof(*server));
	memcpy(server->key, key.p, key.n);
	s->last_look[i] = 0;
	map_add(&s->index, str_make(server->key, key.n), server);
	if ((uint32_t)i == atomic_load(s->nslots))
		atomic_store_explicit(s->nslots, (uint32_t)i + 1, memory_order_release);
	return i;
}

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
	int i;

	if (backend.n == 0 || backend.n >= SHM_BACKEND_NAME)
		return -1;
	i = free_members(s);
	if (i == -1)
		return -1;
	m = &s->members[i];
	memcpy(m->backend, backend.p, backend.n);
	m->backend[backend.n] = '\0';
	m->generation = generation;
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

/* Takes `n` off a total, which never falls below zero whatever a dead worker left behind. */
static void
subtract(_Atomic uint32_t *total, uint32_t n)
{
	uint32_t old = atomic_load(total);

	for (int i = 0; i < CAS_TRIES; i++) {
		if (atomic_compare_exchange_weak(total, &old, old > n ? old - n : 0))
			return;
	}
}

bool
shm_server_take(struct shm_server *server, int worker, uint32_t max_conns)
{
	uint32_t old;

	if (max_conns == 0) {
		atomic_fetch_add(&server->in_flight, 1);
		atomic_fetch_add(&server->held[worker], 1);
		return true;
	}
	old = atomic_load(&server->in_flight);
	for (int i = 0; i < CAS_TRIES && old < max_conns; i++) {
		if (atomic_compare_exchange_weak(&server->in_flight, &old, old + 1)) {
			atomic_fetch_add(&server->held[worker], 1);
			return true;
		}
	}
	return false;
}

void
shm_server_give(struct shm_server *server, int worker)
{
	subtract(&server->held[worker], 1);
	subtract(&server->in_flight, 1);
}

uint32_t
shm_server_connections(const struct shm_server *server)
{
	uint32_t sum = 0;

	for (int i = 0; i < SHM_WORKERS; i++)
		sum += atomic_load_explicit(&server->connections[i], memory_order_relaxed);
	return sum;
}

void
shm_servers_repair(struct shm_servers *s, int worker)
{
	uint32_t n = atomic_load(s->nslots);

	CHECK(worker >= 0 && worker < SHM_WORKERS);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t held = atomic_exchange(&s->slots[i].held[worker], 0);

		atomic_store(&s->slots[i].connections[worker], 0);
		if (held > 0)
			subtract(&s->slots[i].in_flight, held);
	}
}

static void
correct_one(struct shm_server *server, uint64_t *last_look)
{
	uint32_t total = atomic_load(&server->in_flight);
	uint32_t sum = 0;
	uint64_t look;

	for (int i = 0; i < SHM_WORKERS; i++)
		sum += atomic_load(&server->held[i]);
	if (sum == total) {
		*last_look = 0;
		return;
	}
	look = (uint64_t)total << 32 | sum;
	if (look == *last_look) {
		/* A worker that moves the total just now wins; then there is a next time. */
		(void)atomic_compare_exchange_strong(&server->in_flight, &total, sum);
		look = 0;
	}
	*last_look = look;
}

void
shm_servers_correct(struct shm_servers *s)
{
	uint32_t n = atomic_load(s->nslots);

	for (uint32_t i = 0; i < n; i++) {
		if (s->slots[i].key[0] != '\0')
			correct_one(&s->slots[i], &s->last_look[i]);
	}
}

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
	uint32_t n = atomic_load(s->nslots);
	bool *used = mem_zalloc(n, sizeof(*used));

	mark_used(s, used, n);
	map_fini(&s->index);
	map_init(&s->index);
	for (uint32_t i = 0; i < n; i++) {
		struct shm_server *server = &s->slots[i];

		if (used[i] && server->key[0] != '\0')
			map_add(&s->index, str_of(server->key), server);
		else
			server->key[0] = '\0';
	}
	s->free_slot = 0;
	mem_free(used);
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
}
