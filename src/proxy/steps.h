/*
 * steps.h - what an exchange goes through before its source starts.
 */
#ifndef USHERD_PROXY_STEPS_H
#define USHERD_PROXY_STEPS_H

struct exchange;

enum step_result {
	STEP_NEXT,
	STEP_WAIT,		/* a source that waits has been set: see exchange_continue() */
	STEP_DONE,		/* a source has started, or the exchange has failed */
};

struct step {
	const char *name;	/* stands in debug lines */
	enum step_result (*run)(struct exchange *x);
};

/* In their order; the last one always ends with STEP_DONE.  A NULL name ends the table. */
extern const struct step exchange_steps[];

#endif
