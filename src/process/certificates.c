/*
 * certificates.c - the certificates that the master holds, by their files.
 */
#include "process/certificates.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "process/cert_files.h"
#include "process/cert_parcel.h"

#define DAY_MS		((msec)24 * 60 * 60 * 1000)
#define NOT_WARNED	INT32_MAX

/* Days before the end at which a certificate is worth a line; 0: it has ended. */
static const int warn_days[] = { 0, 1, 7, 30 };

struct certificate_pair {
	struct link link;		/* in certificates.pairs */
	unsigned users;			/* sets */
	struct str id;			/* both paths and the passphrase */
	const char *chain_path;		/* these point into id */
	const char *key_path;
	struct str passphrase;
	struct tls_cert *cert;		/* the last that was fit; NULL: none yet */
	uint8_t digest[DIGEST_SHA256];	/* of the text that it came from */
	char *error;			/* paths, and why what stands there is not; NULL: it is */
	uint8_t refused[DIGEST_SHA256];	/* that text */
	struct cert_stamps stamps;	/* of the files when they were last read */
	bool settled;			/* the same stamps will mean the same text */
	uint64_t look;			/* the last one that saw it */
	uint64_t version;		/* of the last replacement; 0: none */
	struct cert_text text;		/* of the replacement, while workers may need it */
	int warned_days;		/* the last warning about its end */
};

struct certificates {
	struct link pairs;
	struct link sets;
	uint64_t look;			/* number of the one that is under way */
	uint64_t version;
};

enum finding { SAME, REPLACED, BROKEN };

struct certificates *
certificates_new(void)
{
	struct certificates *all = MEM_NEW(struct certificates);

	link_init(&all->pairs);
	link_init(&all->sets);
	return all;
}

void
certificates_free(struct certificates *all)
{
	if (all == NULL)
		return;
	CHECK(link_empty(&all->pairs));
	mem_free(all);
}

/* ---- one pair */

/* The paths and the passphrase, each with a NUL behind it. */
static struct str
make_id(const struct conf_certificate *c)
{
	struct buf b;

	buf_init(&b);
	buf_str(&b, c->cert_path);
	buf_char(&b, '\0');
	buf_str(&b, c->key_path);
	buf_char(&b, '\0');
	/* None is not the same as an empty one. */
	if (c->passphrase.p != NULL) {
		buf_str(&b, c->passphrase);
		buf_char(&b, '\0');
	}
	return buf_view(&b);
}

static void
free_id(struct str id)
{
	explicit_bzero((char *)id.p, id.n);
	mem_free((char *)id.p);
}

static struct certificate_pair *
pair_new(struct str id, const struct conf_certificate *c)
{
	struct certificate_pair *p = MEM_NEW(struct certificate_pair);

	link_init(&p->link);
	p->id = id;
	p->chain_path = id.p;
	p->key_path = id.p + c->cert_path.n + 1;
	if (c->passphrase.p != NULL)
		p->passphrase = str_make(p->key_path + c->key_path.n + 1, c->passphrase.n);
	p->warned_days = NOT_WARNED;
	return p;
}

static void
pair_free(struct certificate_pair *p)
{
	link_remove(&p->link);
	tls_cert_unref(p->cert);
	cert_text_fini(&p->text);
	mem_free(p->error);
	free_id(p->id);
	mem_free(p);
}

static void
accept_text(struct certificate_pair *p)
{
	mem_free(p->error);
	p->error = NULL;
}

/* `error` names a path, or is about both files. */
static enum finding
refuse(struct certificate_pair *p, const struct cert_text *t, bool about_both, const char *error)
{
	struct buf b;

	buf_init(&b);
	if (about_both)
		buf_printf(&b, "%s %s: ", p->chain_path, p->key_path);
	buf_cstr(&b, error);
	mem_free(p->error);
	p->error = buf_text(&b);
	memcpy(p->refused, t->digest, sizeof(p->refused));
	return BROKEN;
}

static bool
host_shows(const struct conf_host *h, unsigned index)
{
	for (unsigned i = 0; i < h->ncertificates; i++) {
		if (h->certificates[i]->index == index)
			return true;
	}
	return false;
}

/* A name of a host that shows the certificate with that number but is not covered by `cert`. */
static struct str
uncovered_name(const struct conf_snapshot *s, unsigned index, const struct tls_cert *cert)
{
	for (unsigned i = 0; i < s->nhosts; i++) {
		const struct conf_host *h = s->hosts[i];

		for (unsigned j = 0; j < h->names.n && host_shows(h, index); j++) {
			if (!tls_cert_covers(cert, h->names.v[j]))
				return h->names.v[j];
		}
	}
	return str_of(NULL);
}

