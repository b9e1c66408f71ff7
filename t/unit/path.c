/* path.c: root follows the links of root, and nobody else's. */

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/path.h"

enum { OTHER = 65534 };

static char top[] = "/tmp/usherd-unit-XXXXXX";

/* Several paths below the directory of the test may be in use at a time. */
static const char *
at(const char *name)
{
	static char texts[8][PATH_MAX];
	static unsigned next;
	char *text = texts[next++ % 8];

	snprintf(text, PATH_MAX, "%s/%s", top, name);
	return text;
}

static void
put(const char *name, const char *content)
{
	FILE *f = fopen(at(name), "w");

	ck_assert_ptr_nonnull(f);
	fputs(content, f);
	fclose(f);
}

static void
make_dir(const char *name, uid_t owner, mode_t mode)
{
	ck_assert_int_eq(mkdir(at(name), 0700), 0);
	ck_assert_int_eq(chmod(at(name), mode), 0);
	ck_assert_int_eq(chown(at(name), owner, (gid_t)-1), 0);
}

static void
make_link(const char *target, const char *name, uid_t owner)
{
	ck_assert_int_eq(symlink(target, at(name)), 0);
	ck_assert_int_eq(lchown(at(name), owner, (gid_t)-1), 0);
}

static void
setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(top));
	ck_assert_int_eq(chmod(top, 0755), 0);
	put("target", "target");
	if (geteuid() != 0)
		return;
	make_dir("own", 0, 0755);
	make_dir("group", 0, 0775);
	make_dir("sticky", 0, 01777);
	make_dir("other", OTHER, 0755);
}

static void
teardown(void)
{
	char command[PATH_MAX];

	snprintf(command, sizeof(command), "rm -r %s", top);
	ck_assert_int_eq(system(command), 0);
}

/* The content of the file, as path_open() finds it; NULL with errno. */
static const char *
content(const char *path)
{
	static char text[64];
	int fd = path_open(path, O_RDONLY, 0);
	ssize_t n;

	if (fd == -1)
		return NULL;
	n = read(fd, text, sizeof(text) - 1);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	close(fd);
	return text;
}

static void
expect_content(const char *path, const char *expected)
{
	const char *found = content(path);

	ck_assert_msg(found != NULL, "%s: %s", path, strerror(errno));
	ck_assert_str_eq(found, expected);
}

static void
expect_error(const char *path, int error)
{
	ck_assert_msg(content(path) == NULL, "%s is opened", path);
	ck_assert_msg(errno == error, "%s: %s", path, strerror(errno));
}

START_TEST(test_paths)
{
	ck_assert_int_eq(chdir(top), 0);
	expect_content("target", "target");
	expect_content("./target", "target");
	expect_content(".//target", "target");
	ck_assert_int_eq(mkdir("deep", 0755), 0);
	expect_content("deep/../target", "target");
	expect_content(at("deep/../target"), "target");
	expect_error("none", ENOENT);
	expect_error("none/target", ENOENT);
	expect_error("target/none", ENOTDIR);
	expect_error("", ENOENT);
	ck_assert_int_eq(chdir("/"), 0);
}
END_TEST

/* As certbot has them: live/site/cert.pem -> ../../archive/site/cert1.pem. */
START_TEST(test_own_links)
{
	make_dir("own/archive", 0, 0755);
	put("own/archive/cert1.pem", "one");
	make_dir("own/live", 0, 0755);
	make_link("../archive/cert1.pem", "own/live/cert.pem", 0);
	make_link("own/live", "short", 0);
	make_link(at("short"), "own/absolute", 0);
	make_link("absolute/cert.pem", "own/chain", 0);
	expect_content(at("own/live/cert.pem"), "one");
	expect_content(at("short/cert.pem"), "one");
	expect_content(at("own/absolute/cert.pem"), "one");
	expect_content(at("own/chain"), "one");
	/* Who owns the link is nothing where only root could put it. */
	make_link("target", "given", OTHER);
	expect_content(at("given"), "target");
}
END_TEST

START_TEST(test_endless)
{
	make_link("loop", "loop", 0);
	make_link("two", "one", 0);
	make_link("one", "two", 0);
	expect_error(at("loop"), ELOOP);
	expect_error(at("one"), ELOOP);
	expect_error(at("one/x"), ELOOP);
	make_link("nowhere", "dangling", 0);
	expect_error(at("dangling"), ENOENT);
}
END_TEST

