/* checks.c: how many looks there are at once, whose turn it is, and what the lists change. */

#include "unit.h"

#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/rng.h"
#include "proxy/servers/checks.h"

enum {
	SERVERS = 600,
	AT_ONCE = 256,			/* as checks.c has it; half for those that are down */
	GIVE_UP_MS = 20000,
};

static struct loop *loop;
static struct proxy_shm shm;
static struct checks *checks;
static struct conf_backend backend;
static struct conf_backend *backends[] = { &backend };
static struct conf_snapshot conf = { .backends = backends, .nbackends = 1 };
static struct tls_client *tls[1];
static struct members members;
static int list_index;
static struct shm_member list[SERVERS];
static struct timer poll_timer, watchdog;
static bool (*condition)(void);
static unsigned most;			/* descriptors at once */
static unsigned usual;			/* without any probe */

static unsigned
descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static void
on_poll(struct timer *t)
{
	unsigned now = descriptors();

	if (now > most)
		most = now;
	if (condition())
		loop_stop(loop);
	else
		loop_timer_set(loop, t, clock_ms() + 1);
}

static void
on_watchdog(struct timer *t)
{
	(void)t;
	ck_abort_msg("it does not come to that");
}

/* Runs until the condition holds. */
static void
run_until(bool (*holds)(void))
{
	condition = holds;
	most = 0;
	loop_timer_set(loop, &poll_timer, clock_ms());
	loop_timer_set(loop, &watchdog, clock_ms() + GIVE_UP_MS);
	loop_run(loop);
	loop_timer_cancel(loop, &watchdog);
}

/* A listener on the loopback network; connections stay in its queue. */
static uint16_t
listen_with(int backlog, int *fd)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = INADDR_ANY };
	socklen_t len = sizeof(a);

	*fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(*fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(*fd, backlog), 0);
	ck_assert_int_eq(getsockname(*fd, (struct sockaddr *)&a, &len), 0);
	return ntohs(a.sin_port);
}

static struct shm_server *
slot_of(unsigned i)
{
	return &shm.servers.slots[list[i].slot];
}

/* Server i gets an address of its own, 127.1.0.0 and up. */
static void
add_server(unsigned i, uint16_t port)
{
	struct shm_server *server;
	char key[64];
	int slot;

	slot = shm_server_slot(&shm.servers, str_make(key, (size_t)snprintf(key, sizeof(key),
	    "app|http|127.1.0.0|%u|%u", port, i)));
	ck_assert_int_ge(slot, 0);
	list[i] = (struct shm_member){ .slot = (uint32_t)slot, .weight = 1, .line = i,
		.serial = atomic_load(&shm.servers.slots[slot].serial) };
	server = slot_of(i);
	server->addr = (struct addr){ .len = sizeof(server->addr.in), .in = {
		.sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(0x7f010000 + i) } };
	server->group = shm.servers.members[list_index].group;
}

static void
use(unsigned n)
{
	shm_members_set(&shm.servers.members[list_index], list, n);
	checks_use(checks, &conf, &members, tls);
}

static unsigned
count(enum shm_health health, unsigned from, unsigned to)
{
	unsigned n = 0;

	for (unsigned i = from; i < to; i++)
		n += atomic_load(&slot_of(i)->health) == health;
	return n;
}

static void
setup(void)
{
	clock_update();
	rng_init();
	log_set_level(LOG_LEVEL_ERROR);
	loop = loop_new();
	ck_assert_int_eq(shm_core_new(&shm.core), 0);
	ck_assert_int_eq(shm_servers_new(&shm.servers), 0);
	list_index = shm_members_index(&shm.servers, STR_OF("app"), 1);
	ck_assert_int_ge(list_index, 0);
	members.lists = &list_index;
	backend = (struct conf_backend){ .name = STR("app"), .check = { .kind = CHECK_TCP,
		.interval_ms = 100, .timeout_ms = 50, .rise = 2, .fall = 3 } };
	checks = checks_new(loop, &shm);
	timer_init(&poll_timer, on_poll);
	timer_init(&watchdog, on_watchdog);
	usual = descriptors();
}

static void
teardown(void)
{
	checks_free(checks);
	loop_timer_cancel(loop, &poll_timer);
	loop_free(loop);
	shm_servers_close(&shm.servers);
	shm_core_close(&shm.core);
}

static bool
all_up(void)
{
	return count(HEALTH_UP, 0, SERVERS) == SERVERS;
}

