/* Configurations in tests: text in, snapshot and messages out. */

#ifndef CONF_TEXT_H
#define CONF_TEXT_H

#include "base/buf.h"
#include "conf/whole.h"

struct loaded {
	struct conf_snapshot *s;	/* NULL after errors */
	struct buf messages;		/* a line each */
};

static inline void
conf_text_message(void *arg, bool is_error, const char *line)
{
	(void)is_error;
	buf_printf(arg, "%s\n", line);
}

static inline struct loaded
conf_text_result(struct conf_snapshot *s, struct conf_errors *errors)
{
	struct loaded l = { .s = s };

	buf_init(&l.messages);
	conf_errors_each(errors, conf_text_message, &l.messages);
	buf_text(&l.messages);
	conf_errors_free(errors);
	return l;
}

/* From memory: neither files nor the environment are read. */
static inline struct loaded
conf_text_load(struct str text)
{
	struct conf_errors *errors = conf_errors_new();

	return conf_text_result(conf_load_text(text, errors), errors);
}

static inline struct loaded
conf_text_load_file(const char *path)
{
	struct conf_errors *errors = conf_errors_new();

	return conf_text_result(conf_load(path, NULL, 0, errors), errors);
}

static inline void
conf_text_free(struct loaded *l)
{
	conf_free(l->s);
	buf_fini(&l->messages);
}

/* A valid configuration as it goes on behind `text`. */
#define REST	"\n[listen web]\nbind = 8080\n[route all]\npath = /*\nbackend = app\n" \
		"[backend app]\nserver = 127.0.0.1:3000\n"

/* The messages of a text are exactly these lines. */
#define ck_messages(text, wanted) do { \
	struct loaded loaded_ = conf_text_load(text); \
	ck_assert_str_eq(buf_text(&loaded_.messages), wanted); \
	conf_text_free(&loaded_); \
} while (0)

#endif
