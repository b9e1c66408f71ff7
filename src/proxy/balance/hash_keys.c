/*
 * hash_keys.c - what `balance = hash KEY` and `balance = ip_hash` go by.
 */
#include "proxy/balance/hash_keys.h"

#include <stdio.h>

#include "base/mem.h"
#include "proxy/balance/backend.h"
#include "proxy/exchange.h"
#include "proxy/text/template.h"

struct hash_keys {
	unsigned n;
	struct template **keys;		/* by backend index; NULL: no key */
};

struct hash_keys *
hash_keys_new(const struct conf_snapshot *snapshot, struct conf_errors *errors)
{
	struct hash_keys *h = MEM_NEW(struct hash_keys);
	size_t before = conf_errors_count(errors);
	char what[96];

	h->n = snapshot->nbackends;
	h->keys = mem_zalloc(h->n, sizeof(struct template *));
	for (unsigned i = 0; i < h->n; i++) {
		const struct conf_backend *b = snapshot->backends[i];

		if (b->balance != BALANCE_HASH)
			continue;
		snprintf(what, sizeof(what), "[backend %.*s] balance", STR_ARG(b->name));
		h->keys[i] = template_new(b->hash_key, errors, b->balance_at, what);
	}
	if (conf_errors_count(errors) == before)
		return h;
	hash_keys_free(h);
	return NULL;
}

void
hash_keys_free(struct hash_keys *h)
{
	if (h == NULL)
		return;
	for (unsigned i = 0; i < h->n; i++)
		template_free(h->keys[i]);
	mem_free(h->keys);
	mem_free(h);
}

uint64_t
hash_keys_eval(const struct hash_keys *h, const struct conf_backend *backend,
    const struct exchange *x)
{
	switch (backend->balance) {
	case BALANCE_HASH:
		return backend_hash_text(template_eval(h->keys[backend->index], x,
		    &x->stream->arena));
	case BALANCE_IP_HASH:
		return backend_hash_client(&x->client);
	default:
		return 0;
	}
}
