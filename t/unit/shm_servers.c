/* shm_servers.c: server slots and lists over generations, places and their repair. */

#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/servers.h"

static struct shm_servers s;
static struct shm_member out[SHM_MEMBERS];

static void
setup(void)
{
	ck_assert_int_eq(shm_servers_new(&s), 0);
}

static void
teardown(void)
{
	shm_servers_close(&s);
}

static int
slot_number(int i)
{
	char key[64];

	return shm_server_slot(&s,
	    str_make(key, (size_t)snprintf(key, sizeof(key), "app http 10.0.0.1:%d", i)));
}

/* A list of `n` servers from number `first` on. */
static struct shm_members *
make_list(const char *backend, uint32_t generation, int first, uint32_t n)
{
	int index = shm_members_index(&s, str_of(backend), generation);
	struct shm_member list[8] = { 0 };

	ck_assert_int_ge(index, 0);
	for (uint32_t i = 0; i < n; i++) {
		list[i].slot = (uint32_t)slot_number(first + (int)i);
		list[i].weight = (uint16_t)(i + 1);
	}
	shm_members_set(&s.members[index], list, n);
	return &s.members[index];
}

START_TEST(test_slot_by_key)
{
	int a = slot_number(1);

	ck_assert_int_ge(a, 0);
	ck_assert_int_ne(slot_number(2), a);
	ck_assert_int_eq(slot_number(1), a);
	ck_assert_int_eq(shm_server_slot(&s, STR_OF("")), -1);
}
END_TEST

START_TEST(test_key_too_long)
{
	char key[SHM_SERVER_KEY + 1];

	memset(key, 'k', sizeof(key));
	ck_assert_int_eq(shm_server_slot(&s, str_make(key, SHM_SERVER_KEY)), -1);
	ck_assert_int_ge(shm_server_slot(&s, str_make(key, SHM_SERVER_KEY - 1)), 0);
	ck_assert_int_eq(shm_members_index(&s, str_make(key, SHM_BACKEND_NAME), 1), -1);
}
END_TEST

START_TEST(test_all_slots)
{
	for (int i = 0; i < SHM_SERVERS; i++)
		ck_assert_int_eq(slot_number(i), i);
	ck_assert_int_eq(slot_number(SHM_SERVERS), -1);
	ck_assert_int_eq(slot_number(5), 5);
	shm_servers_forget(&s, 1);		/* nobody lists any of them */
	ck_assert_int_eq(slot_number(SHM_SERVERS), 0);
}
END_TEST

START_TEST(test_read_once)
{
	struct shm_members *m = make_list("app", 1, 0, 3);
	uint64_t version = 0;

	ck_assert_int_eq(shm_members_read(m, &version, out), 3);
	ck_assert_uint_eq(out[2].weight, 3);
	ck_assert_int_eq(shm_members_read(m, &version, out), -1);
	shm_members_set(m, NULL, 0);
	ck_assert_int_eq(shm_members_read(m, &version, out), 0);
}
END_TEST

/* The master died, or stands still, while it wrote: readers keep what they have and do not hang. */
START_TEST(test_read_during_write)
{
	struct shm_members *m = make_list("app", 1, 0, 3);
	uint64_t version = 0;

	ck_assert_int_eq(shm_members_read(m, &version, out), 3);
	atomic_fetch_add(&m->version, 1);
	ck_assert_int_eq(shm_members_read(m, &version, out), -1);
	atomic_fetch_add(&m->version, 1);
	m->n = UINT32_MAX;
	ck_assert_int_eq(shm_members_read(m, &version, out), -1);
}
END_TEST

START_TEST(test_generations_have_their_own)
{
	struct shm_members *old = make_list("app", 1, 0, 2);
	struct shm_members *new = make_list("app", 2, 1, 2);
	uint64_t version = 0;

	ck_assert_ptr_ne(old, new);
	shm_servers_forget(&s, 2);		/* rolled back */
	ck_assert_int_eq(shm_members_read(old, &version, out), 2);
	ck_assert_int_eq(slot_number(0), (int)out[0].slot);
	ck_assert_int_eq(slot_number(1), (int)out[1].slot);
	ck_assert_str_eq(s.slots[2].key, "");
	ck_assert_str_eq(new->backend, "");
}
END_TEST

