/* access_log.c: whole lines that nobody can forge, and targets that take none. */

#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/check.h"
#include "fixture.h"
#include "net/tls_server.h"
#include "proxy/log/access_log.h"

enum { FLUSH_MS = 20 };

static struct fixture f;
static struct conf_errors *errors;
static struct loop *loop;
static struct conf_log conf;
static char dir[] = "/tmp/usherd-unit-XXXXXX";
static char path[64];

static void
setup(void)
{
	fixture_init(&f);
	errors = conf_errors_new();
	loop = loop_new();
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log", dir);
	conf = (struct conf_log){ .name = STR_OF("main"), .buffer = 65536, .flush_ms = FLUSH_MS,
		.at = { "f", 1 } };
	log_set_level(LOG_LEVEL_ERROR);
}

static void
teardown(void)
{
	unlink(path);
	rmdir(dir);
	loop_free(loop);
	conf_errors_free(errors);
	fixture_fini(&f);
}

static int
open_log(void)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static struct access_log *
start_log(int fd)
{
	struct access_log *log = access_log_new(&conf, NULL, errors);

	ck_assert_ptr_nonnull(log);
	access_log_start(log, loop, fd);
	return log;
}

static size_t
read_all(int fd, char *out, size_t size)
{
	size_t n = 0;
	ssize_t k;

	while (n < size - 1 && (k = read(fd, out + n, size - 1 - n)) > 0)
		n += (size_t)k;
	out[n] = '\0';
	return n;
}

static char *
content(void)
{
	static char text[1 << 20];
	int fd = open(path, O_RDONLY);

	ck_assert_int_ge(fd, 0);
	read_all(fd, text, sizeof(text));
	close(fd);
	return text;
}

