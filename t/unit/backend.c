/* backend.c, view.c, eject.c: who of a backend can be used, as shared memory and time say. */

#include "unit.h"

#include <stdio.h>

#include "base/log.h"
#include "proxy/balance/backend.h"
#include "proxy/balance/eject.h"
#include "shm/servers.h"

enum { GENERATION = 1, SLOW_START_MS = 10000 };

static struct shm_core core;
static struct shm_servers shm;
static struct metrics metrics;
static struct loop *loop;
static struct tls_client *no_tls[1];
static struct conf_backend conf;
static struct shm_members *members;
static struct shm_member list[64];
static uint32_t n;
static struct backend *workers[2];
static struct backend_request request;

static void
setup(void)
{
	clock_update();
	log_set_level(LOG_LEVEL_ERROR);
	ck_assert_int_eq(shm_core_new(&core), 0);
	ck_assert_int_eq(shm_servers_new(&shm), 0);
	ck_assert_int_eq(metrics_new(&metrics), 0);
	loop = loop_new();
	conf = (struct conf_backend){ .name = STR("app"),
		.eject = { .errors = 3, .time_ms = 10000, .max_pct = 50 } };
	members = &shm.members[shm_members_index(&shm, conf.name, GENERATION)];
	request = (struct backend_request){ .hash = 0 };
	n = 0;
}

static void
teardown(void)
{
	for (size_t i = 0; i < ARRAY_LEN(workers); i++) {
		backend_free(workers[i]);
		workers[i] = NULL;
	}
	loop_free(loop);
	metrics_close(&metrics);
	shm_servers_close(&shm);
	shm_core_close(&core);
}

/* Adds a server to the list that publish() makes known; returns its slot. */
static struct shm_server *
add(int number, unsigned weight, unsigned flags)
{
	char key[32];
	int len = snprintf(key, sizeof(key), "app|10.0.0.%d:80", number);
	int slot = shm_server_slot(&shm, str_make(key, (size_t)len));
	struct shm_server *server = &shm.slots[slot];

	ck_assert_int_ge(slot, 0);
	ck_assert(addr_parse(&server->addr, str_of(key + 4), 0));
	server->group = members->group;
	list[n++] = (struct shm_member){
		.slot = (uint32_t)slot, .serial = server->serial, .weight = (uint16_t)weight,
		.flags = (uint16_t)flags, .slow_start_ms = SLOW_START_MS,
	};
	return server;
}

static void
publish(void)
{
	shm_members_set(members, list, n);
	shm_servers_sweep(&shm);
}

static struct server_pool pool;

/* The list is known and the workers run. */
static void
start(void)
{
	const struct backend_env env = {
		.loop = loop, .servers = &shm, .core = &core, .metrics = &metrics, .tls = no_tls,
		.pool = &pool,
	};

	publish();
	for (size_t i = 0; i < ARRAY_LEN(workers); i++) {
		struct backend_env own = env;

		own.worker = (int)i;
		workers[i] = backend_new(&conf, members, 0, &own);
	}
}

/* Takes a place; NULL if there is none, for `expected` as the reason. */
static struct server *
take(enum backend_refusal expected)
{
	enum backend_refusal why;
	struct server *s = backend_take(workers[0], &request, &why);

	if (s == NULL)
		ck_assert_int_eq(why, expected);
	return s;
}

/* How many of `turns` requests, one after the other, the server gets. */
static unsigned
share(const struct shm_server *server, unsigned turns)
{
	unsigned got = 0;

	for (unsigned i = 0; i < turns; i++) {
		struct server *s = take(BACKEND_DOWN);

		ck_assert_ptr_nonnull(s);
		got += s->shared == server;
		backend_give(workers[0], s);
	}
	return got;
}

/* A request to the server ends like this, as worker `w` sees it; whoever gets its other requests
 * is well. */
static void
report(int w, const struct shm_server *server, enum backend_outcome outcome)
{
	enum backend_refusal why;

	for (unsigned i = 0; i < 2 * n; i++) {
		struct server *s = backend_take(workers[w], &request, &why);
		bool found = s->shared == server;

		if (found)
			backend_report(workers[w], s, outcome);
		backend_give(workers[w], s);
		if (found)
			return;
	}
	ck_abort_msg("the server gets no request");
}

static bool
is_out(const struct shm_server *server)
{
	return atomic_load(&server->ejected_until_ms) > clock_ms();
}

static void
pass(msec ms)
{
	clock_cached_ms += ms;
}

/* ---- who can be used */