/* Whether `cert` can take the place of the pair's; what a first one is for, proxy/ checks. */
static bool
can_replace(const struct certificates *all, const struct certificate_pair *p,
    const struct tls_cert *cert, char error[TLS_ERROR_TEXT])
{
	const struct certificate_set *newest;
	msec end = tls_cert_not_after_wall_ms(cert);

	if (p->cert == NULL || link_empty(&all->sets))
		return true;
	if (end <= clock_wall_ms() && end <= tls_cert_not_after_wall_ms(p->cert)) {
		snprintf(error, TLS_ERROR_TEXT, "has expired already");
		return false;
	}
	if (tls_cert_not_before_wall_ms(cert) > clock_wall_ms()) {
		snprintf(error, TLS_ERROR_TEXT, "is not valid yet");
		return false;
	}
	newest = CONTAINER_OF(all->sets.prev, struct certificate_set, link);
	for (unsigned i = 0; i < newest->n; i++) {
		struct str name;

		if (newest->v[i] != p)
			continue;
		name = uncovered_name(newest->snapshot, i, cert);
		if (name.p == NULL)
			return true;
		snprintf(error, TLS_ERROR_TEXT, "does not cover the name %.200s", name.p);
		return false;
	}
	return true;
}

/* Parses what is new; the text moves to the pair if workers have to be told. */
static enum finding
replace(const struct certificates *all, struct certificate_pair *p, struct cert_text *t)
{
	char error[TLS_ERROR_TEXT];
	struct tls_cert *cert = tls_cert_new(buf_view(&t->chain), buf_view(&t->key),
	    p->passphrase, error);

	if (cert == NULL || !can_replace(all, p, cert, error)) {
		tls_cert_unref(cert);
		return refuse(p, t, true, error);
	}
	accept_text(p);
	memcpy(p->digest, t->digest, sizeof(p->digest));
	if (p->cert != NULL) {
		cert_text_fini(&p->text);
		p->text = *t;
		*t = (struct cert_text){ .chain = { NULL, 0, 0 }, .key = { NULL, 0, 0 } };
	}
	tls_cert_unref(p->cert);
	p->cert = cert;
	p->warned_days = NOT_WARNED;
	return REPLACED;
}

/* Reads the files if they may have changed.  *is_new: it was not BROKEN in this way before. */
static enum finding
examine(const struct certificates *all, struct certificate_pair *p, bool *is_new)
{
	struct cert_stamps stamps;
	struct cert_text text;
	char error[CERT_ERROR];
	enum finding found;

	*is_new = false;
	cert_stamps_take(&stamps, p->chain_path, p->key_path);
	if (p->settled && cert_stamps_same(&stamps, &p->stamps))
		return p->error != NULL ? BROKEN : SAME;
	p->stamps = stamps;
	p->settled = cert_stamps_settled(&stamps, (time_t)(clock_wall_ms() / 1000));

	found = cert_text_read(&text, p->chain_path, p->key_path, error) == -1 ? BROKEN : SAME;
	if (p->error != NULL && memcmp(text.digest, p->refused, sizeof(p->refused)) == 0) {
		found = BROKEN;
	} else if (found == BROKEN) {
		*is_new = true;
		refuse(p, &text, false, error);
	} else if (p->cert != NULL && memcmp(text.digest, p->digest, sizeof(p->digest)) == 0) {
		accept_text(p);
	} else {
		*is_new = true;
		found = replace(all, p, &text);
	}
	cert_text_fini(&text);
	/* What was wrong may be outside of the files, such as a right to read them. */
	if (p->error != NULL)
		p->settled = false;
	return found;
}

/* ---- the set of a configuration */

static void
index_pairs(const struct certificates *all, struct map *map)
{
	map_init(map);
	LIST_EACH(link, &all->pairs) {
		struct certificate_pair *p = CONTAINER_OF(link, struct certificate_pair, link);

		map_add(map, p->id, p);
	}
}

static struct certificate_pair *
find_pair(struct certificates *all, struct map *map, const struct conf_certificate *c)
{
	struct str id = make_id(c);
	struct certificate_pair *p = map_get(map, id);

	if (p != NULL) {
		free_id(id);
		return p;
	}
	p = pair_new(id, c);
	list_append(&all->pairs, &p->link);
	map_add(map, p->id, p);
	return p;
}

/* A replacement is something that workers have to be told of. */
static void
note_change(struct certificates *all, struct certificate_pair *p)
{
	if (p->text.chain.p != NULL)
		p->version = ++all->version;
}

static void
report(const struct certificate_pair *p, const struct conf_certificate *c,
    struct conf_errors *errors)
{
	if (p->cert == NULL)
		conf_error(errors, c->at, "%s: %s", c->title.p, p->error);
	else
		conf_warning(errors, c->at, "%s: %s (the one before stays in use)",
		    c->title.p, p->error);
}

void
certificates_take(struct certificates *all, const struct conf_snapshot *s,
    struct certificate_set *set, struct conf_errors *errors)
{
	struct map map;
	bool is_new;

