/* process_certificates.c: pairs of files are loaded, replaced where fit, and kept where not. */

#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "process/cert_parcel.h"
#include "process/certificates.h"

static char dir[40];
static int log_file;
static struct certificates *all;

/* A configuration with one host that shows cert.pem and cert.key. */
static struct conf_certificate pair = {
	.title = STR("[host shop] certificate"), .at = { "x.ini", 1 },
};
static struct conf_certificate *pairs[] = { &pair };
static struct str names[] = { STR("shop.test") };
static struct conf_host host = {
	.names = { names, 1 }, .certificates = pairs, .ncertificates = 1,
};
static struct conf_host *hosts[] = { &host };
static const struct conf_snapshot snapshot = {
	.hosts = hosts, .nhosts = 1, .certificates = pairs, .ncertificates = 1,
};

/* Runs shell text in the directory, with up to two arguments. */
static void
run(const char *text, const char *arg1, const char *arg2)
{
	char command[512];

	snprintf(command, sizeof(command), "cd %s && set -- %s %s && %s", dir, arg1, arg2, text);
	ck_assert_msg(system(command) == 0, "%s", command);
	/* A certificate that was made a moment ago is valid from that moment on. */
	clock_update();
}

static void
make(const char *name, const char *host_name)
{
	run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 "
	    "-subj /CN=$2 -keyout $1.key -out $1.pem 2>/dev/null", name, host_name);
}

/* In two steps, as most tools do it. */
static void
install(const char *cert, const char *key)
{
	run("cp $1.pem cert.pem && cp $2.key cert.key", cert, key);
}

