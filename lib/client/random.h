/* random: random bits for jitter, frame masks and event ids. From the kernel. */
#ifndef CWS_CLIENT_RANDOM_H
#define CWS_CLIENT_RANDOM_H

#include <stddef.h>
#include <stdint.h>

uint64_t random_u64(void);

#endif
