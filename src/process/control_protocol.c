/*
 * control_protocol.c - what usherctl and the master say to each other over the control socket.
 */
#include "process/control_protocol.h"

#include <string.h>

enum { USAGE_WIDTH = 32 };

const char *const control_result_words[CONTROL_RESULTS] = { "ok", "failed", "usage" };

const struct control_usage control_usages[COMMANDS] = {
	[COMMAND_SERVERS] = { "servers", "[BACKEND]",
	    "list servers: their state, who says so, weight, requests, last check" },
	[COMMAND_DRAIN] = { "drain", "BACKEND SERVER",
	    "no new clients; requests under way and sticky clients stay" },
	[COMMAND_DISABLE] = { "disable", "BACKEND SERVER",
	    "no new requests at all; those under way end" },
	[COMMAND_ENABLE] = { "enable", "BACKEND SERVER",
	    "requests again, also to one that is `down` or ejected" },
	[COMMAND_WEIGHT] = { "weight", "BACKEND SERVER N",
	    "another share of the requests, 1 to 256" },
	[COMMAND_ADD] = { "add", "BACKEND SERVER [OPTION]...",
	    "a new server, written as in `server =`" },
	[COMMAND_REMOVE] = { "remove", "BACKEND SERVER",
	    "take a server out of its backend" },
	[COMMAND_RESET] = { "reset", "[BACKEND [SERVER]]",
	    "forget what was changed: back to the configuration" },
	[COMMAND_GENERATIONS] = { "generations", "",
	    "list the generations of workers" },
	[COMMAND_RELOAD] = { "reload", "",
	    "read the configuration again, and wait for what comes of it" },
	[COMMAND_VERSION] = { "version", "",
	    "of the running usherd, and since when it runs" },
	[COMMAND_HELP] = { "help", "",
	    "list the commands" },
};

void
control_usage_print(struct buf *out)
{
	for (unsigned i = 0; i < COMMANDS; i++) {
		const struct control_usage *u = &control_usages[i];
		int width = USAGE_WIDTH - (int)strlen(u->name) - 1;

		buf_printf(out, "  %s %-*s %s\n", u->name, width, u->arguments, u->help);
	}
}
