/* number: doubles as JSON, whatever the program's locale is. */
#ifndef CWS_HUB_NUMBER_H
#define CWS_HUB_NUMBER_H

#include "lib/core/buf.h"

#define NUMBER_EXACT_DIGITS 17 /* enough to read the same double again */

/* `v` with at most so many significant digits: 0.3, 12.5, 100, 1e-07. */
void number_append(struct buf *b, int digits, double v);
/* The same from what printf made of it: the locale's decimal point becomes a dot. */
void number_append_printed(struct buf *b, const char *printed);

#endif
