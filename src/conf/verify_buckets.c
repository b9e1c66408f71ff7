/*
 * verify_buckets.c - object storage: what a [bucket] needs, and keys that come in pairs.
 */
#include "conf/verify.h"

static bool
lacks(const struct conf_section *s, const char *key)
{
	return conf_section_line(s, str_of(key)) == NULL;
}

static void
missing(struct conf_document *d, const struct conf_section *s, const char *what,
    const char *remedy)
{
	conf_error(d->errors, s->at, "%.*s: has no %s (add %s)", STR_ARG(conf_section_title(d, s)),
	    what, remedy);
}

/* Only TLS keeps a body that is not signed from being changed on its way. */
static void
warn_unsigned_body(struct conf_document *d, const struct conf_bucket *b,
    const struct conf_section *s)
{
	if (b->write && b->server != NULL && b->server->scheme != SCHEME_HTTPS)
		conf_warning(d->errors, conf_section_line(s, STR_OF("write"))->at, "%.*s write:"
		    " what is written passes unprotected, as bodies are not signed (use an"
		    " endpoint with https://)", STR_ARG(conf_section_title(d, s)));
}

/* The star of a certificate stands for one label (RFC 9525, 6.3). */
static void
warn_uncovered(struct conf_document *d, const struct conf_bucket *b, const struct conf_section *s)
{
	if (b->backend->tls_name.p != NULL && b->backend->tls_verify &&
	    str_find(b->bucket, '.') >= 0)
		conf_warning(d->errors, conf_section_line(s, STR_OF("style"))->at, "%.*s style:"
		    " no wildcard certificate is for %.*s, as the bucket's name has a dot (use"
		    " style = path)", STR_ARG(conf_section_title(d, s)),
		    STR_ARG(b->backend->tls_name));
}

void
conf_verify_buckets(struct conf_whole *w)
{
	const struct conf_snapshot *shot = &w->snapshot;
	struct conf_document *d = &w->document;

	for (unsigned i = 0; i < shot->nbuckets; i++) {
		const struct conf_bucket *b = shot->buckets[i];
		const struct conf_section *s = conf_document_find(d, KIND_BUCKET, b->name);

		if (lacks(s, "endpoint"))
			missing(d, s, "address of the store", "endpoint = https://s3.example.com");
		if (lacks(s, "name"))
			missing(d, s, "bucket", "name = BUCKET");
		if (lacks(s, "access_key") && !lacks(s, "secret_key"))
			missing(d, s, "access_key for its secret_key", "access_key = ID");
		if (lacks(s, "secret_key") && !lacks(s, "access_key"))
			missing(d, s, "secret_key for its access_key", "secret_key = @/path");
		if (lacks(s, "access_key") && !lacks(s, "session_token"))
			missing(d, s, "access_key for its session_token", "access_key = ID");
		warn_unsigned_body(d, b, s);
		warn_uncovered(d, b, s);
	}
}
