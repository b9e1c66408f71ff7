/*
 * server_line.h - a line of `server` that stands in no file.
 */
#ifndef USHERD_CONF_SERVER_LINE_H
#define USHERD_CONF_SERVER_LINE_H

#include "base/arena.h"
#include "conf/snapshot.h"

/*
 * Reads the value of a `server` line for a backend; its strings live in `arena`.  False when it is
 * wrong: `*why` says so as messages about files do, `server weight: "x" is no number (...)`.
 */
bool conf_server_parse(struct arena *arena, struct str text, struct conf_server *server,
    struct str *why);

#endif
