/* mutate: random changes to an input, the same for the same seed. Pure. */
#ifndef TESTS_FUZZ_MUTATE_H
#define TESTS_FUZZ_MUTATE_H

#include "tests/fuzz/corpus.h"
#include <stdint.h>

/* The next number of a sequence; *state is its seed at first (splitmix64). */
uint64_t mutate_random(uint64_t *state);

/* `out` becomes an input of the corpus with a few changes, at most `max` bytes long. `words` may be
 * empty: the dictionary. */
void mutate_make(struct buf *out, const struct corpus *corpus, const struct corpus *words,
                 size_t max, uint64_t *state);

#endif
