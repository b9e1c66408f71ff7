/*
 * main.c - the program: does what the command line asks for.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/rng.h"
#include "net/tls_memory.h"
#include "process/certificates.h"
#include "process/config.h"
#include "process/descriptors.h"
#include "process/explain.h"
#include "process/master.h"
#include "process/notify.h"
#include "process/options.h"
#include "process/pidfile.h"
#include "process/signals.h"
#include "process/title.h"
#include "process/version.h"

enum { EXIT_USAGE = 2, EXIT_NOT_RUNNING = 3 };	/* as init scripts have it */

static const struct {
	const char *word;
	int signo;
} signal_words[] = {
	{ "reload", SIGHUP }, { "quit", SIGQUIT }, { "stop", SIGTERM }, { "reopen", SIGUSR1 },
	{ "status", 0 },
};

static int
test(const struct options *o, struct certificates *certificates)
{
	struct config *c = config_load(o, certificates, CONFIG_PLAIN);

	if (c == NULL)
		return EXIT_FAILURE;
	if (o->task == OPTIONS_TEST && !o->quiet)
		fprintf(stderr, "configuration %s is fine\n", config_name(o));
	if (o->task == OPTIONS_DUMP) {
		struct buf text;

		buf_init(&text);
		conf_dump(c->snapshot, &text);
		fwrite(text.p, 1, text.n, stdout);
		buf_fini(&text);
	}
	config_free(c);
	if (fflush(stdout) == EOF) {
		fprintf(stderr, "usherd: stdout: %s\n", strerror(errno));
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

static int
answer(const struct options *o, struct certificates *certificates)
{
	struct config *c = config_load(o, certificates, CONFIG_PLAIN);
	int status;

	if (c == NULL)
		return EXIT_FAILURE;
	status = explain(o, c);
	config_free(c);
	return status;
}

static void
print_error(void *arg, bool is_error, const char *line)
{
	(void)arg;
	if (is_error)
		fprintf(stderr, "%s\n", line);
}

/* The pid file, which the caller frees; NULL after an error line. */
static char *
find_pid_file(const struct options *o, bool *has_errors)
{
	struct conf_errors *errors = conf_errors_new();
	char *path = conf_pid_file(o->config, o->overrides, o->noverrides, errors, has_errors);

	conf_errors_each(errors, print_error, NULL);
	if (path == NULL && conf_errors_count(errors) == 0)
		fprintf(stderr, "usherd: the configuration names no pid_file\n");
	conf_errors_free(errors);
	return path;
}

static void
say_no_master(const char *path, int error, bool has_errors)
{
	fprintf(stderr, "usherd: %s: %s%s\n", path,
	    error == ESRCH ? "the master that wrote it does not run" :
	    error == ENOENT ? "No such file or directory (is usherd running, with this pid_file?)" :
	    path_error(error),
	    has_errors ? " (the configuration has errors, which usherd -t shows: it may mean "
	    "another pid_file)" : "");
}

/* Tells the master something, or with `signo` 0 tells who it is. */
static int
ask_master(const char *path, int signo, bool has_errors)
{
	struct process_id master;

	if (pidfile_find(path, &master) == -1) {
		say_no_master(path, errno, has_errors);
		return signo == 0 && (errno == ESRCH || errno == ENOENT) ? EXIT_NOT_RUNNING :
		    EXIT_FAILURE;
	}
	if (signo == 0) {
		printf("%d\n", (int)master.pid);
	} else if (process_id_signal(master, signo) == -1) {
		fprintf(stderr, "usherd: pid %d: %s\n", (int)master.pid, strerror(errno));
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

static int
signal_master(const struct options *o)
{
	int signo = -1, status;
	bool has_errors;
	char *path;

	for (size_t i = 0; i < ARRAY_LEN(signal_words); i++) {
		if (strcmp(o->signal, signal_words[i].word) == 0)
			signo = signal_words[i].signo;
	}
	if (signo == -1) {
		fprintf(stderr, "usherd: -s %s: there are reload, quit, stop, reopen and"
		    " status\n", o->signal);
		return EXIT_USAGE;
	}
	path = find_pid_file(o, &has_errors);
	if (path == NULL)
		return EXIT_FAILURE;
	status = ask_master(path, signo, has_errors);
	mem_free(path);
	return status;
}

static int
run(const struct options *o, struct certificates *certificates)
{
	int inherited = notify_inherited_sockets();
	struct config *c;

	signals_block();
	/* What a shell or an init script left open, a lock perhaps, must not live as long as a
	 * daemon.  Before the configuration, which opens files of its own. */
	if (!o->foreground && descriptors_close_inherited(NOTIFY_FIRST_FD, inherited) == -1)
		log_warn("close_range: %m");
	c = config_load(o, certificates, CONFIG_PLAIN);
	return c != NULL ? master_run(o, certificates, c, inherited) : EXIT_FAILURE;
}

static int
do_task(const struct options *o, struct certificates *certificates)
{
	switch (o->task) {
	case OPTIONS_RUN:
		return run(o, certificates);
	case OPTIONS_TEST:
	case OPTIONS_DUMP:
		return test(o, certificates);
	case OPTIONS_EXPLAIN:
		return answer(o, certificates);
	case OPTIONS_SIGNAL:
		return signal_master(o);
	case OPTIONS_VERSION:
		version_print();
		return EXIT_SUCCESS;
	case OPTIONS_HELP:
		fputs(options_usage, stdout);
		return EXIT_SUCCESS;
	}
	return EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	struct certificates *certificates;
	struct options o;
	int status;

	if (descriptors_fill_standard() == -1)
		return EXIT_FAILURE;
	tls_memory_use();
	title_init(argv);
	clock_update();
	rng_init();
	if (options_parse(&o, argc, argv) == -1) {
		options_fini(&o);
		return EXIT_USAGE;
	}
	if (o.quiet)
		log_set_level(LOG_LEVEL_WARN);
	certificates = certificates_new();
	status = do_task(&o, certificates);
	certificates_free(certificates);
	options_fini(&o);
	return status;
}