	*set = (struct certificate_set){ .all = all, .snapshot = s, .n = s->ncertificates };
	link_init(&set->link);
	list_append(&all->sets, &set->link);
	set->v = mem_zalloc(set->n, sizeof(*set->v));
	set->store = tls_store_new(set->n);
	index_pairs(all, &map);
	for (unsigned i = 0; i < set->n; i++) {
		const struct conf_certificate *c = s->certificates[i];
		struct certificate_pair *p = find_pair(all, &map, c);

		set->v[i] = p;
		p->users++;
		/* What was wrong with it need not be so for this configuration. */
		accept_text(p);
		switch (examine(all, p, &is_new)) {
		case SAME:
			break;
		case REPLACED:
			note_change(all, p);
			break;
		case BROKEN:
			report(p, c, errors);
			break;
		}
		if (p->cert != NULL)
			tls_store_set(set->store, i, p->cert);
	}
	map_fini(&map);
}

void
certificates_give(struct certificate_set *set)
{
	if (set->store == NULL)
		return;
	for (unsigned i = 0; i < set->n; i++) {
		if (--set->v[i]->users == 0)
			pair_free(set->v[i]);
	}
	mem_free(set->v);
	tls_store_free(set->store);
	link_remove(&set->link);
	*set = (struct certificate_set){ .n = 0 };
}

void
certificate_set_refresh(struct certificate_set *set,
    void (*renew)(void *arg, unsigned index, struct tls_cert *cert), void *arg)
{
	for (unsigned i = 0; i < set->n; i++) {
		struct tls_cert *cert = set->v[i]->cert;

		if (cert == NULL || tls_store_get(set->store, i) == cert)
			continue;
		tls_store_set(set->store, i, cert);
		renew(arg, i, cert);
	}
}

bool
certificate_set_changed(const struct certificate_set *set, unsigned index, uint64_t version)
{
	return set->v[index]->version > version;
}

int
certificate_set_parcel(const struct certificate_set *set, unsigned index)
{
	return cert_parcel_make(&set->v[index]->text);
}

/* ---- all of them */

/* The day that a certificate ends, as 2026-01-31. */
static const char *
end_date(const struct tls_cert *cert, char text[16])
{
	time_t end = (time_t)(tls_cert_not_after_wall_ms(cert) / 1000);
	struct tm tm;

	if (gmtime_r(&end, &tm) == NULL || strftime(text, 16, "%Y-%m-%d", &tm) == 0)
		return "a far day";
	return text;
}

static void
log_finding(const struct certificate_pair *p, enum finding found)
{
	char date[16];

	if (found == REPLACED)
		log_notice("certificate %s: renewed, ends on %s", p->chain_path,
		    end_date(p->cert, date));
	else if (found == BROKEN)
		log_warn("certificate %s; the one before stays in use", p->error);
}

bool
certificates_look_on(struct certificates *all, int64_t turn_us)
{
	int64_t end_us = clock_read_us() + turn_us;
	bool is_new, any = false;

	LIST_EACH(link, &all->pairs) {
		struct certificate_pair *p = CONTAINER_OF(link, struct certificate_pair, link);
		enum finding found;

		if (p->look == all->look)
			continue;
		if (any && clock_read_us() >= end_us)
			return false;
		any = true;
		p->look = all->look;
		found = examine(all, p, &is_new);
		if (found == REPLACED)
			note_change(all, p);
		if (is_new)
			log_finding(p, found);
	}
	return true;
}

bool
certificates_look(struct certificates *all, int64_t turn_us)
{
	all->look++;
	return certificates_look_on(all, turn_us);
}

/* The smallest limit that so many milliseconds are within, or NOT_WARNED. */
static int
days_limit(msec left_ms)
{
	for (size_t i = 0; i < ARRAY_LEN(warn_days); i++) {
		if (left_ms <= warn_days[i] * DAY_MS)
			return warn_days[i];
	}
	return NOT_WARNED;
}

void
certificates_warn_of_expiry(struct certificates *all, msec wall_ms)
{
	char date[16];

	LIST_EACH(link, &all->pairs) {
		struct certificate_pair *p = CONTAINER_OF(link, struct certificate_pair, link);
		msec left_ms;
		int limit;

		if (p->cert == NULL)
			continue;
		left_ms = tls_cert_not_after_wall_ms(p->cert) - wall_ms;
		limit = days_limit(left_ms);
		if (limit >= p->warned_days)
			continue;
		p->warned_days = limit;
		if (limit == 0)
			log_error("certificate %s: ended on %s", p->chain_path,
			    end_date(p->cert, date));
		else
			log_warn("certificate %s: ends in less than %d day%s, on %s",
			    p->chain_path, limit, limit == 1 ? "" : "s", end_date(p->cert, date));
	}
}

void
certificates_each_path(const struct certificates *all,
    void (*call)(void *arg, const char *path), void *arg)
{
	LIST_EACH(link, &all->pairs) {
		const struct certificate_pair *p = CONTAINER_OF(link, struct certificate_pair,
		    link);

		call(arg, p->chain_path);
		call(arg, p->key_path);
	}
}

uint64_t
certificates_version(const struct certificates *all)
{
	return all->version;
}

void
certificates_forget_parcels(struct certificates *all, uint64_t version)
{
	LIST_EACH(link, &all->pairs) {
		struct certificate_pair *p = CONTAINER_OF(link, struct certificate_pair, link);

		if (p->version <= version)
			cert_text_fini(&p->text);
	}
}
