/*
 * ledger: what a test knows of the events of its requests: who published which, which were
 * acknowledged under which id, and who saw what. Each event is named by its publisher and number.
 * Whatever contradicts what is known fails the test at once: an event under two ids, an id with two
 * events. Unless it is lenient: then it is noted, and the last that is heard counts; the request
 * has to have a new epoch in the end.
 */
#ifndef CWS_TEST_LEDGER_H
#define CWS_TEST_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEDGER_REQUESTS 3
#define LEDGER_PUBLISHERS 8

struct ledger_event {
  int publisher; /* -1: nothing is known of this id */
  int64_t number;
};

struct ledger_request {
  const char *id;
  char epoch[32];
  struct ledger_event *events; /* by message_id */
  size_t cap;
  int64_t last_known;
  char contradiction[256]; /* the first, of a lenient ledger; "": none */
  bool is_renewed;         /* its epoch has changed since the ids were last forgotten */
};

struct ledger_publisher {
  int request;
  int64_t sent;       /* numbers 1 … sent */
  int64_t *ids;       /* by number; 0: not known */
  bool *acknowledged; /* by number */
  size_t cap;
  int64_t acknowledged_count;
};

struct ledger {
  bool is_lenient;
  struct ledger_request requests[LEDGER_REQUESTS];
  struct ledger_publisher publishers[LEDGER_PUBLISHERS];
};

void ledger_init(struct ledger *l);
void ledger_finish(struct ledger *l);

/* The next event of a publisher; returns its number. */
int64_t ledger_send(struct ledger *l, int publisher);
void ledger_acknowledge(struct ledger *l, int publisher, int64_t number, int64_t message_id);
/* `data` is what ledger_data made. */
void ledger_see(struct ledger *l, int request, int64_t message_id, const char *data);
/* A request keeps its epoch. */
void ledger_see_epoch(struct ledger *l, int request, const char *epoch);
/* It may have another one than before. */
void ledger_note_epoch(struct ledger *l, int request, const char *epoch);
/* All that was contradicted was so under an epoch that is over: fails the test otherwise. What was
 * sent and acknowledged stays; under which ids is learnt anew, and from now on it is not lenient.
 */
void ledger_forget_ids(struct ledger *l);
/* The data of an event, as text. */
void ledger_data(int publisher, int64_t number, char *out, size_t size);

/* What a read of everything must show, given that all ids up to first - 1 were trimmed: `seen_last`
 * ids without a hole were reported through ledger_see. Every event that was acknowledged is there
 * or was trimmed; `is_settled`: everything that was sent was acknowledged, so the last id says how
 * many there are. */
void ledger_check(const struct ledger *l, int request, int64_t first, int64_t last,
                  bool is_settled);

#endif
