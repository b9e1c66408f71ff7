/*
 * accept.c - which media type a client likes best: RFC 9110, 12.5.1.
 */
#include "http/accept.h"

#include "http/negotiate.h"

/* How well a range fits a type; 0: not at all. */
enum { FITS_ANY = 1, FITS_MAJOR, FITS_EXACTLY };

static int
fit(struct str major, struct str minor, struct str type)
{
	struct str type_major, star = STR("*");

	str_cut(&type, '/', &type_major);
	if (str_eq(major, star))
		return str_eq(minor, star) ? FITS_ANY : 0;
	if (!str_ieq(major, type_major))
		return 0;
	if (str_eq(minor, star))
		return FITS_MAJOR;
	return str_ieq(minor, type) ? FITS_EXACTLY : 0;
}

/* The weight of one type in thousandths; -1 if no range fits. */
static int
weight(const struct fields *request, struct str type)
{
	int best_fit = 0, best = -1;

	FIELDS_EACH(f, request) {
		struct str rest = f->value, element;

		if (f->id != FIELD_ACCEPT)
			continue;
		while (str_cut(&rest, ',', &element)) {
			struct str major, minor;
			int permille, fits;

			str_cut(&element, '/', &major);
			if (!negotiate_element(element, &minor, &permille))
				continue;
			fits = fit(str_trim(major), minor, type);
			if (fits > best_fit) {
				best_fit = fits;
				best = permille;
			}
		}
	}
	return best;
}

unsigned
accept_choose(const struct fields *request, const struct str *types, unsigned n)
{
	unsigned best = 0;
	int best_weight = 0;

	for (unsigned i = 0; i < n; i++) {
		int w = weight(request, types[i]);

		if (w > best_weight) {
			best_weight = w;
			best = i;
		}
	}
	return best;
}