static void
setup(void)
{
	static char cert_path[64], key_path[64];

	strcpy(dir, "/tmp/usherd-certificates-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(cert_path, sizeof(cert_path), "%s/cert.pem", dir);
	snprintf(key_path, sizeof(key_path), "%s/cert.key", dir);
	pair.cert_path = str_of(cert_path);
	pair.key_path = str_of(key_path);
	log_file = memfd_create("log", MFD_CLOEXEC);
	log_to_fd(log_file, false);
	clock_update();
	all = certificates_new();
	make("one", "shop.test");
	make("two", "shop.test");
}

static void
teardown(void)
{
	certificates_free(all);
	run("rm -rf $1", dir, "");
	close(log_file);
}

/* How many lines were logged since the last call; the last of them. */
static unsigned
logged(char line[1024])
{
	char text[8192];
	ssize_t n = pread(log_file, text, sizeof(text) - 1, 0);
	unsigned lines = 0;

	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	line[0] = '\0';
	for (char *at = strtok(text, "\n"); at != NULL; at = strtok(NULL, "\n")) {
		snprintf(line, 1024, "%s", at);
		lines++;
	}
	ck_assert_int_eq(ftruncate(log_file, 0), 0);
	lseek(log_file, 0, SEEK_SET);
	return lines;
}

/* Loads the configuration; how many errors and warnings there were. */
static void
take(struct certificate_set *set, size_t errors)
{
	struct conf_errors *e = conf_errors_new();

	certificates_take(all, &snapshot, set, e);
	ck_assert_uint_eq(conf_errors_count(e), errors);
	conf_errors_free(e);
}

/* What is renewed is in the store by then. */
static void
on_renewed(void *arg, unsigned index, struct tls_cert *cert)
{
	struct certificate_set *set = arg;

	ck_assert_ptr_eq(tls_store_get(set->store, index), cert);
}

static bool
shows(struct certificate_set *set, const char *name)
{
	char command[128], line[128], hex[2 * TLS_FINGERPRINT + 1];
	const struct tls_cert *cert;
	FILE *f;

	certificate_set_refresh(set, on_renewed, set);
	cert = tls_store_get(set->store, 0);
	for (int i = 0; i < TLS_FINGERPRINT; i++)
		sprintf(hex + 2 * i, "%02x", tls_cert_fingerprint(cert)[i]);
	snprintf(command, sizeof(command), "openssl x509 -in %s/%s.pem -outform der | sha256sum",
	    dir, name);
	f = popen(command, "r");
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	pclose(f);
	return strncmp(line, hex, strlen(hex)) == 0;
}

static void
look(void)
{
	ck_assert(certificates_look(all, INT64_MAX / 2));
}

START_TEST(test_missing)
{
	struct certificate_set set;

	take(&set, 1);
	ck_assert_ptr_null(tls_store_get(set.store, 0));
	certificates_give(&set);
	install("one", "two");
	take(&set, 1);
	certificates_give(&set);
}
END_TEST

START_TEST(test_renewal)
{
	struct certificate_set old, set;
	char line[1024], error[TLS_ERROR_TEXT];
	struct tls_cert *cert;
	int fd;

	install("one", "one");
	take(&old, 0);
	take(&set, 0);
	ck_assert(shows(&set, "one"));
	look();
	ck_assert_uint_eq(certificates_version(all), 0);

	install("two", "two");
	look();
	ck_assert_uint_eq(certificates_version(all), 1);
	ck_assert_uint_eq(logged(line), 1);
	ck_assert_ptr_nonnull(strstr(line, "renewed"));
	ck_assert(certificate_set_changed(&set, 0, 0));
	ck_assert(!certificate_set_changed(&set, 0, 1));
	ck_assert(shows(&set, "two"));
	ck_assert_msg(shows(&old, "two"), "older configurations get it too");

	fd = certificate_set_parcel(&set, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_msg(ftruncate(fd, 0) == -1 && write(fd, "x", 1) == -1, "it is sealed");
	cert = cert_parcel_open(fd, pair.passphrase, error);
	ck_assert_ptr_nonnull(cert);
	ck_assert_mem_eq(tls_cert_fingerprint(cert),
	    tls_cert_fingerprint(tls_store_get(set.store, 0)), TLS_FINGERPRINT);
	tls_cert_unref(cert);
	close(fd);

	certificates_forget_parcels(all, 1);
	look();
	ck_assert_uint_eq(certificates_version(all), 1);
	certificates_give(&old);
	certificates_give(&set);
}
END_TEST

/* Many that changed at once, and many that did not, are looked at in turns. */
START_TEST(test_turns)
{
	enum { N = 4 };
	static char paths[N][64];
	static struct conf_certificate many[N];
	static struct conf_certificate *list[N];
	const struct conf_snapshot several = { .certificates = list, .ncertificates = N };
	struct conf_errors *e = conf_errors_new();
	struct certificate_set set;

	install("one", "one");
	for (int i = 0; i < N; i++) {
		char number[2] = { (char)('0' + i), '\0' };

		run("cp cert.pem $1.pem", number, "");
		snprintf(paths[i], sizeof(paths[i]), "%s/%d.pem", dir, i);
		many[i] = (struct conf_certificate){
			.title = pair.title, .at = pair.at, .index = (unsigned)i,
			.cert_path = str_of(paths[i]), .key_path = pair.key_path,
		};
		list[i] = &many[i];
	}
	certificates_take(all, &several, &set, e);
	ck_assert_uint_eq(conf_errors_count(e), 0);
	conf_errors_free(e);

	run("cp two.key cert.key; for i in 0 1 2 3; do cp two.pem $i.pem; done", "", "");
	for (unsigned i = 1; i <= N; i++) {
		bool complete = i == 1 ? certificates_look(all, 0) : certificates_look_on(all, 0);

		ck_assert_int_eq(complete, i == N);
		ck_assert_uint_eq(certificates_version(all), i);
	}
	run("touch *.pem", "", "");
	for (unsigned i = 1; i <= N; i++)
		ck_assert_int_eq(i == 1 ? certificates_look(all, 0) :
		    certificates_look_on(all, 0), i == N);
	ck_assert_uint_eq(certificates_version(all), N);
	certificates_give(&set);
}
END_TEST

/* Whatever stands there in place of a fit pair, the one before stays and one line says why. */
START_TEST(test_broken)
{
	static const char *const breaks[] = {
		"cp two.key cert.key",
		"head -c 100 two.pem >cert.pem",
		"rm cert.pem",
		"rm cert.key",
		">cert.key",
		"openssl x509 -in one.pem -days -1 -signkey one.key >cert.pem 2>&-",
		"rm -f cert.pem && mkfifo cert.pem",
		"rm -rf cert.pem && mkdir cert.pem",
		"yes | head -c 2000000 >cert.key",
		"cp strange.pem cert.pem; cp strange.key cert.key",
	};
	struct certificate_set set, later;
	char line[1024];

	make("strange", "other.test");
	install("one", "one");
	take(&set, 0);
	for (size_t i = 0; i < ARRAY_LEN(breaks); i++) {
		run(breaks[i], "", "");
		for (int again = 0; again < 3; again++)
			look();
		ck_assert_msg(logged(line) == 1, "%s: %s", breaks[i], line);
		ck_assert_msg(strstr(line, "the one before stays in use") != NULL, "%s", line);
		ck_assert(shows(&set, "one"));
		take(&later, 0);
		ck_assert_msg(shows(&later, "one"), "a reload keeps it as well");
		certificates_give(&later);
		run("rm -rf cert.pem cert.key", "", "");
		install("one", "one");
		look();
		(void)logged(line);
	}
	ck_assert_uint_eq(certificates_version(all), 0);
	install("two", "two");
	look();
	ck_assert(shows(&set, "two"));
	certificates_give(&set);
}
END_TEST

START_TEST(test_expiry)
{
	static const struct {
		int days;
		const char *word;	/* NULL: no line */
	} steps[] = {
		{ 0, NULL }, { 59, NULL }, { 61, "30 days" }, { 62, NULL }, { 84, "7 days" },
		{ 88, NULL }, { 89, "1 day," }, { 90, "ended on" }, { 91, NULL },
	};
	struct certificate_set set;
	char line[1024];

	install("one", "one");
	take(&set, 0);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		msec later = (msec)steps[i].days * 24 * 60 * 60 * 1000 + 3600 * 1000;
		unsigned n;

		certificates_warn_of_expiry(all, clock_wall_ms() + later);
		n = logged(line);
		ck_assert_msg(n == (steps[i].word != NULL), "day %d: %s", steps[i].days, line);
		if (steps[i].word != NULL)
			ck_assert_msg(strstr(line, steps[i].word) != NULL, "%s", line);
	}
	certificates_give(&set);
}
END_TEST

START_TEST(test_no_parcel)
{
	char error[TLS_ERROR_TEXT], bytes[64] = { 127 };
	int fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert_int_eq(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	ck_assert_ptr_null(cert_parcel_open(fd, str_of(NULL), error));
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
	ck_assert_msg(cert_parcel_open(fd, str_of(NULL), error) == NULL, "its lengths are wrong");
	close(fd);
	ck_assert_ptr_null(cert_parcel_open(STDIN_FILENO, str_of(NULL), error));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("certificates");
	TCase *tc = tcase_create("certificates");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_missing);
	tcase_add_test(tc, test_renewal);
	tcase_add_test(tc, test_turns);
	tcase_add_test(tc, test_broken);
	tcase_add_test(tc, test_expiry);
	tcase_add_test(tc, test_no_parcel);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
