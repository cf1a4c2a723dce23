/*
 * sqlite_move: from a store file that no hub has open to a new one: a state of a log that hubs
 * share, or a store that knows of none. It knows no log, and shows nothing of SQLite.
 */
#ifndef CWS_STORE_SQLITE_MOVE_H
#define CWS_STORE_SQLITE_MOVE_H

#include "server/store/store.h"

struct sqlite_note { /* one note of a file: store_ops.h, set_note */
  const char *kind;
  char name[64];
  int64_t value, at;
};

struct sqlite_source {
  const char *path; /* as it was given */
  int lock_fd;
};

/* Keeps hubs from the file until it is closed. CWS_ENOTFOUND; CWS_ESTORE names who has it open. */
int sqlite_source_open(struct sqlite_source *src, const char *path, struct cws_error *err);
void sqlite_source_close(struct sqlite_source *src);
/* The first note of that kind, with `kind` as it was given. */
int sqlite_source_note(const struct sqlite_source *src, const char *kind, struct sqlite_note *out,
                       bool *has_it, struct cws_error *err);

/* Whether a file of that name may be made: CWS_ESYSTEM where it, or what belongs to it, is there
 * already. */
int sqlite_check_free(const char *file, struct cws_error *err);

/* The same content with these notes, and no others, as a new file: whole, or not there. `confirm`
 * runs when all of it is on the disk, before it has its name; where that fails it does not get it.
 */
struct sqlite_move {
  const struct sqlite_note *notes;
  size_t note_count;
  bool has_all; /* nothing can have come after it: requests keep their epochs */
  int (*confirm)(void *user, struct cws_error *err); /* or NULL */
  void *user;
};
int sqlite_move_to(const struct sqlite_source *src, const char *file,
                   const struct sqlite_move *move, struct cws_error *err);

#endif