START_TEST(test_state_survives)
{
	struct shm_members *old = make_list("app", 1, 0, 2);
	uint64_t version = 0;
	int slot = slot_number(1);

	ck_assert(shm_server_set_health(&s, &s.slots[slot], HEALTH_DOWN));
	make_list("app", 2, 1, 2);
	shm_servers_forget(&s, 1);
	ck_assert_int_eq(slot_number(1), slot);
	ck_assert_uint_eq(atomic_load(&s.slots[slot].health), HEALTH_DOWN);
	/* A worker of the old generation that reads late finds an empty list. */
	ck_assert_int_eq(shm_members_read(old, &version, out), 0);
}
END_TEST

START_TEST(test_max_conns)
{
	struct shm_server *server = &s.slots[slot_number(1)];

	ck_assert(shm_server_take(server, 0, 2));
	ck_assert(shm_server_take(server, 5, 2));
	ck_assert(!shm_server_take(server, 1, 2));
	ck_assert(shm_server_take(server, 1, 0));
	shm_server_give(server, 0);
	ck_assert_uint_eq(atomic_load(&server->in_flight), 2);
	ck_assert(!shm_server_take(server, 0, 2));
	shm_server_give(server, 1);
	ck_assert(shm_server_take(server, 0, 2));
}
END_TEST

START_TEST(test_repair)
{
	struct shm_server *a = &s.slots[slot_number(1)], *b = &s.slots[slot_number(2)];

	for (int i = 0; i < 3; i++)
		ck_assert(shm_server_take(a, 4, 0));
	ck_assert(shm_server_take(a, 5, 0));
	ck_assert(shm_server_take(b, 4, 0));
	shm_servers_repair(&s, 4);
	ck_assert_uint_eq(atomic_load(&a->in_flight), 1);
	ck_assert_uint_eq(atomic_load(&b->in_flight), 0);
	ck_assert_uint_eq(atomic_load(&a->held[4]), 0);
}
END_TEST

START_TEST(test_correct)
{
	struct shm_server *server = &s.slots[slot_number(1)];

	ck_assert(shm_server_take(server, 4, 0));
	atomic_fetch_add(&server->in_flight, 2);	/* died before it noted its share */
	shm_servers_correct(&s);
	ck_assert_uint_eq(atomic_load(&server->in_flight), 3);
	atomic_fetch_add(&server->in_flight, 1);	/* not the same as at the last look */
	shm_servers_correct(&s);
	ck_assert_uint_eq(atomic_load(&server->in_flight), 4);
	shm_servers_correct(&s);
	ck_assert_uint_eq(atomic_load(&server->in_flight), 1);
}
END_TEST

START_TEST(test_never_below_zero)
{
	struct shm_server *server = &s.slots[slot_number(1)];

	shm_server_give(server, 3);
	ck_assert_uint_eq(atomic_load(&server->in_flight), 0);
	ck_assert_uint_eq(atomic_load(&server->held[3]), 0);
}
END_TEST

/* Workers that are killed at any moment leave nothing behind. */
START_TEST(test_killed_takers)
{
	enum { WORKERS = 4 };
	struct shm_server *server = &s.slots[slot_number(1)];
	pid_t pids[WORKERS];

	for (int i = 0; i < WORKERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			for (;;) {
				if (shm_server_take(server, i, 3))
					shm_server_give(server, i);
			}
		}
	}
	for (int i = 0; i < WORKERS; i++) {
		usleep(10000);
		kill(pids[i], SIGKILL);
		ck_assert_int_eq(waitpid(pids[i], NULL, 0), pids[i]);
		shm_servers_repair(&s, i);
	}
	shm_servers_correct(&s);
	shm_servers_correct(&s);
	ck_assert_uint_eq(atomic_load(&server->in_flight), 0);
}
END_TEST

