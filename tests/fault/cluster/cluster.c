/* cluster: see cluster.h. */
#include "tests/fault/cluster/cluster.h"

#include "tests/unit/support/live_hub.h"
#include "tests/unit/support/raw_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define PREFIX "councilws"

/* ---- life ---- */

void cluster_make(struct cluster *c, const struct nats_place *places) {
  *c = (struct cluster){0};
  temp_folder_make(&c->folder);
  temp_folder_write(&c->folder, "secret", LIVE_SECRET);
  snprintf(c->secret, sizeof c->secret, "%s/secret", c->folder.path);
  c->token = live_token_all();
  if (places != NULL)
    nats_nodes_start_at(&c->nats, CLUSTER_NODES, "max_payload: 8MB", places);
  else
    nats_nodes_start(&c->nats, CLUSTER_NODES, "max_payload: 8MB");
  snprintf(c->store, sizeof c->store, "nats:%s", c->nats.servers);
  for (int i = 0; i < CLUSTER_HUBS; i++) {
    struct cluster_hub *h = &c->hubs[i];
    snprintf(h->url, sizeof h->url, "unix:%s/hub%d.sock", c->folder.path, i);
    snprintf(h->state, sizeof h->state, "%s/state%d.db", c->folder.path, i);
    cluster_start_hub(c, i);
  }
}

void cluster_remove(struct cluster *c) {
  for (int i = 0; i < CLUSTER_HUBS; i++) {
    pid_t pid = c->hubs[i].process.pid;
    if (pid != 0 && kill(pid, SIGKILL) == 0)
      waitpid(pid, NULL, 0);
  }
  nats_nodes_finish(&c->nats);
  free(c->token);
  temp_folder_remove(&c->folder);
}

/* ---- hubs ---- */

void cluster_start_hub(struct cluster *c, int hub) {
  struct cluster_hub *h = &c->hubs[hub];
  char log[96];
  const char *const options[] = {
      "--listen", h->url,      "--listen", "127.0.0.1:0",   "--store", c->store, "--nats-state",
      h->state,   "--workers", "2",        "--secret-file", c->secret, NULL};
  h->port = 0;
  snprintf(log, sizeof log, "%s/hub%d.%d.log", c->folder.path, hub, ++h->lives);
  hub_process_start(&h->process, log, options);
}

void cluster_kill_hub(struct cluster *c, int hub) {
  hub_process_kill(&c->hubs[hub].process);
  c->hubs[hub].is_frozen = false;
}

void cluster_freeze_hub(struct cluster *c, int hub) {
  int status;
  pid_t pid = c->hubs[hub].process.pid;
  kill(pid, SIGSTOP);
  assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
  assert_true(WIFSTOPPED(status));
  c->hubs[hub].is_frozen = true;
}

void cluster_thaw_hub(struct cluster *c, int hub) {
  kill(c->hubs[hub].process.pid, SIGCONT);
  c->hubs[hub].is_frozen = false;
}

#define BEGINS_ANEW 75 /* what a supervisor starts again */

static void print_errors(const struct hub_process *hub) {
  char line[1024];
  FILE *f = fopen(hub->log, "r");
  while (f != NULL && fgets(line, sizeof line, f) != NULL)
    if (strstr(line, " error ") != NULL || strstr(line, " warn ") != NULL)
      print_message("  %s", line);
  if (f != NULL)
    fclose(f);
}

void cluster_check(struct cluster *c) {
  for (int i = 0; i < CLUSTER_HUBS; i++) {
    struct cluster_hub *h = &c->hubs[i];
    if (h->process.pid == 0 || h->is_frozen || !hub_process_has_ended(&h->process, BEGINS_ANEW))
      continue;
    print_message("hub %d had another entry than the log, and begins anew\n", i);
    print_errors(&h->process);
    c->partings++;
    cluster_start_hub(c, i);
  }
}

bool cluster_is_rescued(const struct cluster *c) {
  char path[128];
  for (int i = 0; i < CLUSTER_HUBS; i++) {
    snprintf(path, sizeof path, "%s.parted", c->hubs[i].state);
    if (access(path, F_OK) == 0)
      return false;
  }
  return true;
}

