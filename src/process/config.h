/*
 * config.h - a configuration that is ready to run: read, checked, compiled.
 */
#ifndef USHERD_PROCESS_CONFIG_H
#define USHERD_PROCESS_CONFIG_H

#include "conf/snapshot.h"
#include "process/certificates.h"
#include "process/options.h"
#include "process/privileges.h"
#include "proxy/proxy.h"

struct config {
	struct conf_snapshot *snapshot;
	struct certificate_set certificates;
	struct proxy *proxy;
	struct identity identity;
	enum log_level log_level;	/* of the snapshot, or less after -q */
};

/* What becomes of the lines about a configuration: the end of a start, of -t, or of a reload. */
enum config_lines {
	CONFIG_PLAIN,			/* as they are, to stderr */
	CONFIG_LOGGED,			/* to the error log */
};

/*
 * Reads what the command line says and checks all of it, with certificates out of `all` where they
 * are known already, even if they are broken now; nothing outside the process is touched.
 * Errors and warnings go where `lines` says, warnings not if `-q` was given.  NULL after an error;
 * else the caller ends it with config_free().
 */
struct config *config_load(const struct options *o, struct certificates *all,
    enum config_lines lines);
void config_free(struct config *c);

/* The pid file of the configuration, or NULL. */
const char *config_pid_file(const struct config *c);

/* What messages call the configuration: its file, or the command line. */
const char *config_name(const struct options *o);

#endif