/* ---- slots that are given anew */

static void
unlist(struct shm_members *m)
{
	shm_members_set(m, NULL, 0);
	shm_servers_sweep(&s);
}

START_TEST(test_serial_of_a_new_use)
{
	struct shm_members *m = make_list("app", 1, 0, 1);
	int slot = slot_number(0);
	uint32_t serial = atomic_load(&s.slots[slot].serial);
	uint64_t id = s.slots[slot].id;

	shm_server_set_health(&s, &s.slots[slot], HEALTH_DOWN);
	atomic_store(&s.slots[slot].ejections, 3);
	unlist(m);
	ck_assert_int_eq(slot_number(7), slot);
	ck_assert_uint_ne(atomic_load(&s.slots[slot].serial), serial);
	ck_assert_uint_ne(s.slots[slot].id, id);
	ck_assert_uint_eq(atomic_load(&s.slots[slot].health), HEALTH_UNCHECKED);
	ck_assert_uint_eq(atomic_load(&s.slots[slot].ejections), 0);
}
END_TEST

START_TEST(test_id_is_of_the_key)
{
	struct shm_members *m = make_list("app", 1, 0, 1);
	uint64_t id = s.slots[slot_number(0)].id;

	ck_assert_uint_ne(id, 0);
	unlist(m);
	ck_assert_str_eq(s.slots[0].key, "");
	ck_assert_int_eq(slot_number(1), 0);
	ck_assert_int_eq(slot_number(0), 1);
	ck_assert_uint_eq(s.slots[1].id, id);
}
END_TEST

/* Nobody gets a slot in which a request or a connection of the server before is left. */
START_TEST(test_busy_slot_stays)
{
	struct shm_members *m = make_list("app", 1, 0, 2);

	ck_assert(shm_server_take(&s.slots[0], 3, 0));
	atomic_store(&s.slots[1].connections[200], 1);
	unlist(m);
	ck_assert_int_eq(slot_number(2), 2);
	ck_assert_int_eq(slot_number(0), 0);		/* the same server comes back */
	shm_server_give(&s.slots[0], 3);
	shm_servers_sweep(&s);
	make_list("app", 1, 3, 1);
	ck_assert_int_eq(slot_number(3), 0);
	shm_servers_repair(&s, 200);
	shm_servers_sweep(&s);
	ck_assert_int_eq(slot_number(4), 1);
}
END_TEST

/* A worker took a place by an old list just before the slot was to be given anew. */
START_TEST(test_late_taker)
{
	struct shm_members *m = make_list("app", 1, 0, 1);
	uint32_t serial = atomic_load(&s.slots[0].serial);

	unlist(m);
	ck_assert(shm_server_take(&s.slots[0], 3, 0));
	make_list("app", 1, 5, 1);
	ck_assert_int_eq(slot_number(5), 1);
	ck_assert_uint_ne(atomic_load(&s.slots[0].serial), serial);
	shm_server_give(&s.slots[0], 3);
	shm_servers_sweep(&s);
	ck_assert_int_eq(slot_number(6), 0);
}
END_TEST

/* ---- groups */

static struct shm_group *
group_of(const struct shm_members *m)
{
	return &s.groups[m->group];
}

START_TEST(test_group_by_name)
{
	struct shm_members *old = make_list("app", 1, 0, 1);
	struct shm_members *other = make_list("api", 1, 1, 1);
	struct shm_members *new = make_list("app", 2, 2, 1);

	ck_assert_uint_eq(old->group, new->group);
	ck_assert_uint_ne(old->group, other->group);
	ck_assert_str_eq(group_of(other)->name, "api");
	s.slots[1].group = other->group;
	ck_assert(shm_server_take(&s.slots[1], 0, 0));
	shm_servers_forget(&s, 1);
	ck_assert_str_eq(group_of(new)->name, "app");
	ck_assert_str_eq(s.groups[other->group].name, "api");	/* a slot is of it */
	shm_server_give(&s.slots[1], 0);
	shm_servers_forget(&s, 1);
	ck_assert_uint_eq(make_list("web", 2, 3, 1)->group, 1);
}
END_TEST

