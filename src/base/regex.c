/*
 * regex.c - PCRE2 patterns: compiled at load, matched with bounds.
 */
#include "base/regex.h"

#include <stdio.h>
#include <time.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/check.h"
#include "base/mem.h"

/*
 * What one search may take at most, so that no request can stop a worker with an expensive path.
 * Measured with ^(a|aa)+$, these are 0.2 ms with JIT and 0.8 ms without.
 */
enum {
	MATCH_LIMIT = 100000,
	DEPTH_LIMIT = 20000,			/* without JIT */
	HEAP_LIMIT_KIB = 8192,			/* without JIT */
	JIT_STACK_MIN_BYTES = 32 * 1024,
	JIT_STACK_MAX_BYTES = 1024 * 1024,
};

/*
 * The library counts anew at each byte where a match could begin, so those bounds alone let a path
 * of 8 KB take over a second.  Long subjects are searched in windows of such bytes, until the whole
 * search has taken its time.
 */
enum { WINDOW_BYTES = 64, SEARCH_MAX_US = 10000 };

struct regex {
	pcre2_code *code;
	pcre2_match_data *data;		/* a worker does one search at a time */
	uint32_t groups;
	bool anchored;			/* a match can only begin at the first byte */
};

/* For all patterns of the process, and never freed: where memory comes from, how searches run. */
static pcre2_general_context *memory;
static pcre2_match_context *context;

static void *
pcre_alloc(size_t n, void *unused)
{
	(void)unused;
	return mem_alloc(n);
}

static void
pcre_free(void *p, void *unused)
{
	(void)unused;
	mem_free(p);
}

/* With an allocator that does not fail, neither do the functions that make PCRE2's objects. */
static void
make_contexts(void)
{
	memory = pcre2_general_context_create(pcre_alloc, pcre_free, NULL);
	context = pcre2_match_context_create(memory);
	pcre2_set_match_limit(context, MATCH_LIMIT);
	pcre2_set_depth_limit(context, DEPTH_LIMIT);
	pcre2_set_heap_limit(context, HEAP_LIMIT_KIB);
	/* NULL, where there is no JIT, stands for none here too. */
	pcre2_jit_stack_assign(context, NULL,
	    pcre2_jit_stack_create(JIT_STACK_MIN_BYTES, JIT_STACK_MAX_BYTES, memory));
}

struct regex *
regex_new(struct str pattern, char *error, size_t error_size)
{
	const char *p = pattern.n > 0 ? pattern.p : "";
	PCRE2_UCHAR text[160];
	PCRE2_SIZE offset;
	struct regex *re;
	pcre2_code *compiled;
	uint32_t options;
	int code;

	compiled = pcre2_compile((PCRE2_SPTR)p, pattern.n,
	    PCRE2_NEVER_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_DOTALL | PCRE2_USE_OFFSET_LIMIT,
	    &code, &offset, NULL);
	if (compiled == NULL) {
		pcre2_get_error_message(code, text, sizeof(text));
		snprintf(error, error_size, "%s at offset %zu", (const char *)text, offset);
		return NULL;
	}
	if (context == NULL)
		make_contexts();
	pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
	re = MEM_NEW(struct regex);
	re->code = compiled;
	re->data = pcre2_match_data_create_from_pattern(compiled, memory);
	pcre2_pattern_info(compiled, PCRE2_INFO_CAPTURECOUNT, &re->groups);
	pcre2_pattern_info(compiled, PCRE2_INFO_ALLOPTIONS, &options);
	re->anchored = options & PCRE2_ANCHORED;
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

/* Looks for a match that begins at one of the bytes from `from` to `last`. */
static int
search(const struct regex *re, struct str subject, size_t from, size_t last)
{
	pcre2_set_offset_limit(context, last);
	return pcre2_match(re->code, (PCRE2_SPTR)subject.p, subject.n, from, 0, re->data, context);
}

static int64_t
cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int
search_windows(const struct regex *re, struct str subject)
{
	int64_t end_us = 0;
	int rc = PCRE2_ERROR_NOMATCH;

	for (size_t from = 0; from <= subject.n && rc == PCRE2_ERROR_NOMATCH;
	    from += WINDOW_BYTES) {
		/* What ends in the first window costs no look at the clock. */
		if (from == WINDOW_BYTES)
			end_us = cpu_us() + SEARCH_MAX_US;
		else if (from > WINDOW_BYTES && cpu_us() > end_us)
			return PCRE2_ERROR_MATCHLIMIT;
		rc = search(re, subject, from, from + WINDOW_BYTES - 1);
	}
	return rc;
}

enum regex_result
regex_match(const struct regex *re, struct str subject, struct str *groups, size_t max_groups)
{
	int rc;

	if (subject.p == NULL)
		subject = STR_OF("");
	if (re->anchored || subject.n < WINDOW_BYTES)
		rc = search(re, subject, 0, subject.n);
	else
		rc = search_windows(re, subject);
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

bool
regex_group_name(const struct regex *re, unsigned i, struct str *name)
{
	uint32_t count, size;
	const char *table;

	pcre2_pattern_info(re->code, PCRE2_INFO_NAMECOUNT, &count);
	pcre2_pattern_info(re->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
	pcre2_pattern_info(re->code, PCRE2_INFO_NAMETABLE, &table);
	if (i >= count)
		return false;
	*name = str_of(table + (size_t)i * size + 2);	/* behind the number */
	return true;
}

unsigned
regex_group_count(const struct regex *re)
{
	return re->groups;
}

void
regex_library(char *out, size_t size)
{
	char version[64] = "";	/* the library wants at least 24 bytes and knows no bound */

	if (pcre2_config(PCRE2_CONFIG_VERSION, NULL) <= (int)sizeof(version))
		pcre2_config(PCRE2_CONFIG_VERSION, version);
	snprintf(out, size, "PCRE2 %s", version);
}