START_TEST(states)
{
	struct shm_server *a = add(1, 1, 0), *b = add(2, 1, 0);

	start();
	ck_assert_uint_eq(share(a, 10), 5);
	shm_server_set_health(&shm, a, HEALTH_DOWN);
	ck_assert_uint_eq(share(a, 10), 0);
	shm_server_set_order(&shm, b, ORDER_DRAIN);
	ck_assert_ptr_null(take(BACKEND_DOWN));
	shm_server_set_order(&shm, b, ORDER_DISABLE);
	ck_assert_ptr_null(take(BACKEND_DOWN));
	shm_server_set_order(&shm, b, ORDER_NONE);
	ck_assert_uint_eq(share(b, 10), 10);
	shm_server_set_health(&shm, a, HEALTH_UNCHECKED);
	pass(SLOW_START_MS);
	ck_assert_uint_eq(share(a, 10), 5);
}
END_TEST

START_TEST(down_by_configuration)
{
	struct shm_server *a = add(1, 1, MEMBER_DOWN);

	conf.try_all_down = true;
	add(2, 1, 0);
	start();
	ck_assert_uint_eq(share(a, 10), 0);
	shm_server_set_health(&shm, &shm.slots[1], HEALTH_DOWN);
	ck_assert_uint_eq(share(a, 10), 0);		/* not even with try_all */
	shm_server_set_order(&shm, a, ORDER_ENABLE);
	ck_assert_uint_eq(share(a, 10), 10);
}
END_TEST

START_TEST(unresolved)
{
	struct shm_server *a = add(1, 1, 0);

	conf.try_all_down = true;
	a->addr.len = 0;
	start();
	ck_assert_ptr_null(take(BACKEND_DOWN));
}
END_TEST

START_TEST(backups)
{
	struct shm_server *a = add(1, 1, 0), *b = add(2, 1, MEMBER_BACKUP);
	struct server *s;

	list[0].max_conns = 1;
	start();
	s = take(BACKEND_FULL);
	ck_assert_ptr_eq(s->shared, a);
	ck_assert_msg(take(BACKEND_FULL) == NULL, "a backup is not for what is too much");
	request.tried = (struct backend_tried){ .v = { s->id }, .n = 1 };
	backend_give(workers[0], s);
	ck_assert_msg(share(b, 4) == 4, "but for what has failed");
	request.tried.n = 0;
	shm_server_set_health(&shm, a, HEALTH_DOWN);
	ck_assert_uint_eq(share(b, 4), 4);
	shm_server_set_health(&shm, b, HEALTH_DOWN);
	ck_assert_ptr_null(take(BACKEND_DOWN));
}
END_TEST

START_TEST(try_all)
{
	struct shm_server *a = add(1, 1, 0), *b = add(2, 1, 0), *c = add(3, 1, MEMBER_BACKUP);

	conf.try_all_down = true;
	start();
	shm_server_set_health(&shm, a, HEALTH_DOWN);
	shm_server_set_health(&shm, c, HEALTH_DOWN);
	atomic_store(&b->ejected_until_ms, clock_ms() + 1000);
	shm_group_changed(&shm.groups[members->group]);
	ck_assert_uint_eq(share(b, 4), 4);
	shm_server_set_health(&shm, b, HEALTH_DOWN);
	ck_assert_uint_eq(share(a, 4), 2);
	ck_assert_uint_eq(share(c, 4), 0);
}
END_TEST

START_TEST(tried_ones_are_not_taken)
{
	struct shm_server *a = add(1, 1, 0), *b = add(2, 1, 0);
	struct server *s;

	start();
	request.tried = (struct backend_tried){ .v = { a->id }, .n = 1 };
	ck_assert_uint_eq(share(b, 4), 4);
	ck_assert(backend_has_untried(workers[0], &request));
	list[1].max_conns = 1;
	publish();
	s = take(BACKEND_FULL);
	ck_assert_ptr_null(take(BACKEND_FULL));
	backend_give(workers[0], s);
	request.tried = (struct backend_tried){ .v = { a->id, b->id }, .n = 2 };
	ck_assert(!backend_has_untried(workers[0], &request));
	ck_assert_ptr_null(take(BACKEND_TRIED));
	shm_server_set_health(&shm, b, HEALTH_DOWN);
	ck_assert_ptr_null(take(BACKEND_TRIED));
	shm_server_set_health(&shm, a, HEALTH_DOWN);
	ck_assert_ptr_null(take(BACKEND_DOWN));
}
END_TEST

