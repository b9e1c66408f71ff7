/* idn.c: A-labels.  Expected values: Python's codec "punycode", UTS 46, and names in use. */

#include "unit.h"

#include "conf/idn.h"

static const struct {
	const char *name;
	const char *ascii;		/* NULL: none */
} names[] = {
	{ "münchen.example", "xn--mnchen-3ya.example" },
	{ "MÜNCHEN.Example", "xn--mnchen-3ya.example" },
	{ "www.straße.test", "www.xn--strae-oqa.test" },
	{ "пример.испытание", "xn--e1afmkfd.xn--80akhbyknj4f" },
	{ "ПРИМЕР.ИСПЫТАНИЕ", "xn--e1afmkfd.xn--80akhbyknj4f" },
	{ "例え.テスト", "xn--r8jz45g.xn--zckzah" },
	{ "例子.测试", "xn--fsqu00a.xn--0zwm56d" },
	{ "παράδειγμα.δοκιμή", "xn--hxajbheg2az3al.xn--jxalpdlp" },
	{ "żółw.test", "xn--w-uga1v8h.test" },
	{ "ŻÓŁW.test", "xn--w-uga1v8h.test" },
	{ "ñ.test", "xn--ida.test" },
	{ "a.b", "a.b" },
	{ "ü.", "xn--tda." },
	{ "u\xcc\x88.test", "xn--tda.test" },	/* a combining mark, composed */
	{ "ｅｘ。test", "ex.test" },			/* full width */
	{ "\xe2\x80\xae.test", NULL },		/* a mark that turns text around */
	{ "m\xfcnchen.test", NULL },		/* no UTF-8 */
	{ "\xc3.test", NULL },
	{ "ääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääää.test", NULL },
};

START_TEST(labels)
{
	struct arena arena;
	struct str ascii;

	arena_init(&arena);
	ascii = idn_to_ascii(&arena, str_of(names[_i].name));
	if (names[_i].ascii == NULL)
		ck_assert_ptr_null(ascii.p);
	else
		ck_assert_str_eq(ascii.p, names[_i].ascii);
	arena_fini(&arena);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("idn");
	TCase *c = tcase_create("idn");

	tcase_add_loop_test(c, labels, 0, ARRAY_LEN(names));
	suite_add_tcase(s, c);
	return unit_run(s);
}
