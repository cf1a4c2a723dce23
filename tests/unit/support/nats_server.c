/* nats_server: see nats_server.h. */
#define _GNU_SOURCE /* nftw, setns */
#include "tests/unit/support/nats_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM "/usr/sbin/nats-server" /* Debian's; not on everyone's PATH */
#define TRIES 5                         /* a port that was free may be taken by then */

static const struct nats_place LOOPBACK = {
    .netns = -1, .address = "127.0.0.1", .peers = {"127.0.0.1", "127.0.0.1", "127.0.0.1"}};

static struct sockaddr_in address_of(const char *ip, int port) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (inet_pton(AF_INET, ip, &at.sin_addr) != 1)
    abort();
  return at;
}

/* Ports have to be known before the servers run: they name each other, and come back to theirs. */
static int free_port(void) {
  struct sockaddr_in at = address_of(LOOPBACK.address, 0);
  socklen_t len = sizeof at;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0 ||
      getsockname(fd, (struct sockaddr *)&at, &len) != 0)
    abort();
  close(fd);
  return ntohs(at.sin_port);
}

static void write_config(const struct nats_nodes *n, size_t i, const char *more) {
  const struct nats_node *node = &n->nodes[i];
  const struct nats_place *place = &node->place;
  FILE *f = fopen(node->config, "w");
  if (f == NULL)
    abort();
  fprintf(f, "server_name: n%zu\nlisten: \"%s:%d\"\n", i, place->address, node->port);
  fprintf(f, "jetstream { store_dir: \"%s/n%zu\", max_mem: 64MB, max_file: 1GB }\n", n->folder, i);
  if (n->count > 1) {
    fprintf(f, "cluster { name: test, listen: \"%s:%d\", routes: [",
            place->netns < 0 ? place->address : "0.0.0.0", node->route_port);
    for (size_t k = 0; k < n->count; k++)
      if (place->netns < 0 || k != i)
        fprintf(f, "\"nats://%s:%d\", ", place->peers[k], n->nodes[k].route_port);
    fprintf(f, "] }\n");
  }
  if (fprintf(f, "%s\n", more) < 0 || fclose(f) != 0)
    abort();
}

static void run(const struct nats_node *node) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (node->place.netns >= 0 && setns(node->place.netns, CLONE_NEWNET) != 0)
    _exit(126);
  int out = open(node->output, O_WRONLY | O_CREAT | O_APPEND, 0600);
  int null = open("/dev/null", O_RDONLY);
  if (out < 0 || null < 0)
    _exit(126);
  dup2(null, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  execl(PROGRAM, "nats-server", "-c", node->config, (char *)NULL);
  _exit(127);
}

static bool has_ended(struct nats_node *node) {
  if (waitpid(node->pid, NULL, WNOHANG) != node->pid)
    return false;
  node->pid = 0;
  return true;
}

/* A server greets whoever connects with a line that begins so. */
static bool greets(const struct nats_node *node) {
  char head[5] = "";
  struct sockaddr_in at = address_of(node->place.address, node->port);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  bool is_there = fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0;
  struct pollfd p = {.fd = fd, .events = POLLIN};
  if (is_there && poll(&p, 1, 5000) == 1)
    (void)!read(fd, head, sizeof head);
  if (fd >= 0)
    close(fd);
  return memcmp(head, "INFO ", sizeof head) == 0;
}

static bool try_start(struct nats_node *node) {
  if ((node->pid = fork()) < 0)
    abort();
  if (node->pid == 0)
    run(node);
  for (int i = 0; i < 1000; i++) { /* 10 s */
    if (has_ended(node))
      return false;
    if (greets(node))
      return true;
    poll(NULL, 0, 10);
  }
  abort();
}

void nats_node_show_output(const struct nats_node *node) {
  char line[512];
  FILE *f = fopen(node->output, "r");
  while (f != NULL && fgets(line, sizeof line, f) != NULL)
    fputs(line, stderr);
  if (f != NULL)
    fclose(f);
}

void nats_node_start(struct nats_nodes *n, size_t i) {
  if (try_start(&n->nodes[i]))
    return;
  nats_node_show_output(&n->nodes[i]);
  abort();
}

void nats_node_set(struct nats_nodes *n, size_t i, const char *more) {
  write_config(n, i, more);
}

static void end(struct nats_nodes *n, size_t i) {
  if (n->nodes[i].pid == 0)
    return;
  kill(n->nodes[i].pid, SIGKILL);
  while (waitpid(n->nodes[i].pid, NULL, 0) < 0 && errno == EINTR)
    continue;
  n->nodes[i].pid = 0;
}

static bool try_all(struct nats_nodes *n, const char *more) {
  n->servers[0] = '\0';
  for (size_t i = 0; i < n->count; i++) {
    struct nats_node *node = &n->nodes[i];
    node->port = free_port();
    node->route_port = free_port();
    snprintf(node->config, sizeof node->config, "%s/n%zu.conf", n->folder, i);
    snprintf(node->output, sizeof node->output, "%s/n%zu.out", n->folder, i);
    size_t len = strlen(n->servers);
    snprintf(n->servers + len, sizeof n->servers - len, "%s%s:%d", i == 0 ? "//" : ",",
             node->place.address, node->port);
  }
  for (size_t i = 0; i < n->count; i++)
    write_config(n, i, more);
  for (size_t i = 0; i < n->count; i++)
    if (!try_start(&n->nodes[i]))
      return false;
  return true;
}

void nats_nodes_start(struct nats_nodes *n, size_t count, const char *more) {
  const struct nats_place places[NATS_NODES_MAX] = {LOOPBACK, LOOPBACK, LOOPBACK};
  nats_nodes_start_at(n, count, more, places);
}

void nats_nodes_start_at(struct nats_nodes *n, size_t count, const char *more,
                         const struct nats_place *places) {
  *n = (struct nats_nodes){.count = count};
  for (size_t i = 0; i < count && i < NATS_NODES_MAX; i++)
    n->nodes[i].place = places[i];
  snprintf(n->folder, sizeof n->folder, "/tmp/cws-nats-XXXXXX");
  if (count > NATS_NODES_MAX || mkdtemp(n->folder) == NULL)
    abort();
  for (int i = 0; i < TRIES; i++) {
    if (try_all(n, more))
      return;
    for (size_t k = 0; k < count; k++)
      end(n, k);
  }
  nats_node_show_output(&n->nodes[0]);
  abort();
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
  (void)st, (void)type, (void)at;
  return remove(path);
}

void nats_nodes_finish(struct nats_nodes *n) {
  for (size_t i = 0; i < n->count; i++)
    end(n, i);
  nftw(n->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void nats_node_kill(struct nats_nodes *n, size_t i) {
  end(n, i);
}

void nats_node_freeze(struct nats_nodes *n, size_t i) {
  kill(n->nodes[i].pid, SIGSTOP);
  while (waitpid(n->nodes[i].pid, NULL, WUNTRACED) < 0 && errno == EINTR)
    continue;
}

void nats_node_thaw(struct nats_nodes *n, size_t i) {
  kill(n->nodes[i].pid, SIGCONT);
}
