/* pair: two stores behind one log, for cmocka_unit_test_setup_teardown: *state is the pair. */
#ifndef TESTS_UNIT_STORE_PAIR_H
#define TESTS_UNIT_STORE_PAIR_H

#include "tests/unit/store/support.h"

struct pair {
  struct world a, b;
};

int pair_set_up(void **state); /* not opened yet */
int pair_tear_down(void **state);

#endif
