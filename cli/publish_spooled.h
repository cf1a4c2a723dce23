/* publish_spooled: `publish … --spool DIR`. */
#ifndef CLI_PUBLISH_SPOOLED_H
#define CLI_PUBLISH_SPOOLED_H

#include "cli/options.h"

/* The options of publish, checked. Returns the exit code. */
int publish_spooled(const struct options *o);

#endif