static bool
all_looked_at_twice(void)
{
	for (unsigned i = 0; i < SERVERS; i++)
		if (atomic_load(&slot_of(i)->look.good) < 2)
			return false;
	return true;
}

/* The first round comes at once, but not all of it at the same time. */
START_TEST(first_round)
{
	int listener;
	uint16_t port = listen_with(4096, &listener);

	backend.check.timeout_ms = 10000;
	for (unsigned i = 0; i < SERVERS; i++)
		add_server(i, port);
	use(SERVERS);
	ck_assert_uint_le(descriptors() - usual, AT_ONCE + 1);
	run_until(all_up);
	ck_assert_uint_eq(atomic_load(&slot_of(0)->look.finding), FOUND_OK);
	run_until(all_looked_at_twice);
	ck_assert_uint_le(most - usual, AT_ONCE);
	close(listener);
}
END_TEST

static bool
most_down(void)
{
	return count(HEALTH_DOWN, 0, SERVERS - 10) == SERVERS - 10;
}

static bool
living_up(void)
{
	return count(HEALTH_UP, SERVERS - 10, SERVERS) == 10;
}

static bool
living_looked_at_again(void)
{
	for (unsigned i = SERVERS - 10; i < SERVERS; i++)
		if (atomic_load(&slot_of(i)->look.good) < 10)
			return false;
	return true;
}

/* Servers that do not answer take their time, but never all the room. */
START_TEST(the_dead_do_not_hold_up_the_living)
{
	int full, listener;
	uint16_t dead = listen_with(0, &full), living = listen_with(4096, &listener);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(dead),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fill[4];

	/* What the queue takes; then the kernel is silent. */
	for (unsigned i = 0; i < 4; i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)!connect(fill[i], (struct sockaddr *)&a, sizeof(a));
	}
	usual = descriptors();
	for (unsigned i = 0; i < SERVERS; i++)
		add_server(i, i < SERVERS - 10 ? dead : living);
	use(SERVERS - 10);
	run_until(most_down);
	ck_assert_uint_gt(most - usual, AT_ONCE - 10);
	ck_assert_uint_le(most - usual, AT_ONCE);
	ck_assert_uint_eq(atomic_load(&slot_of(0)->look.finding), FOUND_TIMEOUT);
	use(SERVERS);
	run_until(living_up);
	run_until(living_looked_at_again);
	ck_assert_uint_le(most - usual, AT_ONCE / 2 + 10);
	for (unsigned i = 0; i < 4; i++)
		close(fill[i]);
	close(full);
	close(listener);
}
END_TEST

static bool
first_down(void)
{
	return count(HEALTH_DOWN, 0, 2) == 2;
}

/* Who is in no list is not checked, and known for nothing. */
START_TEST(lists_that_change)
{
	uint64_t looks;

	/* Nobody listens on port 1. */
	for (unsigned i = 0; i < 3; i++)
		add_server(i, 1);
	list[2].flags = MEMBER_DOWN;
	use(3);
	run_until(first_down);
	ck_assert_uint_eq(atomic_load(&slot_of(0)->look.finding), FOUND_CONNECT);
	ck_assert_uint_eq(atomic_load(&slot_of(2)->look.finding), FOUND_NOTHING);
	looks = atomic_load(&slot_of(1)->look.bad);
	use(1);
	ck_assert_uint_eq(atomic_load(&slot_of(0)->health), HEALTH_DOWN);
	ck_assert_uint_eq(atomic_load(&slot_of(1)->health), HEALTH_UNCHECKED);
	ck_assert_uint_eq(atomic_load(&slot_of(1)->look.finding), FOUND_NOTHING);
	ck_assert_uint_eq(atomic_load(&slot_of(1)->look.bad), looks);
	checks_use(checks, NULL, NULL, NULL);
	ck_assert_uint_eq(atomic_load(&slot_of(0)->health), HEALTH_UNCHECKED);

	/* By default it takes two; and a name without an address is no server to look at. */
	backend.check.kind = CHECK_DEFAULT;
	use(1);
	ck_assert_uint_eq(descriptors(), usual);
	slot_of(1)->addr.len = 0;
	use(2);
	ck_assert_uint_eq(descriptors(), usual + 1);
	atomic_store(&slot_of(2)->order, ORDER_ENABLE);
	use(3);
	ck_assert_uint_eq(descriptors(), usual + 2);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("checks");
	TCase *t = tcase_create("checks");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, first_round);
	tcase_add_test(t, the_dead_do_not_hold_up_the_living);
	tcase_add_test(t, lists_that_change);
	suite_add_tcase(s, t);
	return unit_run(s);
}