START_TEST(sticky)
{
	struct shm_server *a = add(1, 1, 0), *b = add(2, 1, MEMBER_BACKUP);

	start();
	request.sticky = b->id;
	ck_assert_uint_eq(share(b, 4), 4);
	shm_server_set_order(&shm, b, ORDER_DRAIN);
	ck_assert_msg(share(b, 4) == 4, "a server that drains keeps them");
	request.tried = (struct backend_tried){ .v = { b->id }, .n = 1 };
	ck_assert_uint_eq(share(a, 4), 4);
	request.tried.n = 0;
	shm_server_set_health(&shm, b, HEALTH_DOWN);
	ck_assert_uint_eq(share(a, 4), 4);
	shm_server_set_health(&shm, b, HEALTH_UP);
	shm_server_set_order(&shm, b, ORDER_DISABLE);
	ck_assert_uint_eq(share(a, 4), 4);
	request.sticky = 4711;
	ck_assert_uint_eq(share(a, 4), 4);
}
END_TEST

/* ---- lists that change */

START_TEST(servers_come_and_go)
{
	struct shm_server *a = add(1, 1, 0), *b = add(2, 1, 0), *c;
	struct server *busy;
	char name[SHM_SERVER_KEY];

	start();
	request.tried = (struct backend_tried){ .v = { a->id }, .n = 1 };
	busy = take(BACKEND_DOWN);
	ck_assert_ptr_eq(busy->shared, b);
	request.tried.n = 0;
	n = 1;
	publish();
	ck_assert_uint_eq(share(a, 4), 4);
	snprintf(name, sizeof(name), "%s", b->key);
	c = add(3, 1, 0);
	ck_assert_ptr_ne(c, b);
	publish();
	ck_assert_uint_eq(share(c, 4), 2);
	ck_assert_str_eq(b->key, name);			/* a request of it still runs */
	backend_give(workers[0], busy);
	shm_servers_sweep(&shm);
	ck_assert_str_eq(b->key, "");
	ck_assert_ptr_eq(add(4, 1, 0), b);		/* the slot again, another server */
	publish();
	ck_assert_uint_eq(share(b, 9), 3);
}
END_TEST

/* The master died while it wrote the list: what is known stays, until somebody writes again. */
START_TEST(half_written_list)
{
	struct shm_server *a = add(1, 1, 0);

	start();
	atomic_fetch_add(&members->version, 1);
	ck_assert_uint_eq(share(a, 4), 4);
	shm_server_set_health(&shm, a, HEALTH_DOWN);
	ck_assert_ptr_null(take(BACKEND_DOWN));
	add(2, 1, 0);
	atomic_fetch_add(&members->version, 1);
	publish();
	ck_assert_uint_eq(share(&shm.slots[list[1].slot], 4), 4);
}
END_TEST

START_TEST(weights_change)
{
	struct shm_server *a = add(1, 1, 0);

	add(2, 1, 0);
	start();
	ck_assert_uint_eq(share(a, 8), 4);
	list[0].weight = 3;
	publish();
	ck_assert_uint_eq(share(a, 8), 6);
}
END_TEST

/* Names that change their addresses for ever must not leave anything behind. */
START_TEST(churn)
{
	start();
	for (int i = 1; i < 250; i++) {
		struct shm_server *server;

		n = 0;
		server = add(i, 1, 0);
		publish();
		ck_assert_uint_eq(share(server, 2), 2);
		backend_look(workers[1]);
	}
	ck_assert_uint_le(atomic_load(shm.nslots), 4);
}
END_TEST

/* ---- slow start */

START_TEST(slow_start)
{
	struct shm_server *a = add(1, 1, 0);

	add(2, 1, 0);
	start();
	shm_server_set_health(&shm, a, HEALTH_UP);
	ck_assert_msg(share(a, 22) == 11, "none at the start");
	shm_server_set_health(&shm, a, HEALTH_DOWN);
	pass(1000);
	shm_server_set_health(&shm, a, HEALTH_UP);
	ck_assert_uint_eq(share(a, 110), 10);		/* 1 : 10 */
	pass(SLOW_START_MS / 2);
	ck_assert_uint_eq(share(a, 160), 60);		/* 6 : 10 */
	pass(SLOW_START_MS / 2 - 1);
	ck_assert_uint_eq(share(a, 20), 10);
	pass(1);
	ck_assert_uint_eq(share(a, 20), 10);
}
END_TEST

