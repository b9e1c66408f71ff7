/*
 * options.c - the command line.
 */
#include "process/options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

enum { LONG_EXPLAIN = 256, LONG_FROM };	/* beyond all letters */

const char options_usage[] =
	"usage: usherd [-c FILE] [-f] [-t | -T | -s SIGNAL] [-g SETTING]... [-q] [-V] [-h]\n"
	"       usherd [-c FILE] --explain 'METHOD URL' [-H HEADER]... [--from ADDRESS]\n"
	"       usherd -l ADDRESS -b URL [-b URL]...\n"
	"\n"
	"  -c FILE     configuration [" OPTIONS_CONFIG "]\n"
	"  -f          stay in the foreground, errors to stderr too\n"
	"  -t          check the configuration and exit: 0 if it is fine, 1 if not\n"
	"  -T          the same, then print the effective values\n"
	"  -s SIGNAL   tell the running master: reload, quit, stop or reopen; or status:\n"
	"              print its pid and exit with 0, or with 3 if there is none\n"
	"  -g SETTING  override one setting: global.KEY=VALUE or 'KIND NAME:KEY=VALUE'\n"
	"  -q          no notices\n"
	"  -V          version, build options and libraries\n"
	"  -h          this text\n"
	"\n"
	"  --explain 'METHOD URL'\n"
	"              which host, route, policies and servers a request gets, and why;\n"
	"              nothing is sent; exit 0 if a route is found, 1 if not\n"
	"  -H HEADER   a header of that request: 'Name: value'; may be repeated\n"
	"  --from ADDRESS\n"
	"              who sends it [127.0.0.1]\n"
	"\n"
	"  -l ADDRESS  without a file: listen there, in the foreground,\n"
	"  -b URL      and proxy to this server; may be repeated\n";

static int
complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static int
complain(const char *fmt, ...)
{
	va_list ap;

	fputs("usherd: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs(" (usherd -h lists the options)\n", stderr);
	return -1;
}

static int
set_task(struct options *o, enum options_task task)
{
	if (o->task != OPTIONS_RUN && o->task != task)
		return complain("only one of -t, -T, -s, -V, -h and --explain");
	o->task = task;
	return 0;
}

static void
add_url(struct options *o, const char *url)
{
	o->urls = mem_realloc(o->urls, o->nurls + 1, sizeof(*o->urls));
	o->urls[o->nurls++] = url;
}

static void
add_header(struct options *o, const char *line)
{
	o->headers = mem_realloc(o->headers, o->nheaders + 1, sizeof(*o->headers));
	o->headers[o->nheaders++] = line;
}

static void
add_override(struct options *o, const char *text)
{
	o->overrides = mem_realloc(o->overrides, o->noverrides + 1, sizeof(*o->overrides));
	o->overrides[o->noverrides++].text = text;
}

static int
take(struct options *o, int c)
{
	switch (c) {
	case 'c':
		o->config = optarg;
		return 0;
	case 'f':
		o->foreground = true;
		return 0;
	case 'q':
		o->quiet = true;
		return 0;
	case 'l':
		o->listen = optarg;
		return 0;
	case 'b':
		add_url(o, optarg);
		return 0;
	case 'g':
		add_override(o, optarg);
		return 0;
	case 's':
		o->signal = optarg;
		return set_task(o, OPTIONS_SIGNAL);
	case 'H':
		add_header(o, optarg);
		return 0;
	case LONG_FROM:
		o->from = optarg;
		return 0;
	case LONG_EXPLAIN:
		o->explain = optarg;
		return set_task(o, OPTIONS_EXPLAIN);
	case 't':
		return set_task(o, OPTIONS_TEST);
	case 'T':
		return set_task(o, OPTIONS_DUMP);
	case 'V':
		return set_task(o, OPTIONS_VERSION);
	default:
		return set_task(o, OPTIONS_HELP);
	}
}

static int
check_together(struct options *o, int argc, char **argv)
{
	if (optind < argc)
		return complain("unexpected argument %s", argv[optind]);
	if (o->listen == NULL && o->nurls > 0)
		return complain("-b needs -l ADDRESS");
	if (o->listen != NULL && o->nurls == 0)
		return complain("-l needs at least one -b URL");
	if (o->listen != NULL && o->config != NULL)
		return complain("-l and -c exclude each other");
	if (o->listen != NULL && o->task == OPTIONS_SIGNAL)
		return complain("-l and -s exclude each other");
	if (o->task != OPTIONS_EXPLAIN && (o->nheaders > 0 || o->from != NULL))
		return complain("-H and --from need --explain 'METHOD URL'");
	if (o->listen != NULL)
		o->foreground = true;
	else if (o->config == NULL)
		o->config = OPTIONS_CONFIG;
	return 0;
}

int
options_parse(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "explain", required_argument, NULL, LONG_EXPLAIN },
		{ "from", required_argument, NULL, LONG_FROM },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*o = (struct options){ .task = OPTIONS_RUN };
	while ((c = getopt_long(argc, argv, ":c:ftTs:g:qVhl:b:H:", longs, NULL)) != -1) {
		if (c == ':' && optopt >= LONG_EXPLAIN)
			return complain("%s needs a value", argv[optind - 1]);
		if (c == ':')
			return complain("-%c needs a value", optopt);
		if (c == '?' && optopt != 0)
			return complain("unknown option -%c", optopt);
		if (c == '?')
			return complain("unknown option %s", argv[optind - 1]);
		if (take(o, c) == -1)
			return -1;
	}
	return check_together(o, argc, argv);
}

void
options_fini(struct options *o)
{
	mem_free(o->urls);
	mem_free(o->headers);
	mem_free(o->overrides);
}
