/*
 * spool_content: what the lines of a spool's file say, read from its beginning. It knows no files,
 * only a stream of bytes, so that any bytes can be tried on it.
 */
#ifndef CLI_SPOOL_CONTENT_H
#define CLI_SPOOL_CONTENT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "cli/spool_record.h"

#define SPOOL_HASH_DIGITS 16
#define SPOOL_JOB_BUF 17

struct spool_content {
  const char *request_id; /* whose events they have to be */
  char job[SPOOL_JOB_BUF];
  bool has_head;
  uint64_t dropped;  /* events that were answered and are no longer in the file */
  uint64_t added;    /* events, with those */
  uint64_t answered; /* the first of them */
  uint64_t *hashes;  /* of the events, in order; those that were dropped without one have none */
  size_t hash_count, hash_cap;
  off_t base; /* bytes before the first event */
};

enum spool_ending {
  SPOOL_WHOLE,
  SPOOL_CUT,     /* what follows `end` is a record that was not written whole */
  SPOOL_DAMAGED, /* what follows `end` does not belong there */
};

void spool_content_init(struct spool_content *c, const char *request_id);
void spool_content_finish(struct spool_content *c);
/* Reads to the end of the stream. *end is that of the last record that was taken. 0 or errno. */
int spool_content_read(struct spool_content *c, FILE *in, enum spool_ending *ending, off_t *end);

#endif