START_TEST(steps_of_slow_start)
{
	struct shm_server *a = add(1, 7, 0);
	uint32_t before = 0;

	pass(1000);
	atomic_store(&a->up_since_ms, clock_ms());
	for (msec t = 0; t <= SLOW_START_MS; t += 100, pass(100)) {
		msec until = TIMER_NEVER;
		uint32_t weight = member_weight(a, &list[0], &until);

		ck_assert_uint_ge(weight, 7);
		ck_assert_uint_ge(weight, before);
		ck_assert_uint_le(weight, 70);
		ck_assert(until > clock_ms());
		before = weight;
	}
	ck_assert_uint_eq(before, 70);
	list[0].slow_start_ms = 0;
	atomic_store(&a->up_since_ms, clock_ms());
	ck_assert_uint_eq(member_weight(a, &list[0], &(msec){ TIMER_NEVER }), 70);
}
END_TEST

/* ---- passive checks */

START_TEST(ejected_after_errors_in_a_row)
{
	struct shm_server *a = add(1, 1, 0);

	add(2, 1, 0);
	start();
	for (int i = 0; i < 10; i++) {
		report(0, a, OUTCOME_BAD);
		report(1, a, OUTCOME_BAD);
		report(1, a, OUTCOME_GOOD);
		report(1, a, OUTCOME_NEUTRAL);
	}
	ck_assert(!is_out(a));
	report(0, a, OUTCOME_BAD);
	report(1, a, OUTCOME_BAD);
	report(0, a, OUTCOME_BAD);
	ck_assert(is_out(a));
	ck_assert_uint_eq(share(a, 10), 0);		/* both workers count as one */
	pass(9999);
	ck_assert_uint_eq(share(a, 10), 0);
	pass(1);
	ck_assert_uint_eq(share(a, 110), 10);		/* it starts slowly */
}
END_TEST

static msec
eject(struct shm_server *server)
{
	for (unsigned i = 0; i < conf.eject.errors; i++)
		report(0, server, OUTCOME_BAD);
	ck_assert(is_out(server));
	return atomic_load(&server->ejected_until_ms) - clock_ms();
}

START_TEST(longer_each_time)
{
	struct shm_server *a = add(1, 1, 0);

	list[0].slow_start_ms = 0;
	add(2, 1, 0);
	start();
	for (int i = 1; i <= 40; i++) {
		msec lasts = eject(a);

		ck_assert_int_eq(lasts, i < 30 ? i * 10000 : EJECT_MAX_MS);
		pass(lasts);
		report(0, a, OUTCOME_GOOD);		/* one does not make it good */
	}
	pass(EJECT_MAX_MS + 1);
	report(0, a, OUTCOME_GOOD);
	ck_assert_int_eq(eject(a), 10000);
}
END_TEST

/* Requests that were under way when the server was ejected do not count against it afterwards. */
START_TEST(late_failures)
{
	struct shm_server *a = add(1, 1, 0);
	struct server *s;

	list[0].slow_start_ms = 0;
	add(2, 1, 0);
	start();
	request.sticky = a->id;
	s = take(BACKEND_DOWN);
	ck_assert_ptr_eq(s->shared, a);
	pass(eject(a));
	pass(-1);
	for (int i = 0; i < 10; i++)
		backend_report(workers[0], s, OUTCOME_BAD);
	backend_give(workers[0], s);
	pass(1);
	report(0, a, OUTCOME_BAD);
	ck_assert(!is_out(a));
}
END_TEST

START_TEST(never_more_than_max)
{
	struct shm_server *servers[5];

	conf.eject.max_pct = 40;
	for (int i = 0; i < 5; i++)
		servers[i] = add(i, 1, i == 4 ? MEMBER_BACKUP : 0);
	start();
	eject(servers[0]);
	pass(1);
	eject(servers[1]);
	for (int i = 0; i < 10; i++)
		report(1, servers[2], OUTCOME_BAD);
	ck_assert_msg(!is_out(servers[2]), "a third of five would be 60 %%");
	pass(9999);
	ck_assert(!is_out(servers[0]));
	report(1, servers[2], OUTCOME_BAD);
	ck_assert(is_out(servers[2]));
}
END_TEST

/* Checks and errors must not take out the last ones together; who is off is not among them. */
START_TEST(who_is_down_counts)
{
	struct shm_server *servers[6];

	for (int i = 0; i < 6; i++)
		servers[i] = add(i, 1, i >= 4 ? MEMBER_DOWN : 0);
	conf.eject.max_pct = 50;
	shm_server_set_health(&shm, servers[0], HEALTH_DOWN);
	start();
	eject(servers[1]);
	pass(1);
	for (int i = 0; i < 10; i++)
		report(1, servers[2], OUTCOME_BAD);
	ck_assert_msg(!is_out(servers[2]), "two of four are out");
	shm_server_set_health(&shm, servers[0], HEALTH_UP);
	report(1, servers[2], OUTCOME_BAD);
	ck_assert(is_out(servers[2]));
}
END_TEST

