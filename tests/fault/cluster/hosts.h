/*
 * hosts: network namespaces for the nodes of a cluster, one each, and one for all else: this
 * process and the hubs that it starts. A link between each two of the four; what goes over one that
 * is cut is lost, and neither side is told. Nothing of it outlives the process.
 */
#ifndef CWS_TEST_CLUSTER_HOSTS_H
#define CWS_TEST_CLUSTER_HOSTS_H

#include "tests/unit/support/nats_server.h"
#include <stdbool.h>

#define HOSTS_NODES NATS_NODES_MAX
#define HOSTS_HUBS HOSTS_NODES /* the one where the hubs are */

struct hosts {
  int hubs; /* descriptors of namespaces */
  struct nats_place places[HOSTS_NODES];
};

/* Before the process has another thread. It needs the right to (root); failing aborts. */
void hosts_make(struct hosts *h);
/* Cuts the link between two of them, or joins it again. */
void hosts_set_link(struct hosts *h, int one, int other, bool is_up);
/* Cuts, or joins, all links of it to nodes. */
void hosts_set_links(struct hosts *h, int one, bool are_up);
void hosts_join_all(struct hosts *h);

#endif
