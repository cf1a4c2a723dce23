#include "bench/histogram.h"

void histogram_add(struct histogram *histogram, uint64_t value_ns) {
  unsigned bucket = (unsigned)value_ns;
  if (value_ns >> HISTOGRAM_STEP_BITS) {
    unsigned shift = 63u - (unsigned)__builtin_clzll(value_ns) - HISTOGRAM_STEP_BITS;
    bucket = (shift << HISTOGRAM_STEP_BITS) + (unsigned)(value_ns >> shift);
  }
  histogram->buckets[bucket]++;
  histogram->count++;
}

/* The middle of what falls into the bucket. */
static uint64_t bucket_value(unsigned bucket) {
  unsigned shift = bucket >> HISTOGRAM_STEP_BITS;
  if (shift <= 1)
    return bucket;
  shift--;
  uint64_t step = (bucket & ((1u << HISTOGRAM_STEP_BITS) - 1)) + (1u << HISTOGRAM_STEP_BITS);
  return (step << shift) + ((UINT64_C(1) << shift) >> 1);
}

uint64_t histogram_at(const struct histogram *histogram, double share) {
  uint64_t wanted = (uint64_t)((double)histogram->count * share + 0.5);
  uint64_t seen = 0;
  for (unsigned bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
    seen += histogram->buckets[bucket];
    if (seen && seen >= wanted)
      return bucket_value(bucket);
  }
  return 0;
}
