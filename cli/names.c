/* names: see names.h. */
#include "cli/names.h"

#include <stdlib.h>
#include <string.h>

void names_add(struct names *n, const char *name) {
  for (size_t i = 0; i < n->count; i++) {
    if (strcmp(n->items[i], name) == 0)
      return;
  }
  if (n->count == NAMES_MAX)
    return;
  if (n->count == n->cap) {
    size_t cap = n->cap > 0 ? n->cap * 2 : 16;
    char **more = realloc(n->items, cap * sizeof *more);
    if (more == NULL)
      return;
    n->items = more;
    n->cap = cap;
  }
  char *copy = strdup(name);
  if (copy != NULL)
    n->items[n->count++] = copy;
}

void names_finish(struct names *n) {
  for (size_t i = 0; i < n->count; i++)
    free(n->items[i]);
  free(n->items);
  *n = (struct names){0};
}
