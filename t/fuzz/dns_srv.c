/* SRV records: whatever is read from an answer is a name of a host, and fits. */

#include <string.h>

#include "fuzz.h"
#include "net/dns_srv.h"

enum { ROOM = 8 };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_srv few[1], v[ROOM];
	uint32_t ttl_s;
	int n = dns_srv_parse(data, size, v, ROOM, &ttl_s);

	CHECK(n >= -1 && n <= ROOM);
	for (int i = 0; i < n; i++) {
		struct str target = str_of(v[i].target);

		CHECK(target.n > 0 && target.n < DNS_NAME && v[i].port != 0);
		CHECK(target.p[0] != '.' && target.p[target.n - 1] != '.');
		for (size_t k = 0; k < target.n; k++)
			CHECK(target.p[k] > ' ' && target.p[k] < 0x7f);
		CHECK(ttl_s <= INT32_MAX);
	}
	/* Less room changes neither the verdict nor what comes first. */
	CHECK(dns_srv_parse(data, size, few, 1, &ttl_s) == (n > 1 ? 1 : n));
	CHECK(n < 1 || strcmp(few[0].target, v[0].target) == 0);
	return 0;
}
