/* A histogram of durations in nanoseconds: 64 steps for each power of two, so any value is off
 * by 1.6 % at most. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEP_BITS 6
#define HISTOGRAM_BUCKETS ((64 - HISTOGRAM_STEP_BITS + 1) << HISTOGRAM_STEP_BITS)

struct histogram {
  uint64_t count;
  uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value_ns);

/* The value that `share` (0 to 1) of all lie at or below; 0 when there are none. */
uint64_t histogram_at(const struct histogram *histogram, double share);

#endif
