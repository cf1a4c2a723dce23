/* spool_state: what the files of the spool share. */
#ifndef CLI_SPOOL_STATE_H
#define CLI_SPOOL_STATE_H

#include <stdio.h>

#include "cli/paths.h"
#include "cli/spool.h"
#include "cli/spool_content.h"

struct spool {
  char path[PATH_BUF]; /* "" in memory */
  char dir[PATH_BUF];
  int fd;
  FILE *in; /* reads the same file */
  char *line;
  size_t line_cap;
  off_t end;                    /* of the last whole record that was synced */
  off_t read_end;               /* of the last record that was read */
  off_t no_compaction_before;   /* the file has this size: one has failed */
  struct spool_content content; /* `added` counts those in memory, too */
  size_t hash_next;
  uint64_t synced, read; /* events: in the file; given to be sent */
  bool is_forgetful;     /* nobody gives events again: their hashes are of no use */
  FILE *gathering;       /* records to be written, or NULL */
  char *gathered;
  size_t gathered_len;
  bool has_answers; /* that are not written down yet */
};

/* Another stream for the file, beginning where the descriptor stands. 0 or errno. */
int spool_open_stream(int fd, const char *mode, FILE **out);
void spool_write_head(FILE *to, const struct spool_content *c);

/* ---- spool_compact.c ---- */

/* Where most of the file is of events that were answered, puts one without them in its place; a
 * kill leaves the one or the other. What fails changes nothing, and is tried again later. */
void spool_compact(struct spool *s);

#endif
