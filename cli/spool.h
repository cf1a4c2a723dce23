/*
 * spool: the events of one request that a hub has not acknowledged yet, in a file that survives a
 * kill and a power cut. What is in it after spool_sync is sent sooner or later, in order, and
 * stored once: each event has its event_id before it is written. A file that is gone means that
 * everything was published. It must not know the network.
 *
 * The file holds one record a line, each begun with its CRC-32 in hex:
 *   S 1 REQUEST JOB      the head: whose events, and what their event_ids begin with
 *   E HASH EVENT         an event; HASH is that of what the command was given
 *   A N                  the first N events are answered
 * and, once it has been made smaller, behind the head
 *   D N                  N events were answered and are not in it any more
 *   H HASH…              the same, with the HASH of each
 */
#ifndef CLI_SPOOL_H
#define CLI_SPOOL_H

#include <councilws/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPOOL_EVENT_MAX                                                                            \
  (64 * 1024 * 1024)   /* bytes of one event; the hub's own limit is far below */
#define SPOOL_SLOTS 64 /* files that one request may have in one directory */

struct spool;

/*
 * Opens DIR/REQUEST.spool (slot 1) or DIR/REQUEST@SLOT.spool, and makes what is missing of it. It
 * is locked against other processes. Returns 0 or an exit code, after saying why: EXIT_TRYAGAIN,
 * said by the caller, where another process has it; EXIT_DATA where it is damaged; EXIT_CANTCREATE.
 * A record that was cut off at the end is dropped, and that is said. dir NULL: a spool that is gone
 * with the process.
 */
int spool_open(const char *dir, const char *request_id, int slot, struct spool **out);
/* Whether such a file is there. */
bool spool_exists(const char *dir, const char *request_id, int slot);
/* Closes and keeps the file. NULL is fine. */
void spool_close(struct spool *s);
/* Everything is published: removes the file and closes. 0 or errno. */
int spool_remove(struct spool *s);

/* Where an earlier run of the command left events: whether `event`, given in its turn, is the next
 * of those, so that it is not to be added again. From the first that is not, false. */
bool spool_has_next(struct spool *s, const struct cws_event *event);
/* The same for a command of one event, wherever it stands. */
bool spool_has(const struct spool *s, const struct cws_event *event);
/* None will be given a second time: the file need not remember them once they are answered. */
void spool_forget_input(struct spool *s);
/* Adds an event, with an event_id and a timestamp where it has none; not kept before spool_sync.
 * 0 or errno. */
int spool_add(struct spool *s, const struct cws_event *event);
/* Writes down what was added and answered, and waits for the disk. 0 or errno: then what was added
 * since the last time is not in it. */
int spool_sync(struct spool *s);

/* The next event to be sent, or NULL for none (*failed 0) or a file that cannot be read (an errno).
 * Only what was synced is given. free with cws_event_free. */
struct cws_event_owned *spool_next(struct spool *s, int *failed);
/* The first `count` events of the file need not be sent again. Written down by the next sync. */
void spool_answered(struct spool *s, uint64_t count);

uint64_t spool_count_answered(const struct spool *s);
uint64_t spool_count_pending(const struct spool *s); /* in the file, and not answered */
const char *spool_path(const struct spool *s);       /* "" for one in memory */

#endif
