/*
 * regex.c - PCRE2 patterns: compiled at load, matched with bounds.
 */
#include "base/regex.h"

#include <stdio.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/check.h"
#include "base/mem.h"

/*
 * What one search may take at most, so that no request can stop a worker with an expensive path:
 * about a millisecond of backtracking where nothing else bounds it.
 */
enum {
	MATCH_LIMIT = 100000,
	DEPTH_LIMIT = 20000,			/* without JIT */
	HEAP_LIMIT_KIB = 8192,			/* without JIT */
	JIT_STACK_MIN_BYTES = 32 * 1024,
	JIT_STACK_MAX_BYTES = 1024 * 1024,
};

struct regex {
	pcre2_code *code;
	pcre2_match_data *data;		/* a worker does one search at a time */
	uint32_t groups;
};

/* Limits and stack for all searches of the process; lives as long as that. */
static pcre2_match_context *context;
static pcre2_jit_stack *jit_stack;

static void
make_context(void)
{
	context = pcre2_match_context_create(NULL);
	jit_stack = pcre2_jit_stack_create(JIT_STACK_MIN_BYTES, JIT_STACK_MAX_BYTES, NULL);
	if (context == NULL)
		return;
	pcre2_set_match_limit(context, MATCH_LIMIT);
	pcre2_set_depth_limit(context, DEPTH_LIMIT);
	pcre2_set_heap_limit(context, HEAP_LIMIT_KIB);
	if (jit_stack != NULL)
		pcre2_jit_stack_assign(context, NULL, jit_stack);
}

struct regex *
regex_new(struct str pattern, char *error, size_t error_size)
{
	const char *p = pattern.n > 0 ? pattern.p : "";
	struct regex *re;
	PCRE2_UCHAR text[160];
	PCRE2_SIZE offset;
	int code;

	re = MEM_NEW(struct regex);
	re->code = pcre2_compile((PCRE2_SPTR)p, pattern.n, PCRE2_NEVER_UTF | PCRE2_DOLLAR_ENDONLY,
	    &code, &offset, NULL);
	if (re->code == NULL) {
		pcre2_get_error_message(code, text, sizeof(text));
		snprintf(error, error_size, "%s at offset %zu", (const char *)text, offset);
		regex_free(re);
		return NULL;
	}
	pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE);
	pcre2_pattern_info(re->code, PCRE2_INFO_CAPTURECOUNT, &re->groups);
	re->data = pcre2_match_data_create_from_pattern(re->code, NULL);
	if (context == NULL)
		make_context();
	if (re->data == NULL || context == NULL) {
		snprintf(error, error_size, "out of memory");
		regex_free(re);
		return NULL;
	}
	return re;
}

void
regex_free(struct regex *re)
{
	if (re == NULL)
		return;
	pcre2_match_data_free(re->data);
	pcre2_code_free(re->code);
	mem_free(re);
}

static struct str
group(const struct regex *re, struct str subject, size_t i)
{
	const PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(re->data) + 2 * i;

	/* \K can put the start of the match behind its end. */
	if (i > re->groups || bounds[0] == PCRE2_UNSET || bounds[0] > bounds[1])
		return str_make(NULL, 0);
	return str_make(subject.p + bounds[0], bounds[1] - bounds[0]);
}

enum regex_result
regex_match(const struct regex *re, struct str subject, struct str *groups, size_t max_groups)
{
	int rc;

	if (subject.p == NULL)
		subject = STR_OF("");
	rc = pcre2_match(re->code, (PCRE2_SPTR)subject.p, subject.n, 0, 0, re->data, context);
	if (rc == PCRE2_ERROR_NOMATCH)
		return REGEX_NO;
	if (rc < 0)
		return REGEX_LIMIT;
	for (size_t i = 0; groups != NULL && i < max_groups; i++)
		groups[i] = group(re, subject, i);
	return REGEX_YES;
}

int
regex_group(const struct regex *re, struct str name)
{
	char text[64];
	int number;

	if (name.n >= sizeof(text) || str_find(name, '\0') >= 0)
		return -1;
	if (name.n > 0)
		memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	number = pcre2_substring_number_from_name(re->code, (PCRE2_SPTR)text);
	return number > 0 ? number : -1;
}

unsigned
regex_group_count(const struct regex *re)
{
	return re->groups;
}
