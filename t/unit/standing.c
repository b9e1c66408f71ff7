/* standing.c: in what state a server is, and who says so. */

#include "unit.h"

#include <string.h>

#include "base/clock.h"
#include "proxy/servers/standing.h"

enum { NO_ADDRESS = 1, EJECTED = 2, EJECTED_BEFORE = 4 };

START_TEST(words)
{
	static const struct {
		enum shm_order order;
		unsigned flags, special;
		enum shm_health health;
		enum shm_finding finding;
		const char *state, *by, *reason;
		bool up;
	} cases[] = {
		{ ORDER_NONE, 0, 0, HEALTH_UNCHECKED, FOUND_NOTHING, "up", "config", "", true },
		{ ORDER_NONE, 0, 0, HEALTH_UP, FOUND_OK, "up", "check", "", true },
		{ ORDER_NONE, 0, 0, HEALTH_UP, FOUND_STATUS, "up", "check", "", true },
		{ ORDER_NONE, 0, 0, HEALTH_DOWN, FOUND_STATUS, "down", "check", "status", false },
		{ ORDER_NONE, 0, 0, HEALTH_DOWN, FOUND_OK, "down", "check", "rising", false },
		{ ORDER_NONE, 0, EJECTED, HEALTH_UP, FOUND_OK, "ejected", "eject", "", false },
		{ ORDER_NONE, 0, EJECTED_BEFORE, HEALTH_UP, FOUND_OK, "up", "check", "", true },
		{ ORDER_NONE, 0, EJECTED, HEALTH_DOWN, FOUND_BODY, "down", "check", "body", false },
		{ ORDER_NONE, 0, NO_ADDRESS, HEALTH_DOWN, FOUND_DNS, "unresolved", "dns", "",
		  false },
		{ ORDER_NONE, MEMBER_DOWN, 0, HEALTH_UP, FOUND_OK, "down", "config", "", false },
		{ ORDER_ENABLE, MEMBER_DOWN, 0, HEALTH_UP, FOUND_OK, "up", "usherctl", "", true },
		{ ORDER_ENABLE, 0, 0, HEALTH_DOWN, FOUND_TIMEOUT, "down", "check", "timeout",
		  false },
		{ ORDER_DRAIN, 0, 0, HEALTH_DOWN, FOUND_OK, "draining", "usherctl", "", false },
		{ ORDER_DISABLE, MEMBER_DOWN, EJECTED, HEALTH_UP, FOUND_OK, "disabled", "usherctl",
		  "", false },
	};
	static struct shm_server server;

	clock_update();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct shm_member member = { .flags = (uint16_t)cases[i].flags };
		struct standing s;

		server.addr.len = cases[i].special & NO_ADDRESS ? 0 : sizeof(server.addr.in);
		server.order = cases[i].order;
		server.health = cases[i].health;
		server.look.finding = cases[i].finding;
		server.ejected_until_ms = cases[i].special & EJECTED ? clock_ms() + 1000 :
		    cases[i].special & EJECTED_BEFORE ? clock_ms() - 1000 : 0;
		s = standing_of(&server, &member);
		ck_assert_msg(strcmp(s.state, cases[i].state) == 0 &&
		    strcmp(s.by, cases[i].by) == 0 && strcmp(s.reason, cases[i].reason) == 0 &&
		    s.up == cases[i].up, "case %zu: %s by %s: %s", i, s.state, s.by, s.reason);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("standing");
	TCase *t = tcase_create("standing");

	tcase_add_test(t, words);
	suite_add_tcase(s, t);
	return unit_run(s);
}
