/*
 * control_protocol.h - what usherctl and the master say to each other over the control socket.
 *
 *	request  [--json ]COMMAND[ WORD]...\n	words are split by blanks; no control bytes
 *	answer   ok | failed | usage, \n, then text to the end of the connection
 *
 * One request a connection.  `usage` is for requests that are wrong in themselves.  The commands
 * are those of control_usages[]; with --json the text is one JSON value.
 */
#ifndef USHERD_PROCESS_CONTROL_PROTOCOL_H
#define USHERD_PROCESS_CONTROL_PROTOCOL_H

#include "base/buf.h"

enum {
	CONTROL_LINE = 4096,		/* longest request, with its line end */
	CONTROL_WORDS = 32,		/* of a request, at most */
};

/* In the order of control_result_words[], and the exit statuses of usherctl. */
enum control_result {
	CONTROL_OK,
	CONTROL_FAILED,
	CONTROL_USAGE,
	CONTROL_RESULTS,
	CONTROL_LATER = CONTROL_RESULTS,	/* of a command: the answer comes later */
};

extern const char *const control_result_words[CONTROL_RESULTS];

struct control_usage {
	const char *name;
	const char *arguments;
	const char *help;
};

enum control_command {
	COMMAND_SERVERS,
	COMMAND_DRAIN,
	COMMAND_DISABLE,
	COMMAND_ENABLE,
	COMMAND_WEIGHT,
	COMMAND_ADD,
	COMMAND_REMOVE,
	COMMAND_RESET,
	COMMAND_GENERATIONS,
	COMMAND_RELOAD,
	COMMAND_VERSION,
	COMMAND_HELP,
	COMMANDS,
};

/* By enum control_command. */
extern const struct control_usage control_usages[COMMANDS];

/* Writes a line for each. */
void control_usage_print(struct buf *out);

#endif