START_TEST(test_links_of_others)
{
	put("other/file", "file");
	expect_content(at("other/file"), "file");
	make_link("../target", "other/last", OTHER);
	make_link("..", "other/way", OTHER);
	make_link("file", "other/roots", 0);
	expect_error(at("other/last"), ELOOP);
	expect_error(at("other/way/target"), ELOOP);
	expect_error(at("other/roots"), ELOOP);
	/* A link of root leads to one of theirs. */
	make_link("other/last", "by-way", 0);
	expect_error(at("by-way"), ELOOP);

	make_link("../target", "group/link", 0);
	expect_error(at("group/link"), ELOOP);
	make_link("../target", "sticky/own", 0);
	expect_content(at("sticky/own"), "target");
	make_link("../target", "sticky/other", OTHER);
	expect_error(at("sticky/other"), ELOOP);
	ck_assert_int_eq(chown(at("sticky"), OTHER, (gid_t)-1), 0);
	expect_error(at("sticky/own"), ELOOP);
}
END_TEST

START_TEST(test_kernel_links)
{
	char path[64];
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], "piped", 5), 5);
	snprintf(path, sizeof(path), "/dev/fd/%d", fds[0]);
	expect_content(path, "piped");
	ck_assert_int_eq(write(fds[1], "piped", 5), 5);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	expect_content(path, "piped");
	expect_error("/proc/self/fd/1023", ENOENT);
}
END_TEST

START_TEST(test_not_followed)
{
	int fd;

	make_link("target", "link", 0);
	ck_assert_int_eq(path_open(at("link"), O_RDONLY | O_NOFOLLOW, 0), -1);
	ck_assert_int_eq(errno, ELOOP);
	fd = path_open(at("own/new"), O_WRONLY | O_CREAT | O_NOFOLLOW, 0640);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
}
END_TEST

START_TEST(test_hard_links)
{
	int fd;

	ck_assert_int_eq(link(at("target"), at("other/hard")), 0);
	ck_assert_int_eq(path_open(at("other/hard"), O_WRONLY | O_APPEND, 0), -1);
	ck_assert_int_eq(errno, EMLINK);
	expect_content(at("other/hard"), "target");
	fd = path_open(at("target"), O_WRONLY | O_APPEND, 0);
	ck_assert_int_ge(fd, 0);
	close(fd);
}
END_TEST

/* Another user follows all links, as everybody may make them. */
START_TEST(test_ordinary_user)
{
	int status;
	pid_t pid;

	make_link("../target", "other/link", OTHER);
	pid = fork();
	if (pid == 0) {
		if (setuid(OTHER) == -1)
			_exit(1);
		_exit(content(at("other/link")) != NULL ? 0 : 2);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(test_replace)
{
	struct stat st;

	make_link("target", "link", 0);
	make_link("target", "link.new", 0);
	ck_assert_int_eq(path_replace(at("link"), STR_OF("replaced"), 0644), 0);
	expect_content(at("link"), "replaced");
	expect_content(at("target"), "target");
	ck_assert_int_eq(lstat(at("link"), &st), 0);
	ck_assert_uint_eq(st.st_mode, S_IFREG | 0644);
	ck_assert_int_eq(lstat(at("link.new"), &st), -1);

	/* What cannot be removed is no file that somebody else made meanwhile. */
	ck_assert_int_eq(mkdir(at("blocked.new"), 0755), 0);
	ck_assert_int_eq(path_replace(at("blocked"), STR_OF("x"), 0644), -1);
	ck_assert_int_eq(errno, EISDIR);
	ck_assert_int_eq(rmdir(at("blocked.new")), 0);

	ck_assert_int_eq(path_replace(at("none/file"), STR_OF("x"), 0644), -1);
	ck_assert_int_eq(errno, ENOENT);
	make_link("..", "other/way", OTHER);
	ck_assert_int_eq(path_replace(at("other/way/target"), STR_OF("x"), 0644), -1);
	ck_assert_int_eq(errno, ELOOP);
	ck_assert_int_eq(path_remove(at("other/way/target")), -1);
	ck_assert_int_eq(errno, ELOOP);
	expect_content(at("target"), "target");
	ck_assert_int_eq(path_replace("/dev/full/x", STR_OF("x"), 0644), -1);
	ck_assert_int_eq(path_remove(at("link")), 0);
	ck_assert_int_eq(path_remove(at("link")), -1);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("path");
	TCase *tc = tcase_create("path");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_paths);
	tcase_add_test(tc, test_kernel_links);
	/* The rest is about files of root and of others, which only root can make. */
	if (geteuid() == 0) {
		tcase_add_test(tc, test_own_links);
		tcase_add_test(tc, test_endless);
		tcase_add_test(tc, test_links_of_others);
		tcase_add_test(tc, test_not_followed);
		tcase_add_test(tc, test_hard_links);
		tcase_add_test(tc, test_ordinary_user);
		tcase_add_test(tc, test_replace);
	}
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