static unsigned
count_lines(const char *text)
{
	unsigned n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

/* The text with its date replaced, which is the only thing that differs from run to run. */
static const char *
without_date(char *text)
{
	struct str date = clock_clf();
	char *at = memmem(text, strlen(text), date.p, date.n);

	ck_assert_ptr_nonnull(at);
	*at = 'D';
	memmove(at + 1, at + date.n, strlen(at + date.n) + 1);
	return text;
}

static const char *
one_line(void)
{
	struct access_log *log = start_log(open_log());

	access_log_add(log, &f.x);
	access_log_flush(log);
	access_log_free(log);
	return content();
}

START_TEST(combined)
{
	fixture_field(&f, "Referer", "http://a/?q=\"x\"");
	fixture_field(&f, "User-Agent",
	    "evil\r\n10.0.0.1 - - [x] \"GET / HTTP/1.1\" 200 0\x1b\xff");
	one_line();
	ck_assert_str_eq(without_date(content()),
	    "192.0.2.1 - - [D] \"GET /a%20b?x=1&y=two HTTP/1.1\" 200 1234 "
	    "\"http://a/?q=\\x22x\\x22\" "
	    "\"evil\\x0d\\x0a10.0.0.1 - - [x] \\x22GET / HTTP/1.1\\x22 200 0\\x1b\\xff\"\n");
}
END_TEST

START_TEST(combined_of_a_bad_request)
{
	f.stream.request.method = str_of(NULL);
	f.stream.request.raw_target = str_of(NULL);
	f.x.status = 400;
	f.stream.body_out = 0;
	one_line();
	ck_assert_str_eq(without_date(content()), "192.0.2.1 - - [D] \"-\" 400 0 \"-\" \"-\"\n");
}
END_TEST

/* The line behind its first member, the time, which differs from run to run. */
static const char *
json_line(void)
{
	const char *text;

	conf.format = LOG_FORMAT_JSON;
	text = one_line();
	ck_assert_int_eq(memcmp(text, "{\"time\":\"20", 11), 0);
	ck_assert_int_eq(text[28], '.');
	ck_assert_int_eq(text[35], ':');
	ck_assert_int_eq(memcmp(text + 38, "\",", 2), 0);
	return text + 40;
}

START_TEST(json)
{
	static const struct str start = STR("\"remote_addr\":\"192.0.2.1\",\"listen\":\"web\","
	    "\"scheme\":\"http\",\"protocol\":\"HTTP/1.1\",\"tls\":\"\",\"tls_cipher\":\"\","
	    "\"method\":\"GET\",\"host\":\"shop.example.com\",\"uri\":\"/a%20b?x=1&y=two\","
	    "\"status\":200,\"bytes\":1234,\"bytes_received\":321,\"request_time\":0.0");
	const char *text;

	fixture_attempts(&f);
	fixture_field(&f, "User-Agent", "a\"b\\c\n\xff");
	text = json_line();
	ck_assert(str_starts(str_of(text), start));
	ck_assert_str_eq(strstr(text, ",\"referer\""),
	    ",\"referer\":\"\",\"user_agent\":\"a\\\"b\\\\c\\n\xef\xbf\xbd\",\"route\":\"all\","
	    "\"backend\":\"app\",\"upstream\":["
	    "{\"addr\":\"10.0.0.1:80\",\"status\":null,\"connect_time\":null,\"time\":0.001},"
	    "{\"addr\":\"10.0.0.2:80\",\"status\":200,\"connect_time\":0.002,\"time\":0.010}],"
	    "\"upstream_addr\":\"10.0.0.2:80\",\"upstream_status\":200,\"upstream_time\":0.010,"
	    "\"request_id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"why\":\"\",\"tries\":2}\n");
}
END_TEST

START_TEST(json_without_a_request)
{
	f.stream.request.method = f.stream.request.raw_target = str_of(NULL);
	f.stream.request.host = str_of(NULL);
	f.x.host = NULL;
	f.x.route = NULL;
	f.x.backend = NULL;
	f.x.why = "bad-request";
	ck_assert_ptr_nonnull(strstr(json_line(), ",\"protocol\":\"\",\"tls\":\"\","
	    "\"tls_cipher\":\"\",\"method\":\"\",\"host\":\"\",\"uri\":\"\",\"status\":200,"));
	ck_assert_ptr_nonnull(strstr(content(), ",\"route\":\"\",\"backend\":\"\",\"upstream\":[],"
	    "\"upstream_addr\":\"\",\"upstream_status\":null,\"upstream_time\":null,"));
	ck_assert_ptr_nonnull(strstr(content(), ",\"why\":\"bad-request\",\"tries\":0}\n"));
}
END_TEST

START_TEST(json_over_tls)
{
	const struct tls_info tls = { .protocol = STR_OF("TLSv1.3"), .cipher = STR_OF("AES") };

	f.peer.tls = &tls;
	ck_assert_ptr_nonnull(strstr(json_line(), ",\"tls\":\"TLSv1.3\",\"tls_cipher\":\"AES\","));
}
END_TEST

static void
set_members(struct conf_member *members, unsigned n)
{
	conf.format = LOG_FORMAT_JSON;
	conf.members = members;
	conf.nmembers = n;
	for (unsigned i = 0; i < n; i++)
		members[i].at = (struct conf_origin){ "f", (int)i + 7 };
}

/* A variable that is a number by itself is one, in a longer text it is text. */
START_TEST(json_members)
{
	struct conf_member members[] = {
		{ .name = STR_OF("port"), .value = STR_OF("$remote_port") },
		{ .name = STR_OF("at"), .value = STR_OF("$remote_addr:$remote_port") },
		{ .name = STR_OF("said"), .value = STR_OF("$http_said") },
		{ .name = STR_OF("none"), .value = STR_OF("$http_none") },
		{ .name = STR_OF("env"), .value = STR_OF("test") },
		{ .name = STR_OF("seconds"), .value = STR_OF("$upstream_response_time") },
	};

	fixture_field(&f, "Said", "\"\x01");
	set_members(members, ARRAY_LEN(members));
	ck_assert_str_eq(strstr(json_line(), ",\"tries\""), ",\"tries\":0,\"port\":5555,"
	    "\"at\":\"192.0.2.1:5555\",\"said\":\"\\\"\\u0001\",\"none\":\"\",\"env\":\"test\","
	    "\"seconds\":\"\"}\n");
}
END_TEST

START_TEST(wrong_members)
{
	struct conf_member members[] = {
		{ .name = STR_OF("status"), .value = STR_OF("$status") },
		{ .name = STR_OF("a"), .value = STR_OF("$status") },
		{ .name = STR_OF("a"), .value = STR_OF("$stauts") },
	};

	set_members(members, ARRAY_LEN(members));
	ck_assert_ptr_null(access_log_new(&conf, NULL, errors));
	ck_assert_uint_eq(conf_errors_count(errors), 3);
	conf.format = LOG_FORMAT_COMBINED;
	ck_assert_ptr_null(access_log_new(&conf, NULL, errors));
	ck_assert_uint_eq(conf_errors_count(errors), 4);
}
END_TEST

static struct str secrets[] = { STR("token"), STR("authorization") };

/* What a client sends of secrets, in each place that a format shows. */
static void
send_secrets(void)
{
	conf.redact = (struct conf_strs){ secrets, ARRAY_LEN(secrets) };
	f.stream.request.raw_target = STR_OF("/a?token=SECRET&x=1");
	f.stream.request.target.query = STR_OF("token=SECRET&x=1");
	fixture_field(&f, "Referer", "http://b/?x=2&token=SECRET");
	fixture_field(&f, "User-Agent", "a ?token=SECRET b");
	fixture_field(&f, "Authorization", "SECRET");
}

START_TEST(redacted)
{
	static const struct {
		enum conf_log_format format;
		const char *template;
		const char *shown[3];
	} cases[] = {
		{ LOG_FORMAT_COMBINED, "", { "\"GET /a?token=-&x=1 HTTP/1.1\"",
		    "\"http://b/?x=2&token=-\"", "\"a ?token=- b\"" } },
		{ LOG_FORMAT_JSON, "", { "\"uri\":\"/a?token=-&x=1\"",
		    "\"referer\":\"http://b/?x=2&token=-\"", "\"auth\":\"-\"" } },
		{ LOG_FORMAT_TEMPLATE, "$request|$request_uri|$args|$arg_token$http_authorization",
		    { "GET /a?token=-&x=1 HTTP/1.1|", "|/a?token=-&x=1|", "|token=-&x=1|--\n" } },
		{ LOG_FORMAT_TEMPLATE,
		    "{\"a\":\"$http_referer\",\"b\":\"$arg_x$http_authorization\"}",
		    { "{\"a\":\"http://b/?x=2&token=-\",", "\"b\":\"1-\"}\n", "" } },
	};
	struct conf_member auth = {
		.name = STR_OF("auth"), .value = STR_OF("$http_authorization"),
	};
	const char *text;

	send_secrets();
	if (cases[_i].format == LOG_FORMAT_JSON)
		set_members(&auth, 1);
	conf.format = cases[_i].format;
	conf.template_text = str_of(cases[_i].template);
	conf.when = STR_OF("$arg_token");
	text = one_line();
	ck_assert_ptr_null(strstr(text, "SECRET"));
	for (int i = 0; i < 3; i++)
		ck_assert_msg(strstr(text, cases[_i].shown[i]) != NULL, "%s in %s",
		    cases[_i].shown[i], text);
}
END_TEST

START_TEST(own_template)
{
	conf.format = LOG_FORMAT_TEMPLATE;
	conf.template_text = STR_OF("$remote_addr \"$http_a\" $why");
	fixture_field(&f, "A", "\"");
	ck_assert_str_eq(one_line(), "192.0.2.1 \"\\x22\" -\n");
}
END_TEST

START_TEST(json_template)
{
	conf.format = LOG_FORMAT_TEMPLATE;
	conf.template_text = STR_OF("{\"a\":\"$http_a\"}");
	fixture_field(&f, "A", "\"");
	ck_assert_str_eq(one_line(), "{\"a\":\"\\\"\"}\n");
}
END_TEST

START_TEST(bad_template)
{
	conf.format = LOG_FORMAT_TEMPLATE;
	conf.template_text = STR_OF("$stauts");
	conf.when = STR_OF("$no");
	ck_assert_ptr_null(access_log_new(&conf, NULL, errors));
	ck_assert_uint_eq(conf_errors_count(errors), 2);
}
END_TEST

START_TEST(only_when)
{
	struct access_log *log;

	conf.when = STR_OF("$arg_log");
	log = start_log(open_log());
	access_log_add(log, &f.x);
	f.stream.request.target.query = STR_OF("log=0");
	access_log_add(log, &f.x);
	f.stream.request.target.query = STR_OF("log=");
	access_log_add(log, &f.x);
	f.stream.request.target.query = STR_OF("log=1");
	access_log_add(log, &f.x);
	access_log_flush(log);
	ck_assert_uint_eq(count_lines(content()), 1);
	access_log_free(log);
}
END_TEST

START_TEST(written_when_full)
{
	struct access_log *log;

	conf.buffer = 500;
	log = start_log(open_log());
	access_log_add(log, &f.x);
	ck_assert_str_eq(content(), "");
	for (int i = 0; i < 10; i++)
		access_log_add(log, &f.x);
	ck_assert_uint_ge(count_lines(content()), 5);
	access_log_flush(log);
	ck_assert_uint_eq(count_lines(content()), 11);
	access_log_free(log);
}
END_TEST

START_TEST(not_kept_without_a_buffer)
{
	struct access_log *log;

	conf.buffer = 0;
	log = start_log(open_log());
	access_log_add(log, &f.x);
	ck_assert_uint_eq(count_lines(content()), 1);
	access_log_free(log);
}
END_TEST

static void
stop_loop(struct timer *t)
{
	(void)t;
	loop_stop(loop);
}

static void
run_for(msec ms)
{
	struct timer t;

	timer_init(&t, stop_loop);
	clock_update();
	loop_timer_set(loop, &t, clock_ms() + ms);
	loop_run(loop);
	loop_timer_cancel(loop, &t);
}

START_TEST(written_in_time)
{
	struct access_log *log = start_log(open_log());

	clock_update();
	access_log_add(log, &f.x);
	ck_assert_str_eq(content(), "");
	run_for(3 * FLUSH_MS);
	ck_assert_uint_eq(count_lines(content()), 1);
	access_log_free(log);
}
END_TEST

/* rename() and SIGUSR1, as logrotate does. */
START_TEST(reopened)
{
	struct access_log *log = start_log(open_log());
	char old[80];

	snprintf(old, sizeof(old), "%s.1", path);
	access_log_add(log, &f.x);
	ck_assert_int_eq(rename(path, old), 0);
	access_log_reopen(log, open_log());
	access_log_add(log, &f.x);
	access_log_add(log, &f.x);
	access_log_flush(log);
	ck_assert_uint_eq(count_lines(content()), 2);
	ck_assert_int_eq(rename(old, path), 0);
	ck_assert_uint_eq(count_lines(content()), 1);
	access_log_free(log);
}
END_TEST

static void
check_whole_lines(const char *text)
{
	while (*text != '\0') {
		const char *end = strchr(text, '\n');

		ck_assert_ptr_nonnull(end);
		ck_assert_int_eq(memcmp(text, "192.0.2.1 - - [", 15), 0);
		ck_assert_int_eq(memcmp(end - 7, "\"-\" \"-\"", 7), 0);
		text = end + 1;
	}
}

/* Check itself writes to a file at each assertion, so there must be none while this holds. */
static void
limit_file_size(rlim_t bytes)
{
	struct rlimit limit = { bytes, RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
}

/* A limit of the file's size cuts writes as a full disk does. */
START_TEST(full_disk)
{
	struct access_log *log = start_log(open_log());
	unsigned before;

	log_to_fd(open("/dev/null", O_WRONLY), false);
	limit_file_size(1000);
	for (int i = 0; i < 5000; i++)
		access_log_add(log, &f.x);
	access_log_flush(log);
	limit_file_size(RLIM_INFINITY);
	check_whole_lines(content());
	before = count_lines(content());
	ck_assert_uint_gt(before, 0);
	ck_assert_uint_lt(before, 1000 / 60);
	access_log_flush(log);
	access_log_add(log, &f.x);
	access_log_flush(log);
	check_whole_lines(content());
	ck_assert_uint_gt(count_lines(content()), 65536 / 120);
	ck_assert_uint_lt(count_lines(content()), 5000);
	access_log_free(log);
}
END_TEST

/* What a full disk did not take goes to the file that follows. */
START_TEST(full_disk_then_reopened)
{
	struct access_log *log = start_log(open("/dev/full", O_WRONLY));

	log_to_fd(open("/dev/null", O_WRONLY), false);
	access_log_add(log, &f.x);
	access_log_flush(log);
	access_log_reopen(log, open_log());
	access_log_flush(log);
	check_whole_lines(content());
	ck_assert_uint_eq(count_lines(content()), 1);
	access_log_free(log);
}
END_TEST

START_TEST(slow_pipe)
{
	static char text[1 << 20];
	struct access_log *log;
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	log_to_fd(open("/dev/null", O_WRONLY), false);
	log = start_log(ends[1]);
	for (int i = 0; i < 5000; i++)
		access_log_add(log, &f.x);
	access_log_flush(log);
	ck_assert_int_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	ck_assert_uint_gt(read_all(ends[0], text, sizeof(text)), 60000);
	check_whole_lines(text);
	access_log_flush(log);
	ck_assert_uint_gt(read_all(ends[0], text, sizeof(text)), 0);
	check_whole_lines(text);
	access_log_free(log);
	close(ends[0]);
}
END_TEST

/* On a socket of packets each read gives what one write gave. */
START_TEST(writes_to_streams_are_short_and_whole)
{
	static char text[65536];
	struct access_log *log;
	int ends[2];
	ssize_t n;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	log = start_log(ends[1]);
	for (int i = 0; i < 100; i++)
		access_log_add(log, &f.x);
	access_log_flush(log);
	n = read(ends[0], text, sizeof(text) - 1);
	ck_assert_int_gt(n, 0);
	ck_assert_int_le(n, 4096);
	text[n] = '\0';
	check_whole_lines(text);
	access_log_free(log);
	close(ends[0]);
}
END_TEST

START_TEST(long_line_to_a_pipe)
{
	static char text[65536], target[30000];
	struct access_log *log;
	int ends[2];

	memset(target, '\x01', sizeof(target) - 1);
	f.stream.request.raw_target = str_of(target);
	conf.format = _i ? LOG_FORMAT_JSON : LOG_FORMAT_COMBINED;
	ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
	log = start_log(ends[1]);
	access_log_add(log, &f.x);
	access_log_flush(log);
	ck_assert_uint_gt(read_all(ends[0], text, sizeof(text)), 100);
	ck_assert_uint_le(strlen(text), 4096);
	ck_assert_uint_eq(count_lines(text), 1);
	ck_assert_ptr_nonnull(strstr(text,
	    _i ? "\\u0001...\",\"status\":200" : "\\x01... HTTP/1.1\" 200"));
	access_log_free(log);
	close(ends[0]);
}
END_TEST

/* Of more attempts than a line has room for, the last ones; the line is whole JSON all the same. */
START_TEST(many_attempts_to_a_pipe)
{
	static char text[65536];
	static struct attempt attempts[101];
	struct access_log *log;
	int ends[2];

	for (int i = 0; i < 101; i++)
		attempts[i] = (struct attempt){ .next = i < 100 ? &attempts[i + 1] : NULL,
			.addr = i < 100 ? STR_OF("[2001:db8:1:2:3:4:5:6]:65535") : STR_OF("last"),
			.status = 500 + i, .start_us = 1, .head_us = 2, .end_us = 3 };
	f.x.attempts = (struct attempts){ attempts, 101 };
	conf.format = LOG_FORMAT_JSON;
	ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
	log = start_log(ends[1]);
	access_log_add(log, &f.x);
	access_log_flush(log);
	ck_assert_uint_gt(read_all(ends[0], text, sizeof(text)), 1000);
	ck_assert_uint_le(strlen(text), 4096);
	ck_assert_ptr_nonnull(strstr(text,
	    "\"upstream\":[{\"addr\":\"[2001:db8:1:2:3:4:5:6]:65535\",\"status\":585,"));
	ck_assert_ptr_nonnull(strstr(text,
	    "{\"addr\":\"last\",\"status\":600,\"connect_time\":0.000,\"time\":0.000}],"
	    "\"upstream_addr\":\"last\",\"upstream_status\":600,"));
	ck_assert_ptr_nonnull(strstr(text, "\"tries\":101}\n"));
	access_log_free(log);
	close(ends[0]);
}
END_TEST

START_TEST(syslog_over_udp)
{
	struct access_log *log;
	char text[2048];
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	ssize_t n;

	conf.target = LOG_TARGET_SYSLOG;
	ck_assert(addr_parse(&conf.syslog_addr, STR_OF("127.0.0.1:1"), 0));
	addr_set_port(&conf.syslog_addr, 0);
	ck_assert_int_eq(bind(fd, &conf.syslog_addr.sa, conf.syslog_addr.len), 0);
	ck_assert_int_eq(getsockname(fd, &conf.syslog_addr.sa, &conf.syslog_addr.len), 0);
	log = start_log(-1);
	access_log_add(log, &f.x);
	n = recv(fd, text, sizeof(text) - 1, 0);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	ck_assert_int_eq(memcmp(text, "<190>1 20", 9), 0);
	ck_assert_ptr_nonnull(strstr(text, " usherd "));
	ck_assert_ptr_nonnull(strstr(text, " access - 192.0.2.1 - - ["));
	ck_assert_int_eq(text[n - 1], '"');
	access_log_free(log);
	close(fd);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("access_log");
	TCase *c = tcase_create("access_log");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, combined);
	tcase_add_test(c, combined_of_a_bad_request);
	tcase_add_test(c, json);
	tcase_add_test(c, json_without_a_request);
	tcase_add_test(c, json_over_tls);
	tcase_add_test(c, json_members);
	tcase_add_test(c, wrong_members);
	tcase_add_loop_test(c, redacted, 0, 4);
	tcase_add_test(c, many_attempts_to_a_pipe);
	tcase_add_test(c, own_template);
	tcase_add_test(c, json_template);
	tcase_add_test(c, bad_template);
	tcase_add_test(c, only_when);
	tcase_add_test(c, written_when_full);
	tcase_add_test(c, not_kept_without_a_buffer);
	tcase_add_test(c, written_in_time);
	tcase_add_test(c, reopened);
	tcase_add_test(c, full_disk);
	tcase_add_test(c, full_disk_then_reopened);
	tcase_add_test(c, slow_pipe);
	tcase_add_test(c, writes_to_streams_are_short_and_whole);
	tcase_add_loop_test(c, long_line_to_a_pipe, 0, 2);
	tcase_add_test(c, syslog_over_udp);
	suite_add_tcase(s, c);
	return unit_run(s);
}
