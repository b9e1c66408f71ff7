/* process_pidfile.c: one master per file, whatever an earlier one or another user left behind. */

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/orphans.h"
#include "process/pidfile.h"

enum { OTHER = 65534 };

static char dir[] = "/tmp/usherd-unit-XXXXXX";
static char path[PATH_MAX], lock_path[PATH_MAX], list_path[PATH_MAX];
static struct pidfile p;
static pid_t owner;

static void
setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/pid", dir);
	snprintf(lock_path, sizeof(lock_path), "%s/pid.lock", dir);
	snprintf(list_path, sizeof(list_path), "%s/pid.workers", dir);
}

static void
teardown(void)
{
	unlink(path);
	unlink(lock_path);
	unlink(list_path);
	ck_assert_int_eq(rmdir(dir), 0);
}

static void
put(const char *file, const char *text)
{
	FILE *f = fopen(file, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

/* The files of a master, as it would have written them. */
static void
put_master(pid_t pid, uint64_t started)
{
	char text[64];

	snprintf(text, sizeof(text), "%d\n", (int)pid);
	put(path, text);
	snprintf(text, sizeof(text), "%d %" PRIu64 "\n", (int)pid, started);
	put(list_path, text);
}

static void
expect_no_master(void)
{
	struct process_id id;

	ck_assert_int_eq(pidfile_find(path, &id), -1);
	ck_assert_int_eq(errno, ESRCH);
}

static void
expect_master(pid_t pid)
{
	struct process_id id;

	ck_assert_int_eq(pidfile_find(path, &id), 0);
	ck_assert_int_eq(id.pid, pid);
}

static mode_t
mode_of(const char *file)
{
	struct stat st;

	ck_assert_int_eq(lstat(file, &st), 0);
	return st.st_mode & 07777;
}

/* A child that waits for the signal that ends it. */
static pid_t
wait_in_child(void)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	signal(SIGQUIT, SIG_DFL);	/* who runs the tests may ignore it */
	for (;;)
		pause();
}

static void
end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(test_open_and_close)
{
	char text[32], expected[32];
	FILE *f;

	umask(022);
	ck_assert_int_eq(pidfile_open(&p, path, &owner), 0);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(fgets(text, sizeof(text), f));
	fclose(f);
	snprintf(expected, sizeof(expected), "%d\n", (int)getpid());
	ck_assert_str_eq(text, expected);
	ck_assert_uint_eq(mode_of(path), 0644);
	ck_assert_uint_eq(mode_of(list_path), 0644);
	ck_assert_uint_eq(mode_of(lock_path), 0600);
	expect_master(getpid());
	pidfile_close(&p);
	ck_assert_int_eq(access(path, F_OK), -1);
	ck_assert_int_eq(access(lock_path, F_OK), 0);
	pidfile_close(&p);
	ck_assert_int_eq(pidfile_open(&p, path, &owner), 0);
	pidfile_close(&p);
}
END_TEST

START_TEST(test_none)
{
	ck_assert_int_eq(pidfile_open(&p, NULL, &owner), 0);
	pidfile_close(&p);
}
END_TEST

static bool
is_refused(pid_t pid)
{
	struct pidfile other;

	return pidfile_open(&other, path, &owner) == -1 && errno == EWOULDBLOCK && owner == pid;
}

static void
expect_refused_in_child(pid_t pid)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(is_refused(pid) ? 0 : 1);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}

START_TEST(test_second_is_refused)
{
	ck_assert_int_eq(pidfile_open(&p, path, &owner), 0);
	expect_refused_in_child(getpid());
	/* Somebody tidied up, and nothing tells of the lock any more. */
	ck_assert_int_eq(unlink(lock_path), 0);
	expect_refused_in_child(getpid());
	pidfile_close(&p);
}
END_TEST

/* Who may read the file of the pid may lock it. */
START_TEST(test_locks_of_others)
{
	int fd;

	put(path, "4711\n");
	fd = open(path, O_RDONLY);
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	ck_assert_int_eq(pidfile_open(&p, path, &owner), 0);
	expect_master(getpid());
	pidfile_close(&p);
	close(fd);
}
END_TEST

