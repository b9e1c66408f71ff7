/* process_listeners.c: sockets that outlive configurations, and the list of what a fork keeps. */

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "net/socket.h"
#include "process/descriptors.h"
#include "process/listeners.h"

static struct listeners all;
static const struct conf_bind *failed;

/* A snapshot that is nothing but its addresses. */
struct addresses {
	struct conf_snapshot snapshot;
	struct conf_listen listen;
	struct conf_listen *listens[1];
	struct conf_bind binds[4];
};

static void
setup(void)
{
	listeners_init(&all, 3, 0);
}

static void
make(struct addresses *a, const char *const *texts, unsigned n)
{
	memset(a, 0, sizeof(*a));
	a->listens[0] = &a->listen;
	a->snapshot.listens = a->listens;
	a->snapshot.nlistens = 1;
	a->listen.binds = a->binds;
	a->listen.nbinds = n;
	a->listen.backlog = 16;
	for (unsigned i = 0; i < n; i++) {
		a->binds[i].text = str_of(texts[i]);
		ck_assert(addr_parse(&a->binds[i].addr, a->binds[i].text, 0));
	}
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

START_TEST(test_shared_and_closed_last)
{
	const char *const one[] = { "127.0.0.1:28011" };
	const char *const two[] = { "127.0.0.1:28012", "127.0.0.1:28011" };
	struct listener_set a, b;
	struct addresses first, second;

	make(&first, one, 1);
	make(&second, two, 2);
	ck_assert_int_eq(listeners_take(&all, &first.snapshot, &a, &failed), 0);
	ck_assert_int_eq(listeners_take(&all, &second.snapshot, &b, &failed), 0);
	ck_assert_uint_eq(b.n, 2);
	ck_assert_int_eq(b.fds[1], a.fds[0]);
	int shared = a.fds[0], own = b.fds[0];
	listeners_give(&a);
	ck_assert(is_open(shared));
	listeners_give(&b);
	ck_assert(!is_open(shared));
	ck_assert(!is_open(own));
	listeners_give(&b);
}
END_TEST

START_TEST(test_failure_takes_nothing)
{
	const char *const texts[] = { "127.0.0.1:28013", "192.0.2.1:28014" };
	struct listener_set set;
	struct addresses a;

	make(&a, texts, 2);
	ck_assert_int_eq(listeners_take(&all, &a.snapshot, &set, &failed), -1);
	ck_assert_int_eq(errno, EADDRNOTAVAIL);
	ck_assert_ptr_eq(failed, &a.binds[1]);
	ck_assert_uint_eq(set.n, 0);
	ck_assert(link_empty(&all.all));
}
END_TEST

START_TEST(test_unix_socket)
{
	const char *const texts[] = { "unix:/tmp/usherd-unit-listeners.sock" };
	const char *path = texts[0] + strlen("unix:");
	struct listener_set set;
	struct addresses a;
	struct stat st;

	unlink(path);
	make(&a, texts, 1);
	ck_assert_int_eq(listeners_take(&all, &a.snapshot, &set, &failed), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	listeners_give(&set);
	ck_assert_msg(stat(path, &st) == -1, "the file goes with the socket");

	ck_assert_int_eq(listeners_take(&all, &a.snapshot, &set, &failed), 0);
	ck_assert_int_eq(unlink(path), 0);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	listeners_give(&set);
	ck_assert_msg(stat(path, &st) == 0, "but not the file of somebody else");
	unlink(path);
}
END_TEST

/* `bind = 28015` finds the socket that systemd makes of ListenStream=28015. */
START_TEST(test_inherited)
{
	const char *const texts[] = { "28015" };
	struct listener_set set;
	struct addresses a;
	struct addr six, other;
	int fd, spare;

	ck_assert(addr_parse(&six, STR_OF("[::]:28015"), 0));
	ck_assert(addr_parse(&other, STR_OF("127.0.0.1:28016"), 0));
	fd = socket_listen(&six, 5);
	ck_assert_int_ge(fd, 0);
	spare = socket_listen(&other, 5);
	ck_assert_int_eq(spare, fd + 1);
	listeners_init(&all, fd, 2);
	make(&a, texts, 1);
	ck_assert_int_eq(listeners_take(&all, &a.snapshot, &set, &failed), 0);
	ck_assert_int_eq(set.fds[0], fd);
	listeners_drop_unused(&all);
	ck_assert(is_open(fd));
	ck_assert(!is_open(spare));
	listeners_give(&set);
	ck_assert(!is_open(fd));
}
END_TEST

START_TEST(test_inherited_nonsense)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	listeners_init(&all, fds[0], 2);
	ck_assert(link_empty(&all.all));
	ck_assert(!is_open(fds[0]));
}
END_TEST

START_TEST(test_descriptors)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct descriptors d = { NULL, 0 };
		int keep[] = { 90, -1, 17, 17, 50, 51, 1 };

		for (int fd = 3; fd < 100; fd++)
			dup2(0, fd);
		descriptors_keep(&d, keep, ARRAY_LEN(keep));
		if (descriptors_close_others(&d) == -1)
			_exit(1);
		for (int fd = 0; fd < 1000; fd++) {
			bool wanted = fd < 3 || fd == 17 || fd == 50 || fd == 51 || fd == 90;

			if (is_open(fd) != wanted)
				_exit(2);
		}
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("listeners");
	TCase *tc = tcase_create("listeners");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, test_shared_and_closed_last);
	tcase_add_test(tc, test_failure_takes_nothing);
	tcase_add_test(tc, test_unix_socket);
	tcase_add_test(tc, test_inherited);
	tcase_add_test(tc, test_inherited_nonsense);
	tcase_add_test(tc, test_descriptors);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
