/* One line of JSON on standard output: what was asked for, then the numbers. */
#include "bench/load.h"

#include <math.h>
#include <stdio.h>

void report_begin(const struct load *load) {
  const struct load_options *options = &load->options;
  printf("{\"scenario\":\"%s\",\"label\":\"%s\",\"requests\":%d,\"watchers\":%d,\"publishers\":%d,"
         "\"pipeline\":%d,\"event_bytes\":%d,\"rate\":%.0f",
         options->scenario, options->label, options->requests, options->watchers,
         options->publishers, options->pipeline, options->event_bytes, options->rate);
}

void report_number(const char *name, double value) {
  if (isnan(value))
    printf(",\"%s\":null", name);
  else if (value == floor(value) && fabs(value) < 1e15)
    printf(",\"%s\":%.0f", name, value);
  else
    printf(",\"%s\":%.4f", name, value);
}

void report_end(void) {
  puts("}");
  fflush(stdout);
}