START_TEST(the_only_one_stays)
{
	struct shm_server *a = add(1, 1, 0);

	start();
	for (int i = 0; i < 10; i++)
		report(0, a, OUTCOME_BAD);
	ck_assert(!is_out(a));
	conf.eject.max_pct = 100;
	report(0, a, OUTCOME_BAD);
	ck_assert(is_out(a));
	ck_assert_ptr_null(take(BACKEND_DOWN));
}
END_TEST

START_TEST(off)
{
	struct shm_server *a = add(1, 1, 0);

	conf.eject.errors = 0;
	add(2, 1, 0);
	start();
	for (int i = 0; i < 100; i++)
		report(0, a, OUTCOME_BAD);
	ck_assert(!is_out(a));
}
END_TEST

/* ---- latency */

START_TEST(latency_is_learnt)
{
	struct shm_server *a = add(1, 1, 0);
	struct server *s;

	conf.balance = BALANCE_LEAST_TIME;
	start();
	s = take(BACKEND_DOWN);
	backend_first_byte(workers[0], s, 1000);
	ck_assert_uint_eq(atomic_load(&a->latency_us), 1000);
	atomic_store(&a->latency_us, 9000);
	backend_first_byte(workers[0], s, 1000);
	ck_assert_uint_eq(atomic_load(&a->latency_us), 8000);
	pass(5000);
	backend_first_byte(workers[0], s, 1000);
	ck_assert_uint_eq(atomic_load(&a->latency_us), 1000);
	backend_give(workers[0], s);
	report(0, a, OUTCOME_GOOD);
	ck_assert_uint_eq(atomic_load(&a->latency_us), 1000);
	pass(5000);
	report(0, a, OUTCOME_BAD);			/* a fast failure is none */
	ck_assert_uint_eq(atomic_load(&a->latency_us), 1000000);
	report(0, a, OUTCOME_NEUTRAL);
	ck_assert_uint_eq(atomic_load(&a->latency_us), 1000000);
}
END_TEST

/* ---- keys */

START_TEST(clients)
{
	struct ip_port a, b, c, d, e;

	ck_assert(ip_parse(&a, STR_OF("192.0.2.1")) && ip_parse(&b, STR_OF("192.0.2.2")));
	ck_assert(ip_parse(&c, STR_OF("2001:db8::1")) && ip_parse(&d, STR_OF("2001:db8::ffff:1")));
	ck_assert(ip_parse(&e, STR_OF("2001:db8:0:1::1")));
	ck_assert_uint_ne(backend_hash_client(&a), backend_hash_client(&b));
	ck_assert_uint_eq(backend_hash_client(&c), backend_hash_client(&d));
	ck_assert_uint_ne(backend_hash_client(&c), backend_hash_client(&e));
	b = a;
	b.port = 99;
	ck_assert_uint_eq(backend_hash_client(&a), backend_hash_client(&b));
}
END_TEST

START_TEST(counted_for_hash)
{
	struct shm_group *g = &shm.groups[members->group];
	struct server *s;

	conf.balance = BALANCE_HASH;
	add(1, 1, 0);
	start();
	s = take(BACKEND_DOWN);
	ck_assert_uint_eq(atomic_load(&g->in_flight), 1);
	backend_give(workers[0], s);
	ck_assert_uint_eq(atomic_load(&g->in_flight), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("backend");
	TCase *tc = tcase_create("backend");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, states);
	tcase_add_test(tc, down_by_configuration);
	tcase_add_test(tc, unresolved);
	tcase_add_test(tc, backups);
	tcase_add_test(tc, try_all);
	tcase_add_test(tc, tried_ones_are_not_taken);
	tcase_add_test(tc, sticky);
	tcase_add_test(tc, servers_come_and_go);
	tcase_add_test(tc, half_written_list);
	tcase_add_test(tc, weights_change);
	tcase_add_test(tc, churn);
	tcase_add_test(tc, slow_start);
	tcase_add_test(tc, steps_of_slow_start);
	tcase_add_test(tc, ejected_after_errors_in_a_row);
	tcase_add_test(tc, longer_each_time);
	tcase_add_test(tc, late_failures);
	tcase_add_test(tc, never_more_than_max);
	tcase_add_test(tc, who_is_down_counts);
	tcase_add_test(tc, the_only_one_stays);
	tcase_add_test(tc, off);
	tcase_add_test(tc, latency_is_learnt);
	tcase_add_test(tc, clients);
	tcase_add_test(tc, counted_for_hash);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
