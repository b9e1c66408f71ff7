/*
 * locate.c - where the control socket is, by the configuration.
 */
#include "ctl/locate.h"

#include <stdio.h>

#include "base/mem.h"
#include "conf/document.h"
#include "conf/expand.h"

static void
print_error(void *arg, bool is_error, const char *line)
{
	(void)arg;
	if (is_error)
		fprintf(stderr, "usherctl: %s\n", line);
}

/* The value of `socket`, or absent after a message. */
static struct str
read_value(struct conf_document *d, const char *config)
{
	const struct conf_section *admin = conf_document_find(d, KIND_ADMIN,
	    conf_kind_names[KIND_ADMIN]);
	const struct conf_line *line = admin != NULL ?
	    conf_section_line(admin, STR_OF("socket")) : NULL;
	struct str value = { NULL, 0 };
	const char *why = "it is empty";

	if (line == NULL || line->raw.n == 0) {
		fprintf(stderr, "usherctl: %s has no control socket (add one to its [admin]: socket"
		    " = /run/usherd.sock, and reload)\n", config);
		return value;
	}
	value = str_trim(conf_expand(d, line->raw, true, &why));
	if (value.n > 1 && value.p[0] == '"' && value.p[value.n - 1] == '"')
		value = str_make(value.p + 1, value.n - 2);
	if (value.n > 0)
		return value;
	fprintf(stderr, "usherctl: %s:%d: socket: %s\n", line->at.file, line->at.line, why);
	return (struct str){ NULL, 0 };
}

char *
locate_socket(const char *config)
{
	struct conf_errors *errors = conf_errors_new();
	struct conf_document document;
	struct arena kept;
	struct str value;
	char *path = NULL;

	arena_init(&kept);
	conf_document_init(&document, &kept, errors);
	if (conf_document_read(&document, config)) {
		value = read_value(&document, config);
		if (value.p != NULL)
			path = mem_strndup(value.p, value.n);
	} else {
		conf_errors_each(errors, print_error, NULL);
		fprintf(stderr, "usherctl: the socket can be named with -s instead\n");
	}
	conf_document_fini(&document);
	conf_errors_free(errors);
	arena_fini(&kept);
	return path;
}
