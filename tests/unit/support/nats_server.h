/*
 * nats_server: real NATS servers with JetStream, one or a cluster of three on loopback, in a folder
 * of their own. They end with the test, also when it crashes. Failing to start them aborts.
 */
#ifndef CWS_TEST_NATS_SERVER_H
#define CWS_TEST_NATS_SERVER_H

#include <stddef.h>
#include <sys/types.h>

#define NATS_NODES_MAX 3

/* Where a server runs, if not here on loopback. */
struct nats_place {
  int netns;                      /* a network namespace's descriptor */
  char address[16];               /* where clients find it */
  char peers[NATS_NODES_MAX][16]; /* where it finds the others */
};

struct nats_node {
  pid_t pid; /* 0: does not run */
  int port, route_port;
  struct nats_place place;
  char config[128], output[128];
};

struct nats_nodes {
  char folder[64];
  struct nats_node nodes[NATS_NODES_MAX];
  size_t count;
  char servers[128]; /* "//127.0.0.1:PORT,127.0.0.1:PORT", as in a store's uri */
};

/* Starts `count` of them and waits until they take connections; `more` is put into each one's
 * configuration. They are called n0, n1, n2. */
void nats_nodes_start(struct nats_nodes *n, size_t count, const char *more);
/* The same, each in its place. */
void nats_nodes_start_at(struct nats_nodes *n, size_t count, const char *more,
                         const struct nats_place *places);
void nats_nodes_finish(struct nats_nodes *n);

void nats_node_kill(struct nats_nodes *n, size_t i); /* SIGKILL; waits for its end */
void nats_node_start(struct nats_nodes *n, size_t i);
/* What is put into its configuration from its next start on. */
void nats_node_set(struct nats_nodes *n, size_t i, const char *more);
void nats_node_freeze(struct nats_nodes *n, size_t i); /* SIGSTOP; waits until it stands still */
void nats_node_thaw(struct nats_nodes *n, size_t i);

/* What it has said so far, to standard error. */
void nats_node_show_output(const struct nats_node *node);

#endif
