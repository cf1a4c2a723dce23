/* check: `status --check`: one line and one of four codes, as monitoring plugins speak. */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include "cli/options.h"

/* request_id NULL: the hub alone. Returns 0 ok, 1 warning, 2 critical, 3 unknown (or 74, 141 where
 * the line cannot be written). */
int check_run(const struct options *o, const char *request_id);

#endif