START_TEST(test_lock_of_another_user)
{
	char other[PATH_MAX];

	put(lock_path, "");
	ck_assert_int_eq(chmod(lock_path, 0666), 0);
	ck_assert_int_eq(pidfile_open(&p, path, &owner), 0);
	ck_assert_uint_eq(mode_of(lock_path), 0600);
	pidfile_close(&p);

	snprintf(other, sizeof(other), "%s/other", dir);
	ck_assert_int_eq(link(lock_path, other), 0);
	ck_assert_int_eq(pidfile_open(&p, path, &owner), -1);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_int_eq(unlink(other), 0);

	ck_assert_int_eq(unlink(lock_path), 0);
	ck_assert_int_eq(symlink(path, lock_path), 0);
	ck_assert_int_eq(pidfile_open(&p, path, &owner), -1);
	ck_assert_int_eq(errno, ELOOP);
	ck_assert_int_eq(unlink(lock_path), 0);

	if (geteuid() != 0)
		return;
	put(lock_path, "");
	ck_assert_int_eq(chown(lock_path, OTHER, (gid_t)-1), 0);
	ck_assert_int_eq(pidfile_open(&p, path, &owner), -1);
	ck_assert_int_eq(errno, EEXIST);
}
END_TEST

START_TEST(test_locked_before_the_pid_is_written)
{
	int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	put(path, "4711\n");
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	owner = 1;
	ck_assert_int_eq(pidfile_open(&p, path, &owner), -1);
	ck_assert_int_eq(errno, EWOULDBLOCK);
	ck_assert_int_eq(owner, 0);
	close(fd);
}
END_TEST

START_TEST(test_list_that_cannot_be_written)
{
	char next[PATH_MAX + 16];

	ck_assert_int_eq(orphans_list(path, NULL, 0), 0);
	snprintf(next, sizeof(next), "%s.workers.new", path);
	ck_assert_int_eq(mkdir(next, 0700), 0);
	ck_assert_int_eq(orphans_list(path, NULL, 0), -1);
	ck_assert_int_eq(rmdir(next), 0);
}
END_TEST

START_TEST(test_stale)
{
	struct stat st;

	put(path, "4711\nand a long rest that is not ours\n");
	expect_no_master();
	ck_assert_int_eq(pidfile_open(&p, path, &owner), 0);
	expect_master(getpid());
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_lt(st.st_size, 12);
	pidfile_close(&p);
}
END_TEST

/* A process has the number of a dead master. */
START_TEST(test_strangers)
{
	pid_t child = wait_in_child();
	struct process_id id = process_id_of(child);
	char text[32];

	ck_assert_uint_ne(id.started, 0);
	put_master(child, id.started);
	expect_master(child);
	put_master(child, id.started + 1);
	expect_no_master();
	id.started++;
	ck_assert_int_eq(process_id_signal(id, SIGKILL), -1);
	ck_assert_int_eq(errno, ESRCH);
	ck_assert_int_eq(kill(child, 0), 0);

	snprintf(text, sizeof(text), "%d\n", (int)child);
	put(path, text);
	put(list_path, "nonsense\n\n1 1\n-5 3\n99999999999 5\n");
	expect_no_master();
	ck_assert_int_eq(unlink(list_path), 0);
	expect_no_master();
	end_child(child);
}
END_TEST

/* Another program: the same start time does not help it. */
START_TEST(test_another_program)
{
	int fds[2];
	char byte;
	pid_t child;

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		execlp("sleep", "sleep", "60", (char *)NULL);
		_exit(1);
	}
	close(fds[1]);
	ck_assert_int_eq(read(fds[0], &byte, 1), 0);	/* it is executed */
	close(fds[0]);
	put_master(child, process_id_of(child).started);
	expect_no_master();
	end_child(child);
}
END_TEST

