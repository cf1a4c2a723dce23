/* names: a small set of strings, in the order in which they came. */
#ifndef CLI_NAMES_H
#define CLI_NAMES_H

#include <stddef.h>

#define NAMES_MAX 2000 /* what comes beyond is left out */

struct names {
  char **items;
  size_t count, cap;
};

/* Copies it, unless it is there. Where memory is out it is left out. */
void names_add(struct names *n, const char *name);
void names_finish(struct names *n);

#endif
