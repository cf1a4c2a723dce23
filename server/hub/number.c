/* number: owns how a double is written as JSON. printf asks the locale for the decimal point; JSON
 * does not. */
#include "server/hub/number.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void number_append_printed(struct buf *b, const char *printed) {
  bool in_point = false; /* in some locales it is several bytes */
  for (; *printed; printed++) {
    bool is_point = !strchr("0123456789+-e", *printed);
    if (!is_point)
      buf_add_char(b, *printed);
    else if (!in_point)
      buf_add_char(b, '.');
    in_point = is_point;
  }
}

void number_append(struct buf *b, int digits, double v) {
  char text[40];
  snprintf(text, sizeof text, "%.*g", digits, v);
  number_append_printed(b, text);
}
