/*
 * hub_world: what a test has that kills a hub or takes its disk away: a folder with a place to
 * mount in it, the hub's process, traffic and a ledger of it.
 */
#ifndef CWS_TEST_HUB_WORLD_H
#define CWS_TEST_HUB_WORLD_H

#include "tests/fault/support/hub_process.h"
#include "tests/fault/support/ledger.h"
#include "tests/fault/support/privileged.h"
#include "tests/fault/support/traffic.h"

struct hub_world {
  struct mounted disk;
  char socket[96], secret[96], log[96]; /* beside what is mounted; socket as --listen has it */
  struct ledger ledger;
  struct hub_process hub;
  struct traffic traffic;
  char *token;
};

/* Nothing is mounted yet and no hub runs. */
void hub_world_make(struct hub_world *w);
/* Kills the hub and unmounts, where there is something to. */
void hub_world_remove(struct hub_world *w);

/* SQLite's own check of a database. */
void hub_world_check_file(const char *db);
/* The first column of the first row; 0 where there is none. */
int64_t hub_world_query(const char *db, const char *sql);

#endif
