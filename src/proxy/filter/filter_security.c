/*
 * filter_security.c - the fields of `preset = security`: what browsers should not do.
 */
#include "proxy/exchange.h"
#include "proxy/filter/filter.h"

/* A server that says one of these itself knows better. */
static const struct {
	struct str name;
	struct str value;
	bool only_https;		/* RFC 6797, 7.2 */
} advice[] = {
	{ STR("Strict-Transport-Security"), STR("max-age=31536000"), true },
	{ STR("X-Content-Type-Options"), STR("nosniff"), false },
	{ STR("X-Frame-Options"), STR("SAMEORIGIN"), false },
	{ STR("Referrer-Policy"), STR("strict-origin-when-cross-origin"), false },
	{ STR("Permissions-Policy"), STR("camera=(), geolocation=(), microphone=()"), false },
};

static bool
has_preset(const struct conf_policy *p)
{
	for (unsigned i = 0; i < p->nheaders; i++)
		for (unsigned k = 0; k < p->headers[i]->npresets; k++)
			if (p->headers[i]->presets[k] == PRESET_SECURITY)
				return true;
	return false;
}

static bool
add_advice(struct exchange *x, struct response *r, struct filter_node *node)
{
	bool https = str_eq(x->scheme, STR_OF("https"));

	(void)node;
	if (r->status < 200 || !has_preset(x->policy))
		return false;
	for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++) {
		if (advice[i].only_https && !https) {
			fields_remove_name(&r->fields, advice[i].name);
			continue;
		}
		if (fields_find_name(&r->fields, advice[i].name) == NULL)
			fields_add(&r->fields, advice[i].name, advice[i].value);
	}
	return false;
}

const struct filter filter_security = { "security", add_advice, NULL, NULL, NULL };
