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
char *__wrap_strndup(const char *s, size_t max);

static atomic_bool is_armed, has_failed;
static atomic_size_t left; /* of whatever thread asks first */

bool failing_memory_refuses(void) {
  if (!atomic_load(&is_armed) || atomic_load(&has_failed))
    return false;
  bool is_it = atomic_fetch_sub(&left, 1) == 0;
  if (is_it)
    atomic_store(&has_failed, true);
  return is_it;
}

void *__wrap_malloc(size_t size) {
  return failing_memory_refuses() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
  return failing_memory_refuses() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size) {
  return failing_memory_refuses() ? NULL : __real_realloc(old, size);
}

static char *copy_of(const char *s, size_t len) {
  char *copy = failing_memory_refuses() ? NULL : __real_malloc(len + 1);
  if (copy == NULL)
    return NULL;
  memcpy(copy, s, len);
  copy[len] = '\0';
  return copy;
}

char *__wrap_strdup(const char *s) {
  return copy_of(s, strlen(s));
}

char *__wrap_strndup(const char *s, size_t max) {
  return copy_of(s, strnlen(s, max));
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
