#include "tests/unit/store/conformance.h"
#include "tests/unit/support/nats_server.h"

int main(void) {
  struct nats_nodes nodes;
  nats_nodes_start(&nodes, 1, "");
  world_servers = nodes.servers;
  int failed = conformance_run("nats") + conformance_run_retention("nats");
  nats_nodes_finish(&nodes);
  return failed;
}