START_TEST(test_zombie)
{
	pid_t child = wait_in_child();
	uint64_t started = process_id_of(child).started;
	siginfo_t info;

	put_master(child, started);
	expect_master(child);
	kill(child, SIGKILL);
	ck_assert_int_eq(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	expect_no_master();
	end_child(child);
}
END_TEST

/* In a directory that others can write they may name anybody. */
START_TEST(test_files_of_others)
{
	pid_t child = wait_in_child();
	uint64_t started = process_id_of(child).started;

	if (geteuid() == 0) {
		put_master(child, started);
		ck_assert_int_eq(chown(path, OTHER, (gid_t)-1), 0);
		expect_no_master();
		ck_assert_int_eq(chown(path, 0, (gid_t)-1), 0);
		expect_master(child);
		ck_assert_int_eq(chown(list_path, OTHER, (gid_t)-1), 0);
		expect_no_master();
	}
	end_child(child);
}
END_TEST

START_TEST(test_signal)
{
	pid_t child = wait_in_child();
	struct process_id id = process_id_of(child);
	int status;

	ck_assert_int_eq(process_id_signal(id, SIGUSR1), 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(WTERMSIG(status), SIGUSR1);
	ck_assert_int_eq(process_id_signal(id, SIGUSR1), -1);
	ck_assert_int_eq(errno, ESRCH);
}
END_TEST

/* Workers of a master that died stay on the list until they have been told. */
START_TEST(test_orphans)
{
	pid_t child = wait_in_child();
	int status;

	put_master(child, process_id_of(child).started);
	put(path, "4711\n");
	ck_assert_int_eq(pidfile_open(&p, path, &owner), 0);
	expect_master(getpid());
	ck_assert_uint_eq(orphans_quit(path), 1);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(WTERMSIG(status), SIGQUIT);
	ck_assert_uint_eq(orphans_quit(path), 0);
	orphans_list(path, NULL, 0);
	expect_master(getpid());
	orphans_forget(path);
	pidfile_close(&p);
}
END_TEST

/* What somebody put in its place meanwhile is not removed. */
START_TEST(test_replaced)
{
	ck_assert_int_eq(pidfile_open(&p, path, &owner), 0);
	ck_assert_int_eq(unlink(path), 0);
	put(path, "1\n");
	pidfile_close(&p);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

/* It gives way to a file; what it leads to stays. */
START_TEST(test_symbolic_link)
{
	struct process_id id;
	char target[PATH_MAX];
	struct stat st;

	snprintf(target, sizeof(target), "%s/target", dir);
	put(target, "target");
	ck_assert_int_eq(symlink(target, path), 0);
	ck_assert_int_eq(pidfile_find(path, &id), -1);
	ck_assert_int_eq(errno, ELOOP);
	ck_assert_int_eq(pidfile_open(&p, path, &owner), 0);
	expect_master(getpid());
	ck_assert_int_eq(stat(target, &st), 0);
	ck_assert_int_eq(st.st_size, strlen("target"));
	pidfile_close(&p);
	ck_assert_int_eq(unlink(target), 0);
}
END_TEST

START_TEST(test_read_nonsense)
{
	static const char *const texts[] = { "", "x\n", "-5\n", "0\n", "1\n", "99999999999\n" };
	struct process_id id;

	ck_assert_int_eq(pidfile_find(path, &id), -1);
	ck_assert_int_eq(errno, ENOENT);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		put(path, texts[i]);
		expect_no_master();
	}
	unlink(path);
	/* A pipe is no reason to wait. */
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	expect_no_master();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pidfile");
	TCase *tc = tcase_create("pidfile");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_open_and_close);
	tcase_add_test(tc, test_none);
	tcase_add_test(tc, test_second_is_refused);
	tcase_add_test(tc, test_locks_of_others);
	tcase_add_test(tc, test_lock_of_another_user);
	tcase_add_test(tc, test_locked_before_the_pid_is_written);
	tcase_add_test(tc, test_list_that_cannot_be_written);
	tcase_add_test(tc, test_stale);
	tcase_add_test(tc, test_strangers);
	tcase_add_test(tc, test_another_program);
	tcase_add_test(tc, test_zombie);
	tcase_add_test(tc, test_files_of_others);
	tcase_add_test(tc, test_signal);
	tcase_add_test(tc, test_orphans);
	tcase_add_test(tc, test_replaced);
	tcase_add_test(tc, test_symbolic_link);
	tcase_add_test(tc, test_read_nonsense);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
