/*
 * idn.c - internationalised host names as they stand in requests: by libidn2.
 */
#include "conf/idn.h"

#include <idn2.h>
#include <string.h>

bool
idn_is_needed(struct str name)
{
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] >= 0x80)
			return true;
	return false;
}

struct str
idn_to_ascii(struct arena *arena, struct str name)
{
	struct str text = arena_str(arena, name), ascii = { NULL, 0 };
	char *out;

	if (strlen(text.p) == text.n && idn2_to_ascii_8z(text.p, &out,
	    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK) {
		ascii = arena_str(arena, str_of(out));
		idn2_free(out);
	}
	return ascii;
}