START_TEST(test_many_groups)
{
	char name[SHM_BACKEND_NAME];

	for (int i = 0; i < 300; i++) {
		int n = snprintf(name, sizeof(name), "backend-%d", i);
		int index = shm_members_index(&s, str_make(name, (size_t)n), 1);

		ck_assert_int_eq(index, i);
		ck_assert_uint_eq(s.members[index].group, (uint32_t)i);
	}
	shm_servers_forget(&s, 1);
	ck_assert_uint_eq(make_list("again", 2, 0, 1)->group, 0);
}
END_TEST

START_TEST(test_epoch)
{
	struct shm_members *m = make_list("app", 1, 0, 1);
	struct shm_group *g = group_of(m);
	uint64_t before = atomic_load(&g->epoch);

	ck_assert(shm_server_set_health(&s, &s.slots[0], HEALTH_UP));
	ck_assert(!shm_server_set_health(&s, &s.slots[0], HEALTH_UP));
	ck_assert_uint_eq(atomic_load(&g->epoch), before + 1);
	ck_assert(shm_server_set_order(&s, &s.slots[0], ORDER_DRAIN));
	ck_assert(!shm_server_set_order(&s, &s.slots[0], ORDER_DRAIN));
	ck_assert_uint_eq(atomic_load(&g->epoch), before + 2);
}
END_TEST

/* Slow start begins when a server comes back, not when it is seen for the first time. */
START_TEST(test_up_since)
{
	struct shm_server *server = &s.slots[slot_number(0)];

	clock_update();
	shm_server_set_health(&s, server, HEALTH_UP);
	ck_assert_int_eq(atomic_load(&server->up_since_ms), 0);
	shm_server_set_health(&s, server, HEALTH_DOWN);
	ck_assert_int_eq(atomic_load(&server->up_since_ms), 0);
	atomic_store(&server->errors, 2);
	shm_server_set_health(&s, server, HEALTH_UP);
	ck_assert_int_eq(atomic_load(&server->up_since_ms), clock_ms());
	ck_assert_uint_eq(atomic_load(&server->errors), 0);
	atomic_store(&server->up_since_ms, 0);
	shm_server_set_order(&s, server, ORDER_DISABLE);
	shm_server_set_order(&s, server, ORDER_DRAIN);
	ck_assert_int_eq(atomic_load(&server->up_since_ms), 0);
	atomic_store(&server->ejected_until_ms, INT64_MAX);
	shm_server_set_order(&s, server, ORDER_ENABLE);
	ck_assert_int_eq(atomic_load(&server->up_since_ms), clock_ms());
	ck_assert_int_eq(atomic_load(&server->ejected_until_ms), 0);
}
END_TEST

START_TEST(test_group_in_flight)
{
	struct shm_group *g = group_of(make_list("app", 1, 0, 1));

	ck_assert(shm_group_take(g, 1, 0));
	ck_assert(shm_group_take(g, 1, 0));
	ck_assert(shm_group_take(g, 2, 3));
	ck_assert(!shm_group_take(g, 2, 3));
	shm_group_give(g, 1);
	ck_assert_uint_eq(atomic_load(&g->in_flight), 2);
	shm_servers_repair(&s, 1);
	ck_assert_uint_eq(atomic_load(&g->in_flight), 1);
	atomic_fetch_add(&g->in_flight, 1);		/* died before it noted its share */
	shm_servers_correct(&s);
	shm_servers_correct(&s);
	ck_assert_uint_eq(atomic_load(&g->in_flight), 1);
}
END_TEST

