/*
 * verify_files.c - keys about files, where no files are sent.
 */
#include "conf/inherit.h"
#include "conf/settings.h"
#include "conf/table.h"
#include "conf/verify.h"

static bool
is_files_key(struct str key)
{
	return str_eq(key, STR_OF("try_files")) || str_eq(key, STR_OF("autoindex")) ||
	    str_eq(key, STR_OF("precompressed")) || str_eq(key, STR_OF("expires")) ||
	    str_eq(key, STR_OF("index"));
}

static void
warn_idle_keys(struct conf_whole *w, const struct conf_section *s)
{
	struct conf_document *d = &w->document;

	for (const struct conf_setting *set = s->settings; set != NULL; set = set->next)
		if (is_files_key(set->row->key) && !conf_repeats(w, s, set))
			conf_warning(d->errors, set->at, "%.*s %.*s: has no effect (it is for"
			    " routes with files = DIRECTORY)",
			    STR_ARG(conf_section_title(d, s)), STR_ARG(set->row->key));
}

void
conf_verify_files(struct conf_whole *w)
{
	const struct conf_snapshot *shot = &w->snapshot;

	for (unsigned i = 0; i < shot->nroutes; i++) {
		const struct conf_route *r = shot->routes[i];
		const struct conf_section *s;

		s = conf_document_find(&w->document, KIND_ROUTE, r->name);
		if (s != NULL && r->action != ACTION_FILES && r->action != ACTION_NONE)
			warn_idle_keys(w, s);
	}
}
