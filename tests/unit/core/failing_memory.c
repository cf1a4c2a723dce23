/* failing_memory: see failing_memory.h. */
#include "tests/unit/core/failing_memory.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *s);

static atomic_bool is_armed, has_failed;
static atomic_size_t left; /* of whatever thread asks first */

static bool fails(void) {
  if (!atomic_load(&is_armed) || atomic_load(&has_failed))
    return false;
  bool is_it = atomic_fetch_sub(&left, 1) == 0;
  if (is_it)
    atomic_store(&has_failed, true);
  return is_it;
}

void *__wrap_malloc(size_t size) {
  return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
  return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size) {
  return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *s) {
  size_t size = strlen(s) + 1;
  char *copy = fails() ? NULL : __real_malloc(size);
  return copy != NULL ? memcpy(copy, s, size) : NULL;
}

void failing_memory_init(void) {
  json_set_alloc_funcs(__wrap_malloc, free);
}

void failing_memory_arm(size_t n) {
  left = n;
  has_failed = false;
  is_armed = true;
}

bool failing_memory_disarm(void) {
  is_armed = false;
  return has_failed;
}
