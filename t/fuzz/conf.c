/*
 * conf.c - fuzzes the configuration: any text is refused, or its -T says the same as it does.
 */
#include <stdio.h>
#include <stdlib.h>

#include "conf/whole.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
ignore(void *arg, bool is_error, const char *line)
{
	(void)is_error;
	*(size_t *)arg += strlen(line);
}

/* The dump without its comments, which name places; false when the text is refused. */
static bool
values_of(struct str text, struct buf *values)
{
	struct conf_errors *errors = conf_errors_new();
	struct conf_snapshot *s = conf_load_text(text, errors);
	bool ok = s != NULL;
	struct str rest, line;
	struct buf dump;
	size_t said = 0;

	conf_errors_each(errors, ignore, &said);
	if (!ok && said == 0)
		abort();
	buf_init(&dump);
	if (ok)
		conf_dump(s, &dump);
	rest = buf_view(&dump);
	while (rest.n > 0 && str_cut(&rest, '\n', &line))
		if (!str_starts(line, STR_OF("#")))
			buf_printf(values, "%.*s\n", STR_ARG(line));
	buf_fini(&dump);
	conf_free(s);
	conf_errors_free(errors);
	return ok;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf first, second;

	buf_init(&first);
	buf_init(&second);
	if (values_of(str_make((const char *)data, size), &first)) {
		if (!values_of(buf_view(&first), &second)) {
			fprintf(stderr, "refused:\n%s", buf_text(&first));
			abort();
		}
		if (!str_eq(buf_view(&first), buf_view(&second))) {
			fprintf(stderr, "--- first\n%s--- second\n%s", buf_text(&first),
			    buf_text(&second));
			abort();
		}
	}
	buf_fini(&first);
	buf_fini(&second);
	return 0;
}
