/*
 * failing_memory: lets one allocation of the code under test fail. The linker sends malloc, calloc,
 * realloc, strdup and strndup of this program here (--wrap), and jansson's are sent here, too.
 */
#ifndef TESTS_UNIT_CORE_FAILING_MEMORY_H
#define TESTS_UNIT_CORE_FAILING_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

void failing_memory_init(void);
/* The n-th allocation from now on (0: the next) fails, that one only. */
void failing_memory_arm(size_t n);
/* Ends it; whether that allocation was ever asked for. */
bool failing_memory_disarm(void);
/* For an allocator that is not sent here by the linker: whether this one is to fail. */
bool failing_memory_refuses(void);

#endif