START_TEST(test_group_queue)
{
	struct shm_group *g = group_of(make_list("app", 1, 0, 1));

	ck_assert(!shm_group_has_waiting(g));
	ck_assert_int_eq(shm_group_next(g, -1), -1);
	shm_group_set_queue(g, 3, 2, 500);
	shm_group_set_queue(g, 200, 5, 400);
	shm_group_set_queue(g, 201, 1, 450);
	ck_assert(shm_group_has_waiting(g));
	ck_assert_uint_eq(shm_group_queued(g), 8);
	ck_assert_int_eq(shm_group_next(g, -1), 200);
	ck_assert_int_eq(shm_group_next(g, 200), 201);
	ck_assert_int_eq(shm_group_next(g, 201), 3);
	ck_assert_int_eq(shm_group_next(g, 3), -1);
	shm_group_set_queue(g, 200, 4, 600);
	ck_assert_int_eq(shm_group_next(g, -1), 201);
	shm_servers_repair(&s, 201);
	ck_assert_int_eq(shm_group_next(g, -1), 3);
	shm_group_set_queue(g, 3, 0, 0);
	shm_servers_repair(&s, 200);
	ck_assert(!shm_group_has_waiting(g));
	ck_assert_uint_eq(shm_group_queued(g), 0);
}
END_TEST

/* All that began to wait in the same millisecond are in line one after the other. */
START_TEST(test_group_ties)
{
	struct shm_group *g = group_of(make_list("app", 1, 0, 1));

	shm_group_set_queue(g, 9, 1, 500);
	shm_group_set_queue(g, 70, 1, 500);
	shm_group_set_queue(g, 2, 1, 500);
	ck_assert_int_eq(shm_group_next(g, -1), 2);
	ck_assert_int_eq(shm_group_next(g, 2), 9);
	ck_assert_int_eq(shm_group_next(g, 9), 70);
	ck_assert_int_eq(shm_group_next(g, 70), -1);
}
END_TEST

/* A worker that died when its queue had just become empty, or had been told of a place. */
START_TEST(test_group_half_way)
{
	struct shm_group *g = group_of(make_list("app", 1, 0, 1));
	uint64_t epoch = atomic_load(&g->epoch);

	shm_group_set_queue(g, 66, 1, 500);
	shm_group_tell(g, 66);
	atomic_store(&g->queued[66], 0);
	atomic_store(&g->head_ms[66], 0);
	shm_servers_repair(&s, 66);
	ck_assert_msg(!shm_group_has_waiting(g), "nobody waits who is dead");
	ck_assert(!shm_group_was_told(g, 66));
	ck_assert_msg(atomic_load(&g->epoch) != epoch, "it may have ejected a server");
}
END_TEST

START_TEST(test_findings_have_names)
{
	for (int i = 0; i < FOUND_KINDS; i++)
		ck_assert_ptr_nonnull(shm_finding_names[i]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("servers");
	TCase *tc = tcase_create("servers");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_slot_by_key);
	tcase_add_test(tc, test_key_too_long);
	tcase_add_test(tc, test_all_slots);
	tcase_add_test(tc, test_read_once);
	tcase_add_test(tc, test_read_during_write);
	tcase_add_test(tc, test_generations_have_their_own);
	tcase_add_test(tc, test_state_survives);
	tcase_add_test(tc, test_max_conns);
	tcase_add_test(tc, test_repair);
	tcase_add_test(tc, test_correct);
	tcase_add_test(tc, test_never_below_zero);
	tcase_add_test(tc, test_killed_takers);
	tcase_add_test(tc, test_serial_of_a_new_use);
	tcase_add_test(tc, test_id_is_of_the_key);
	tcase_add_test(tc, test_busy_slot_stays);
	tcase_add_test(tc, test_late_taker);
	tcase_add_test(tc, test_group_by_name);
	tcase_add_test(tc, test_many_groups);
	tcase_add_test(tc, test_epoch);
	tcase_add_test(tc, test_up_since);
	tcase_add_test(tc, test_group_in_flight);
	tcase_add_test(tc, test_group_queue);
	tcase_add_test(tc, test_group_ties);
	tcase_add_test(tc, test_group_half_way);
	tcase_add_test(tc, test_findings_have_names);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
