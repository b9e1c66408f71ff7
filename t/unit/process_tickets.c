/* process_tickets.c: ticket keys come and go with time, or follow from a secret. */

#include "unit.h"

#include <string.h>

#include "net/tls_server.h"
#include "process/tickets.h"

#define HOUR_MS ((msec)60 * 60 * 1000)

static const msec noon = 1000000 * HOUR_MS;
static struct shm_core core;

static void
setup(void)
{
	ck_assert_int_eq(shm_core_new(&core), 0);
}

static void
teardown(void)
{
	shm_core_close(&core);
}

static void
current(struct tls_ticket_key keys[TLS_TICKET_KEYS])
{
	struct shm_keys words;

	ck_assert(shm_keys_get(&core.data->ticket_keys, &words));
	memcpy(keys, &words, sizeof(words));
}

static bool
same(const struct tls_ticket_key *a, const struct tls_ticket_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

START_TEST(test_rotation)
{
	struct tls_ticket_key first[TLS_TICKET_KEYS], now[TLS_TICKET_KEYS];
	static const struct tls_ticket_key none;

	tickets_rotate(&core, noon);
	current(first);
	ck_assert_int_eq(first[0].begin_wall_ms, noon);
	ck_assert(memcmp(first[0].secret, none.secret, sizeof(none.secret)) != 0);
	ck_assert_int_eq(first[1].begin_wall_ms, 0);

	tickets_rotate(&core, noon + 12 * HOUR_MS - 1);
	current(now);
	ck_assert_msg(same(&now[0], &first[0]), "a key lives for its whole period");

	tickets_rotate(&core, noon + 12 * HOUR_MS);
	current(now);
	ck_assert_msg(!same(&now[0], &first[0]), "and no longer");
	ck_assert(same(&now[1], &first[0]));

	tickets_rotate(&core, noon + 24 * HOUR_MS);
	current(now);
	ck_assert(same(&now[2], &first[0]));
	tickets_rotate(&core, noon + 36 * HOUR_MS);
	current(now);
	for (int i = 0; i < TLS_TICKET_KEYS; i++)
		ck_assert_msg(!same(&now[i], &first[0]), "the two before are kept, not three");
}
END_TEST

START_TEST(test_clock_set_back)
{
	struct tls_ticket_key first[TLS_TICKET_KEYS], now[TLS_TICKET_KEYS];

	tickets_rotate(&core, noon);
	current(first);
	tickets_rotate(&core, noon - HOUR_MS);
	current(now);
	ck_assert_int_eq(now[0].begin_wall_ms, noon - HOUR_MS);
	ck_assert_msg(same(&now[1], &first[0]), "tickets of a moment ago are still good");
}
END_TEST

START_TEST(test_secret)
{
	struct str secret = STR("a secret that all machines know");
	struct tls_ticket_key a, b;

	tls_ticket_derive(secret, noon, &a);
	tls_ticket_derive(secret, noon + HOUR_MS, &b);
	ck_assert_msg(same(&a, &b), "machines agree within a period");
	tls_ticket_derive(secret, noon + TICKETS_PERIOD_MS, &b);
	ck_assert(memcmp(a.name, b.name, sizeof(a.name)) != 0);
	ck_assert(memcmp(a.secret, b.secret, sizeof(a.secret)) != 0);
	tls_ticket_derive(STR_OF("another"), noon, &b);
	ck_assert(memcmp(a.name, b.name, sizeof(a.name)) != 0);
	ck_assert(memcmp(a.secret, b.secret, sizeof(a.secret)) != 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("tickets");
	TCase *tc = tcase_create("tickets");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_rotation);
	tcase_add_test(tc, test_clock_set_back);
	tcase_add_test(tc, test_secret);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
