/* hosts: see hosts.h. */
#define _GNU_SOURCE /* unshare, setns */
#include "tests/fault/cluster/hosts.h"

#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(bool is, const char *what) {
  if (is)
    return;
  perror(what);
  abort();
}

/* Runs a command of the shell in the namespace. */
__attribute__((format(printf, 2, 3))) static void in(int netns, const char *format, ...) {
  char command[256];
  int status = 0;
  va_list args;
  va_start(args, format);
  vsnprintf(command, sizeof command, format, args);
  va_end(args);
  pid_t pid = fork();
  if (pid == 0) {
    if (setns(netns, CLONE_NEWNET) == 0)
      execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
  }
  must(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, command);
}

/* Enters a new one. Its descriptor is closed in programs that are started. */
static int enter_new(void) {
  must(unshare(CLONE_NEWNET) == 0, "unshare");
  int netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  must(netns >= 0, "/proc/self/ns/net");
  in(netns, "ip link set lo up");
  return netns;
}

static int netns_of(const struct hosts *h, int host) {
  return host == HOSTS_HUBS ? h->hubs : h->places[host].netns;
}

static void link_make(struct hosts *h, int one, int other) {
  int a = netns_of(h, one), b = netns_of(h, other);
  in(a, "ip link add to%d type veth peer name to%d netns /proc/%d/fd/%d", other, one, (int)getpid(),
     b);
  in(a, "ip address add 10.%d.%d.1/24 dev to%d", one, other, other);
  in(b, "ip address add 10.%d.%d.2/24 dev to%d", one, other, one);
  in(a, "ip link set to%d up", other);
  in(b, "ip link set to%d up", one);
}

/* Addresses of a link have its ends' numbers, the smaller one first. */
static void set_peer(struct nats_place *place, int self, int other) {
  int first = self < other ? self : other, second = self < other ? other : self;
  snprintf(place->peers[other], sizeof place->peers[other], "10.%d.%d.%d", first, second,
           other == first ? 1 : 2);
}

void hosts_make(struct hosts *h) {
  for (int i = 0; i < HOSTS_NODES; i++)
    h->places[i] = (struct nats_place){.netns = enter_new()};
  h->hubs = enter_new();
  for (int one = 0; one < HOSTS_NODES; one++)
    for (int other = one + 1; other <= HOSTS_HUBS; other++)
      link_make(h, one, other);
  for (int i = 0; i < HOSTS_NODES; i++) {
    snprintf(h->places[i].address, sizeof h->places[i].address, "10.%d.%d.1", i, HOSTS_HUBS);
    for (int k = 0; k < HOSTS_NODES; k++)
      if (k != i)
        set_peer(&h->places[i], i, k);
  }
}

/* At one of its ends, always the same. */
void hosts_set_link(struct hosts *h, int one, int other, bool is_up) {
  int first = one < other ? one : other, second = one < other ? other : one;
  in(netns_of(h, first), "ip link set to%d %s", second, is_up ? "up" : "down");
}

void hosts_set_links(struct hosts *h, int one, bool are_up) {
  for (int other = 0; other < HOSTS_NODES; other++)
    if (other != one)
      hosts_set_link(h, one, other, are_up);
}

void hosts_join_all(struct hosts *h) {
  for (int one = 0; one <= HOSTS_HUBS; one++)
    hosts_set_links(h, one, true);
}
