/* What every unit test needs: Check, and a main() that runs one suite and prints TAP. */

#ifndef UNIT_H
#define UNIT_H

#include <check.h>
#include <stdlib.h>

/*
 * Runs the suite and prints TAP on stdout, for prove. Returns the exit status of main(). Each test
 * runs in a process of its own, unless CK_FORK=no is set, as for a debugger.
 */
static inline int
unit_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
