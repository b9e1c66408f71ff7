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
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
