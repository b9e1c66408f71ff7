/*
 * config.c - a configuration that is ready to run: read, checked, compiled.
 */
#include "process/config.h"

#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/error.h"
#include "conf/load.h"

struct emit {
	enum config_lines lines;
	bool quiet;
};

static void
emit_line(void *arg, bool is_error, const char *line)
{
	const struct emit *emit = arg;

	if (!is_error && emit->quiet)
		return;
	if (emit->lines == CONFIG_PLAIN)
		fprintf(stderr, "%s\n", line);
	else if (is_error)
		log_error("%s", line);
	else
		log_warn("%s", line);
}

static struct conf_snapshot *
read_snapshot(const struct options *o, struct conf_errors *errors)
{
	if (o->listen != NULL)
		return conf_quick(o->listen, o->urls, o->nurls, o->overrides, o->noverrides,
		    errors);
	return conf_load(o->config, o->overrides, o->noverrides, errors);
}

struct config *
config_load(const struct options *o, struct certificates *all, enum config_lines lines)
{
	/* Whoever has a question gets an answer; -t tells what is odd. */
	struct emit emit = {
		.lines = lines, .quiet = o->quiet || o->task == OPTIONS_EXPLAIN,
	};
	struct conf_errors *errors = conf_errors_new();
	struct config *c = MEM_NEW(struct config);

	c->snapshot = read_snapshot(o, errors);
	if (c->snapshot != NULL) {
		c->log_level = c->snapshot->global.log_level;
		if (o->quiet && c->log_level > LOG_LEVEL_WARN)
			c->log_level = LOG_LEVEL_WARN;
		identity_resolve(&c->identity, &c->snapshot->global, errors);
		/* A master that goes on as before was told when it was started. */
		if (lines == CONFIG_PLAIN)
			identity_warn(&c->identity, &c->snapshot->global, errors);
		certificates_take(all, c->snapshot, &c->certificates, errors);
		c->proxy = proxy_build(c->snapshot, c->certificates.store, errors);
		/* Only now: what does not compile is told with its line. */
		if (o->task != OPTIONS_DUMP && o->task != OPTIONS_EXPLAIN)
			conf_forget_text(c->snapshot);
	}
	conf_errors_each(errors, emit_line, &emit);
	if (c->proxy == NULL || conf_errors_count(errors) > 0) {
		config_free(c);
		c = NULL;
	}
	conf_errors_free(errors);
	return c;
}

void
config_free(struct config *c)
{
	if (c == NULL)
		return;
	if (c->proxy != NULL)
		proxy_free(c->proxy);
	certificates_give(&c->certificates);
	identity_fini(&c->identity);
	if (c->snapshot != NULL)
		conf_free(c->snapshot);
	mem_free(c);
}

const char *
config_pid_file(const struct config *c)
{
	const struct str *path = &c->snapshot->global.pid_file;

	return path->n > 0 ? path->p : NULL;
}

const char *
config_name(const struct options *o)
{
	return o->listen != NULL ? "of the command line" : o->config;
}