int cluster_port(struct cluster *c, int hub) {
  struct cluster_hub *h = &c->hubs[hub];
  char line[512];
  FILE *f = h->port == 0 ? fopen(h->process.log, "r") : NULL;
  while (f != NULL && h->port == 0 && fgets(line, sizeof line, f) != NULL)
    if (sscanf(line, "http://127.0.0.1:%d", &h->port) != 1)
      h->port = 0;
  if (f != NULL)
    fclose(f);
  return h->port;
}

bool cluster_is_ready(struct cluster *c, int hub) {
  struct cluster_hub *h = &c->hubs[hub];
  const struct raw_request ask = {.path = "/healthz/ready"};
  struct raw_reply r;
  if (h->process.pid == 0 || h->is_frozen || cluster_port(c, hub) == 0)
    return false;
  if (!raw_is_open(h->port)) /* it begins anew */
    return false;
  raw_ask(h->port, &ask, &r);
  bool is = r.status == 200;
  raw_reply_free(&r);
  return is;
}

void cluster_print_logs(const struct cluster *c) {
  for (int i = 0; i < CLUSTER_NODES; i++) {
    print_error("node n%d:\n", i);
    nats_node_show_output(&c->nats.nodes[i]);
  }
  for (int i = 0; i < CLUSTER_HUBS; i++) {
    print_error("hub %d, life %d:\n", i, c->hubs[i].lives);
    hub_process_print_log(&c->hubs[i].process);
  }
}

/* ---- nodes ---- */

void cluster_kill_node(struct cluster *c, int node) {
  nats_node_kill(&c->nats, (size_t)node);
  c->is_frozen[node] = false;
}

void cluster_freeze_node(struct cluster *c, int node) {
  nats_node_freeze(&c->nats, (size_t)node);
  c->is_frozen[node] = true;
}

void cluster_heal_nodes(struct cluster *c) {
  for (int i = 0; i < CLUSTER_NODES; i++) {
    if (c->is_frozen[i])
      nats_node_thaw(&c->nats, (size_t)i);
    c->is_frozen[i] = false;
    if (c->nats.nodes[i].pid == 0)
      nats_node_start(&c->nats, (size_t)i);
  }
}

/* ---- who leads ---- */

#define ASK_STREAM                                                                                 \
  "CONNECT {\"verbose\":false}\r\nSUB asked 1\r\n"                                                 \
  "PUB $JS.API.STREAM.INFO." PREFIX " asked 0\r\n\r\n"

static int connect_to(const struct nats_node *node) {
  const struct timeval patience = {.tv_sec = 1};
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)node->port)};
  assert_int_equal(inet_pton(AF_INET, node->place.address, &at.sin_addr), 1);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_true(fd >= 0);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0)
    return fd;
  close(fd);
  return -1;
}

/* What JetStream says of the stream; "" where nobody answers. */
static void ask_node(const struct nats_node *node, char *text, size_t size) {
  size_t len = 0;
  int fd = connect_to(node);
  ssize_t n = fd >= 0 ? send(fd, ASK_STREAM, strlen(ASK_STREAM), MSG_NOSIGNAL) : -1;
  while (n > 0 && len < size - 1) {
    n = recv(fd, text + len, size - 1 - len, 0);
    len += n > 0 ? (size_t)n : 0;
    text[len] = '\0';
    if (strstr(text, "MSG asked 1 ") != NULL && strstr(text, "}]}") != NULL)
      break;
  }
  text[len] = '\0';
  if (fd >= 0)
    close(fd);
}

static void ask_stream(const struct cluster *c, char *text, size_t size) {
  text[0] = '\0';
  for (int i = 0; strstr(text, "\"leader\":\"n") == NULL && i < CLUSTER_NODES; i++)
    if (c->nats.nodes[i].pid != 0 && !c->is_frozen[i])
      ask_node(&c->nats.nodes[i], text, size);
}

int cluster_leader(const struct cluster *c) {
  char text[8192];
  ask_stream(c, text, sizeof text);
  const char *at = strstr(text, "\"leader\":\"n");
  return at != NULL ? at[strlen("\"leader\":\"n")] - '0' : -1;
}

bool cluster_is_whole(const struct cluster *c) {
  char text[8192];
  int current = 0;
  ask_stream(c, text, sizeof text);
  for (const char *at = text; (at = strstr(at, "\"current\":true")) != NULL; at++)
    current++;
  return current == CLUSTER_NODES - 1 && strstr(text, "\"offline\":true") == NULL;
}
