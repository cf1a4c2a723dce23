/*
 * cluster: three nats-servers and up to three hubs that share a log in them, all processes of their
 * own. Each hub listens on a unix socket that it keeps over restarts and on a port that
 * it does not, and has a state file.
 */
#ifndef CWS_TEST_CLUSTER_H
#define CWS_TEST_CLUSTER_H

#include "tests/fault/support/hub_process.h"
#include "tests/unit/support/nats_server.h"
#include "tests/unit/support/temp_folder.h"

#include <stdbool.h>

#define CLUSTER_NODES 3
#define CLUSTER_HUBS 3

struct cluster_hub {
  struct hub_process process;
  char url[96];   /* its socket, as a client has it */
  char state[96]; /* its file */
  int lives;
  int port;       /* of this life; 0: not said yet */
  bool is_frozen; /* SIGSTOP */
};

struct cluster {
  struct temp_folder folder;
  struct nats_nodes nats;
  bool is_frozen[CLUSTER_NODES];
  int partings; /* hubs that began anew, as they had something else than the log */
  struct cluster_hub hubs[CLUSTER_HUBS];
  char secret[96], store[144];
  char *token;
};

/* Starts all of it, the nodes in their places (NULL: on loopback); the hubs may not listen yet. */
void cluster_make(struct cluster *c, const struct nats_place *places);
void cluster_remove(struct cluster *c);

void cluster_start_hub(struct cluster *c, int hub);
void cluster_kill_hub(struct cluster *c, int hub);
void cluster_freeze_hub(struct cluster *c, int hub);
void cluster_thaw_hub(struct cluster *c, int hub);

void cluster_kill_node(struct cluster *c, int node);
void cluster_freeze_node(struct cluster *c, int node);
/* Starts those that do not run, thaws those that stand still. */
void cluster_heal_nodes(struct cluster *c);

/* Starts a hub again that has ended to begin anew; fails the test where one has ended otherwise. */
void cluster_check(struct cluster *c);
/* The stream's leader; -1: there is none, or nobody knows. */
int cluster_leader(const struct cluster *c);
/* It has a leader, and all the others have what that one has. */
bool cluster_is_whole(const struct cluster *c);
/* Whether a hub takes events. */
bool cluster_is_ready(struct cluster *c, int hub);
/* No hub has a state that it has still to put back from. */
bool cluster_is_rescued(const struct cluster *c);
/* The port that it listens on in this life; 0: not yet. */
int cluster_port(struct cluster *c, int hub);
void cluster_print_logs(const struct cluster *c);

#endif
