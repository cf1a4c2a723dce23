/* type_list: whether a type is in a list like "log,error". */
#ifndef CLI_TYPE_LIST_H
#define CLI_TYPE_LIST_H

#include <stdbool.h>

/* True when `list` is NULL (every type) or names `type`. */
bool type_list_has(const char *list, const char *type);

#endif
