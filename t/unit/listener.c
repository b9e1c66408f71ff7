/* listener.c: connections are accepted in bursts, between which other events have their turn. */

#include "unit.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "net/listener.h"

enum { CLIENTS = 5 };

static const struct {
	unsigned burst;
	unsigned turns;			/* of the loop until all are accepted */
} bursts[] = { { 1, 5 }, { 2, 3 }, { 8, 1 } };

static struct loop *loop;
static unsigned accepted;
static uint64_t first_turn, last_turn;

static void
on_accept(struct listener *l, int fd, const struct sockaddr *peer)
{
	ck_assert_int_eq(peer->sa_family, AF_INET);
	close(fd);
	if (accepted++ == 0)
		first_turn = loop_turn(loop);
	last_turn = loop_turn(loop);
	if (accepted == CLIENTS)
		loop_stop(l->loop);
}

START_TEST(accepts_in_bursts)
{
	struct sockaddr_in here = { .sin_family = AF_INET };
	socklen_t len = sizeof(here);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), clients[CLIENTS];
	struct listener l;

	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&here, sizeof(here)), 0);
	ck_assert_int_eq(listen(fd, CLIENTS), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&here, &len), 0);
	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = socket(AF_INET, SOCK_STREAM, 0);
		ck_assert_int_eq(connect(clients[i], (struct sockaddr *)&here, sizeof(here)), 0);
	}
	loop = loop_new();
	accepted = 0;
	ck_assert_int_eq(listener_open(&l, loop, fd, bursts[_i].burst, on_accept, NULL), 0);
	loop_run(loop);
	ck_assert_uint_eq(last_turn - first_turn + 1, bursts[_i].turns);
	listener_close(&l);
	loop_free(loop);
	for (int i = 0; i < CLIENTS; i++)
		close(clients[i]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("listener");
	TCase *tc = tcase_create("all");

	tcase_add_loop_test(tc, accepts_in_bursts, 0, (int)ARRAY_LEN(bursts));
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
