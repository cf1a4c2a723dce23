/*
 * fake_log: a log in memory that several stores of one process share, and that does on demand what
 * real ones do when servers die: takes nothing, takes it without saying so, takes it twice.
 */
#ifndef TESTS_UNIT_STORE_FAKE_LOG_H
#define TESTS_UNIT_STORE_FAKE_LOG_H

#include "server/store/store_log.h"

struct fake_log;

struct fake_log *fake_log_new(const char *id);
void fake_log_free(struct fake_log *log);
/* The stores that are opened from here on share this one. */
void fake_log_use(struct fake_log *log);
extern const struct store_log_ops fake_log_ops;

enum fake_log_mood {
  FAKE_LOG_WELL,
  FAKE_LOG_REFUSES,  /* surely not stored */
  FAKE_LOG_LOSES,    /* not stored, but says that it may be */
  FAKE_LOG_IS_LATE,  /* stored once the mood changes; says that it may be */
  FAKE_LOG_HIDES,    /* stored, but says that it may be */
  FAKE_LOG_REPEATS,  /* stored twice */
  FAKE_LOG_IS_SILENT /* not stored, says nothing */
};
void fake_log_set_mood(struct fake_log *log, enum fake_log_mood mood);
/* It says that it is not up, for that reason; 0: that it is. It takes entries all the same. */
void fake_log_set_trouble(struct fake_log *log, int code);
int fake_log_attempts(struct fake_log *log); /* since the last change of mood */
/* Blocks until this many publishes have come since the last change of mood. */
void fake_log_wait_attempts(struct fake_log *log, int attempts);
/* Entries are held back from the stores until let go; what is published is stored nevertheless. */
void fake_log_hold(struct fake_log *log, bool on);

uint64_t fake_log_last(struct fake_log *log);
/* The oldest entries are let go of, up to this one. */
void fake_log_trim(struct fake_log *log, uint64_t upto);
/* The newest are lost, as after a power cut. */
void fake_log_cut(struct fake_log *log, uint64_t last);
/* Somebody else writes to it. */
void fake_log_add(struct fake_log *log, const void *bytes, size_t len);
/* A copy of an entry's bytes; free(). */
void *fake_log_copy(struct fake_log *log, uint64_t seq, size_t *len);
/* One of the stores gets other bytes than all others for the next entry. */
void fake_log_mislead(struct fake_log *log, const struct store *s, const void *bytes, size_t len);
/* Says nothing of single entries. */
void fake_log_set_dumb(struct fake_log *log, bool on);
void fake_log_set_max_entry(struct fake_log *log, size_t bytes);

#endif
