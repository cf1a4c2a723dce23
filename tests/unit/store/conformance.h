/* conformance: what every engine must do, seen through store.h. One suite, stamped onto each
 * engine. */
#ifndef TESTS_UNIT_STORE_CONFORMANCE_H
#define TESTS_UNIT_STORE_CONFORMANCE_H

#include "tests/unit/store/support.h"

/* Runs all of it on stores of one kind; returns how many tests failed. */
int conformance_run(const char *kind);
int conformance_run_retention(const char *kind);

int conformance_setup(void **state);
int conformance_teardown(void **state);
extern const char *conformance_kind;

#define CONFORMANCE_TEST(test)                                                                     \
  cmocka_unit_test_setup_teardown(test, conformance_setup, conformance_teardown)

#endif
