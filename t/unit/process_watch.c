/* process_watch.c: changes of files, links and directories lead to a look. */

#include "unit.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "process/watch.h"

static char dir[32];
static struct loop *loop;
static struct watch watch;
static struct timer patience;
static unsigned looks;
static const char *watched[4];

static void
look(void *arg)
{
	(void)arg;
	looks++;
	watch_begin(&watch);
	for (int i = 0; watched[i] != NULL; i++)
		watch_path(&watch, watched[i]);
	watch_end(&watch);
	loop_stop(loop);
}

static void
give_up(struct timer *t)
{
	(void)t;
	loop_stop(loop);
}

static void
setup(void)
{
	strcpy(dir, "/tmp/usherd-watch-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
	loop = loop_new();
	timer_init(&patience, give_up);
	watch_open(&watch, loop, look, NULL);
	memset(watched, 0, sizeof(watched));
	looks = 0;
}

static void
teardown(void)
{
	char command[64];

	watch_close(&watch);
	loop_free(loop);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

static void
put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void
relink(const char *target, const char *path)
{
	unlink("new");
	ck_assert_int_eq(symlink(target, "new"), 0);
	ck_assert_int_eq(rename("new", path), 0);
}

/* How many looks there are until it has been quiet for a while. */
static unsigned
looks_after(void)
{
	unsigned before = looks;

	clock_update();
	loop_timer_set(loop, &patience, clock_ms() + (looks == 0 ? 0 : 600));
	loop_run(loop);
	loop_timer_cancel(loop, &patience);
	return looks - before;
}

static void
begin(const char *path)
{
	watched[0] = path;
	look(NULL);
}

START_TEST(test_plain_file)
{
	put("a", "1");
	begin("a");
	put("other", "2");
	ck_assert_msg(looks_after() == 0, "another file does not count");
	put("a", "2");
	ck_assert_uint_eq(looks_after(), 1);
	put("b", "3");
	ck_assert_int_eq(rename("b", "a"), 0);
	ck_assert_uint_eq(looks_after(), 1);
	ck_assert_int_eq(unlink("a"), 0);
	ck_assert_uint_eq(looks_after(), 1);
	put("a", "4");
	ck_assert_uint_eq(looks_after(), 1);
	ck_assert_uint_eq(looks_after(), 0);
}
END_TEST

/* live/site/cert.pem -> ../../archive/site/cert1.pem, as certbot has it. */
START_TEST(test_links_to_files)
{
	mkdir("live", 0755);
	mkdir("archive", 0755);
	mkdir("live/site", 0755);
	mkdir("archive/site", 0755);
	put("archive/site/cert1.pem", "1");
	put("archive/site/cert2.pem", "2");
	relink("../../archive/site/cert1.pem", "live/site/cert.pem");
	begin("live/site/cert.pem");
	put("archive/site/cert2.pem", "3");
	ck_assert_msg(looks_after() == 0, "it is not linked yet");
	relink("../../archive/site/cert2.pem", "live/site/cert.pem");
	ck_assert_uint_eq(looks_after(), 1);
	put("archive/site/cert2.pem", "4");
	ck_assert_uint_eq(looks_after(), 1);
	put("archive/site/cert1.pem", "5");
	ck_assert_msg(looks_after() == 0, "it is linked no more");
}
END_TEST

/* tls/cert.pem -> ..data/cert.pem, tls/..data -> ..2026_1, as Kubernetes has it. */
START_TEST(test_links_to_directories)
{
	mkdir("tls", 0755);
	mkdir("tls/..2026_1", 0755);
	put("tls/..2026_1/cert.pem", "1");
	relink("..2026_1", "tls/..data");
	relink("..data/cert.pem", "tls/cert.pem");
	begin("tls/cert.pem");
	mkdir("tls/..2026_2", 0755);
	put("tls/..2026_2/cert.pem", "2");
	ck_assert_uint_eq(looks_after(), 0);
	relink("..2026_2", "tls/..data");
	ck_assert_uint_eq(looks_after(), 1);
	put("tls/..2026_2/cert.pem", "3");
	ck_assert_uint_eq(looks_after(), 1);
}
END_TEST

START_TEST(test_whole_path_appears)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/x/../x/./y//cert.pem", dir);
	begin(path);
	mkdir("x", 0755);
	ck_assert_uint_eq(looks_after(), 1);
	mkdir("x/y", 0755);
	ck_assert_uint_eq(looks_after(), 1);
	put("x/y/cert.pem", "1");
	ck_assert_uint_eq(looks_after(), 1);
	ck_assert_int_eq(rename("x/y", "gone"), 0);
	ck_assert_uint_eq(looks_after(), 1);
	put("gone/cert.pem", "2");
	ck_assert_uint_eq(looks_after(), 0);
}
END_TEST

START_TEST(test_loop_of_links)
{
	relink("b", "a");
	relink("a", "b");
	begin("a/cert.pem");
	ck_assert_uint_eq(looks_after(), 0);
	unlink("a");
	ck_assert_uint_eq(looks_after(), 1);
}
END_TEST

/* A writer in small steps costs one look, one that never stops does not put it off for ever. */
START_TEST(test_quiet_first)
{
	put("a", "1");
	begin("a");
	for (int i = 0; i < 100; i++)
		put("a", "2");
	ck_assert_uint_eq(looks_after(), 1);
	ck_assert_uint_eq(looks_after(), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("watch");
	TCase *tc = tcase_create("watch");

	clock_update();
	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_plain_file);
	tcase_add_test(tc, test_links_to_files);
	tcase_add_test(tc, test_links_to_directories);
	tcase_add_test(tc, test_whole_path_appears);
	tcase_add_test(tc, test_loop_of_links);
	tcase_add_test(tc, test_quiet_first);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
