/*
 * nats_hub: what a hub does with its log in NATS, without the hub: it takes what comes, looks that
 * it comes in order and each once, and keeps it.
 */
#ifndef TESTS_UNIT_STORE_NATS_HUB_H
#define TESTS_UNIT_STORE_NATS_HUB_H

/* cmocka needs these before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "server/store/nats_log.h"
#include "tests/unit/support/nats_server.h"
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(*(array)))
#define HUB_ENTRIES 4096

struct hub {
  struct store_nats_options nats;
  struct store_log *log;
  sem_t woken;
  uint64_t first, last; /* sequences that came */
  size_t bytes;
  char texts[HUB_ENTRIES][16];      /* how each one begins; by sequence */
  struct store_log_outcome outcome; /* the last one */
  size_t outcomes;
  char told[32]; /* the last one */
  size_t told_count;
};

/* Opens a log; its options' prefix is that one. */
int hub_try(struct hub *h, const char *servers, struct cws_error *err);
void hub_open(struct hub *h, const struct nats_nodes *nodes, const char *prefix);
void hub_close(struct hub *h);
/* A free-standing one of that prefix, for hub_try. */
void hub_init(struct hub *h, const char *prefix);

void hub_follow(struct hub *h, uint64_t after);
struct store_log_state hub_state(struct hub *h);
bool hub_is_up(struct hub *h, struct cws_error *why);

/* Takes all there is. */
void hub_pump(struct hub *h);
/* Waits until the condition holds, pumping; fails the test after a while. */
#define HUB_WAIT(h, condition)                                                                     \
  for (int64_t hub_end = hub_deadline(); hub_pump(h), !(condition);)                               \
  hub_wait((h), hub_end, #condition, __FILE__, __LINE__)
int64_t hub_deadline(void);
void hub_wait(struct hub *h, int64_t end, const char *what, const char *file, int line);

/* Publishes a text and waits for what becomes of it: its code. */
int hub_put(struct hub *h, const char *text);
/* Publishes it and does not wait; what publish says. */
int hub_send(struct hub *h, const char *text, struct cws_error *err);

#endif
