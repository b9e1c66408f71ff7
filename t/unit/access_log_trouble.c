/* access_log.c: what the error log hears of a target that takes no lines. */

#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fixture.h"
#include "proxy/log/access_log.h"

static struct fixture f;
static struct conf_errors *errors;
static struct loop *loop;
static struct conf_log conf;

static void
setup(void)
{
	fixture_init(&f);
	errors = conf_errors_new();
	loop = loop_new();
	conf = (struct conf_log){ .name = STR_OF("main"), .buffer = 65536, .flush_ms = 20 };
}

static void
teardown(void)
{
	loop_free(loop);
	conf_errors_free(errors);
	fixture_fini(&f);
}

static int
full(void)
{
	return open("/dev/full", O_WRONLY);
}

static int
good(void)
{
	return memfd_create("log", MFD_CLOEXEC);
}

static struct access_log *
start_log(int fd)
{
	struct access_log *log = access_log_new(&conf, NULL, errors);

	ck_assert_ptr_nonnull(log);
	access_log_start(log, loop, fd);
	return log;
}

static unsigned
count_lines(const char *text)
{
	unsigned n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

/* What the error log says from now on. */
static FILE *
hear(void)
{
	FILE *said = tmpfile();

	ck_assert_ptr_nonnull(said);
	log_set_level(LOG_LEVEL_NOTICE);
	log_to_fd(dup(fileno(said)), false);
	return said;
}

/* The lines that it said since the last call, without time and process. */
static const char *
heard(FILE *said)
{
	static char all[8192], text[8192];
	size_t n = 0;

	rewind(said);
	text[0] = '\0';
	while (fgets(all, sizeof(all), said) != NULL)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s",
		    strstr(all, "access log"));
	rewind(said);
	ck_assert_int_eq(ftruncate(fileno(said), 0), 0);
	lseek(fileno(said), 0, SEEK_SET);
	return text;
}

/* The next attempts, a hundred of them, a tenth of a second apart. */
static void
try_again(struct access_log *log)
{
	for (int i = 0; i < 100; i++) {
		clock_cached_ms += 100;
		access_log_flush(log);
	}
}

/* Once when it begins, once when lines are lost, then once a minute, and when it is over. */
START_TEST(full_disk_is_told)
{
	struct access_log *log = start_log(full());
	FILE *said = hear();
	const char *text;

	access_log_add(log, &f.x);
	try_again(log);
	ck_assert_str_eq(heard(said), "access log main: write: No space left on device; lines"
	    " wait in memory\n");
	for (int i = 0; i < 5000; i++)
		access_log_add(log, &f.x);
	ck_assert_str_eq(heard(said), "access log main: 1 line dropped: write: No space left on"
	    " device\n");
	for (int i = 0; i < 6; i++)
		try_again(log);
	ck_assert_str_eq(heard(said), "");
	access_log_add(log, &f.x);
	text = heard(said);
	ck_assert_uint_eq(count_lines(text), 1);
	ck_assert_ptr_nonnull(strstr(text, " lines dropped: write: No space left on device"));
	access_log_reopen(log, good());
	(void)heard(said);
	access_log_flush(log);
	text = heard(said);
	ck_assert_uint_eq(count_lines(text), 1);
	ck_assert_ptr_nonnull(strstr(text, "main: goes on, "));
	ck_assert_ptr_nonnull(strstr(text, " lines were dropped"));
	access_log_free(log);
	fclose(said);
}
END_TEST

START_TEST(short_trouble_is_told)
{
	struct access_log *log = start_log(full());
	FILE *said = hear();

	access_log_add(log, &f.x);
	access_log_flush(log);
	access_log_reopen(log, good());
	access_log_flush(log);
	ck_assert_str_eq(heard(said), "access log main: write: No space left on device; lines"
	    " wait in memory\naccess log main: goes on, no line was lost\n");
	/* Trouble that comes and goes is told once a minute. */
	for (int i = 0; i < 10; i++) {
		clock_cached_ms += 1000;
		access_log_reopen(log, full());
		access_log_add(log, &f.x);
		access_log_flush(log);
		access_log_reopen(log, good());
		access_log_flush(log);
	}
	ck_assert_str_eq(heard(said), "");
	access_log_free(log);
	fclose(said);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("access_log_trouble");
	TCase *c = tcase_create("access_log_trouble");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, full_disk_is_told);
	tcase_add_test(c, short_trouble_is_told);
	suite_add_tcase(s, c);
	return unit_run(s);
}
