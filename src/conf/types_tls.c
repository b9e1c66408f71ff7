/*
 * types_tls.c - what TLS is made with: pairs of files, files of certificates, names, secrets.
 */
#include "conf/file.h"
#include "conf/types.h"

enum {
	PEM_MAX = 64 * 1024 * 1024,	/* lists of revoked certificates are long */
	SECRET_MIN = 32,
};

/* A pair `cert.pem key.pem`, or NULL after an error. */
static struct conf_certificate *
read_pair(struct conf_parse *c, struct str text)
{
	struct conf_certificate *pair;
	struct conf_strs words;

	if (!conf_split(c, text, &words))
		return NULL;
	if (words.n == 1 && str_eq(words.v[0], STR_OF("auto"))) {
		conf_bad(c, "\"auto\" is not available in this version (use cert.pem key.pem)");
		return NULL;
	}
	if (words.n != 2 || !str_starts(words.v[0], STR_OF("/")) ||
	    !str_starts(words.v[1], STR_OF("/"))) {
		conf_bad(c, "\"%.*s\" is no certificate with its key (use /path/to/cert.pem"
		    " /path/to/key.pem)", STR_ARG(conf_shown(c, text)));
		return NULL;
	}
	pair = ARENA_NEW(c->arena, struct conf_certificate);
	pair->cert_path = arena_str(c->arena, words.v[0]);
	pair->key_path = arena_str(c->arena, words.v[1]);
	pair->title = arena_printf(c->arena, "%.*s %.*s",
	    STR_ARG(conf_section_title(c->document, c->section)), STR_ARG(c->line->key));
	pair->at = c->line->at;
	return pair;
}

bool
conf_certificate(struct conf_parse *c, struct str text, void *place)
{
	struct conf_certificate *pair = read_pair(c, text);

	if (pair != NULL)
		*(struct conf_certificate **)place = pair;
	return pair != NULL;
}

bool
conf_certificates(struct conf_parse *c, struct str text, void *place)
{
	struct conf_certificate *pair = read_pair(c, text);

	(void)place;
	if (pair != NULL)
		conf_item(c, &pair);
	return pair != NULL;
}

bool
conf_pem_file(struct conf_parse *c, struct str text, void *place)
{
	struct conf_pem *pem = place;
	const char *why = "not here";
	struct str content = { NULL, 0 };

	if (!conf_absolute_path(c, text, &pem->path))
		return false;
	if (!c->document->sandbox)
		content = conf_file_read(c->arena, pem->path.p, PEM_MAX, &why);
	if (content.p == NULL) {
		conf_bad(c, "%.*s: cannot be read: %s", STR_ARG(conf_shown(c, pem->path)), why);
		return false;
	}
	pem->content = content;
	return true;
}

bool
conf_ca_or_system(struct conf_parse *c, struct str text, void *place)
{
	if (!str_eq(text, STR_OF("system")))
		return conf_pem_file(c, text, place);
	*(struct conf_pem *)place = (struct conf_pem){ .path = { NULL, 0 } };
	return true;
}

/* Names of ciphers and the like are separated by blanks or, as OpenSSL wants it, by colons. */
bool
conf_names(struct conf_parse *c, struct str text, void *place)
{
	struct conf_strs words;
	struct buf list;

	if (!conf_split(c, text, &words))
		return false;
	buf_init(&list);
	for (unsigned i = 0; i < words.n; i++)
		buf_printf(&list, "%s%.*s", i > 0 ? ":" : "", STR_ARG(words.v[i]));
	*(struct str *)place = arena_str(c->arena, buf_view(&list));
	buf_fini(&list);
	return true;
}

bool
conf_tls_name(struct conf_parse *c, struct str text, void *place)
{
	struct str word;

	if (!conf_single(c, text, &word))
		return false;
	if (!conf_is_host(word)) {
		conf_bad(c, "\"%.*s\" is no name of a server (use app.example.com)",
		    STR_ARG(conf_shown(c, text)));
		return false;
	}
	*(struct str *)place = conf_lower(c, word);
	return true;
}

/* Only who knows the secret may make tickets: it must not be guessed. */
bool
conf_ticket_secret(struct conf_parse *c, struct str text, void *place)
{
	if (text.n < SECRET_MIN) {
		conf_bad(c, "is too short (at least %d bytes: openssl rand -base64 48)",
		    SECRET_MIN);
		return false;
	}
	return conf_text(c, text, place);
}
