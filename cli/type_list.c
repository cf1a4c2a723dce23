/* type_list: see type_list.h. */
#include "cli/type_list.h"

#include <stddef.h>
#include <string.h>

bool type_list_has(const char *list, const char *type) {
  if (list == NULL)
    return true;
  size_t len = strlen(type);
  for (const char *p = list; *p != '\0';) {
    size_t n = strcspn(p, ",");
    if (n == len && memcmp(p, type, len) == 0)
      return true;
    p += n + (p[n] == ',' ? 1 : 0);
  }
  return false;
}
