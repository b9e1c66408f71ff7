/*
 * main.c - usherctl: sends a command to a running usherd and prints the answer.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ctl/ask.h"
#include "ctl/locate.h"
#include "process/control_protocol.h"
#include "process/options.h"
#include "process/version.h"

enum { EXIT_USAGE = 2 };

struct call {
	const char *socket;		/* -s */
	const char *config;		/* -c */
	bool json;
};

static const char usage[] =
	"usage: usherctl [-c FILE | -s SOCKET] [--json] [-V] [-h] COMMAND [ARGUMENT]...\n"
	"\n"
	"  -c FILE    the configuration that names the socket [" OPTIONS_CONFIG "]\n"
	"  -s SOCKET  the socket itself\n"
	"  --json     answers in JSON\n"
	"  -V         version\n"
	"  -h         this text\n"
	"\n"
	"commands:\n";

static int
print_help(void)
{
	struct buf text = { NULL, 0, 0 };

	buf_cstr(&text, usage);
	control_usage_print(&text);
	fwrite(text.p, 1, text.n, stdout);
	buf_fini(&text);
	return EXIT_SUCCESS;
}

static int
wrong(const char *what, const char *which)
{
	fprintf(stderr, "usherctl: %s%s (usherctl -h lists options and commands)\n", what, which);
	return EXIT_USAGE;
}

/* The words of the command as a line; false if one of them cannot stand there. */
static bool
make_request(struct buf *request, const struct call *call, char **words)
{
	buf_cstr(request, call->json ? "--json" : "");
	for (; *words != NULL; words++) {
		if (**words == '\0')
			return false;
		for (const char *p = *words; *p != '\0'; p++)
			if ((unsigned char)*p < ' ' || *p == 0x7f)
				return false;
		buf_printf(request, "%s%s", request->n > 0 ? " " : "", *words);
	}
	buf_char(request, '\n');
	return true;
}

static int
print_answer(int result, const struct call *call, const struct buf *text)
{
	FILE *to = result == CONTROL_OK ? stdout : stderr;
	struct str view = buf_view(text);
	bool one_line = view.n > 0 && str_find(view, '\n') == (ptrdiff_t)view.n - 1;

	if (result != CONTROL_OK && one_line && !call->json)
		fputs("usherctl: ", to);
	fwrite(text->p, 1, text->n, to);
	if (fflush(to) == EOF) {
		fprintf(stderr, "usherctl: %s\n", strerror(errno));
		return EXIT_FAILURE;
	}
	return result == CONTROL_USAGE ? EXIT_USAGE :
	    result == CONTROL_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
run(const struct call *call, char **words)
{
	char *path = call->socket != NULL ? mem_strdup(call->socket) : NULL;
	struct buf request = { NULL, 0, 0 }, text = { NULL, 0, 0 };
	int status = EXIT_FAILURE, result;

	if (!make_request(&request, call, words)) {
		status = wrong("an argument is empty or has control characters", "");
	} else if (path != NULL || (path = locate_socket(call->config)) != NULL) {
		result = ask(path, buf_view(&request), &text);
		if (result != -1)
			status = print_answer(result, call, &text);
	}
	buf_fini(&request);
	buf_fini(&text);
	mem_free(path);
	return status;
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct call call = { .config = NULL };
	int c;

	while ((c = getopt_long(argc, argv, ":c:s:Vh", longs, NULL)) != -1) {
		if (c == ':')
			return wrong("a value is missing behind ", argv[optind - 1]);
		if (c == '?')
			return wrong("unknown option ", argv[optind - 1]);
		if (c == 'h')
			return print_help();
		if (c == 'V')
			return printf("usherctl %s\n", USHERD_VERSION) < 0;
		if (c == 's')
			call.socket = optarg;
		else if (c == 'c')
			call.config = optarg;
		else
			call.json = true;
	}
	if (call.socket != NULL && call.config != NULL)
		return wrong("-c and -s exclude each other", "");
	if (argv[optind] == NULL)
		return wrong("no command", "");
	if (call.config == NULL)
		call.config = OPTIONS_CONFIG;
	return run(&call, argv + optind);
}
