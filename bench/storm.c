/* Watchers that come all at once, and then are idle: how fast they are let in, what each costs in
 * memory, and all of them in time. */
#define _GNU_SOURCE /* POLLRDHUP */

#include "bench/load.h"

#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST                                                                                      \
  100               /* connections before the memory is looked at first: what is paid once is paid \
                     */
#define AT_ONCE 512 /* connections under way */
#define PATIENCE_S 120.0

static int storm_open(struct load *load, int from, int to) {
  int requests = load->options.requests;
  uint64_t deadline = usage_now_ns() + (uint64_t)(PATIENCE_S * 1e9);
  for (int next = from; load->connected < to;) {
    for (; next < to && next - load->connected < AT_ONCE; next++) {
      struct link *link = &load->links[next];
      *link = (struct link){
          .load = load, .take = watcher_take, .path = watcher_path(load, next % requests, false)};
      if (link_open(link))
        return -1;
    }
    load_turn(load, 100);
    if (load->errors || usage_now_ns() > deadline)
      return -1;
  }
  return 0;
}

/* One after another and blocking: the client's half of the handshakes is not what is measured. */
static int tls_open_one(struct load *load, SSL_CTX *tls, int number) {
  struct link link = {.load = load,
                      .path = watcher_path(load, number % load->options.requests, false)};
  const struct sockaddr_in *address = &load->options.addresses[0];
  char text[4096];
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  SSL *ssl = SSL_new(tls);
  if (fd < 0 || !ssl || connect(fd, (const struct sockaddr *)address, sizeof *address) ||
      !SSL_set_fd(ssl, fd) || SSL_connect(ssl) != 1)
    return -1;
  size_t size = watcher_upgrade(&link, text, sizeof text);
  if (SSL_write(ssl, text, (int)size) != (int)size)
    return -1;
  free((char *)link.path);
  int got = 0;
  do {
    int more = SSL_read(ssl, text + got, (int)sizeof text - 1 - got);
    if (more <= 0)
      return -1;
    got += more;
    text[got] = 0;
  } while (!strstr(text, "connection_established"));
  load->links[load->connected++].fd = fd;
  return 0; /* ssl and fd live as long as this process */
}

static int tls_open(struct load *load, int from, int to) {
  static SSL_CTX *tls;
  if (!tls)
    tls = SSL_CTX_new(TLS_client_method());
  for (int i = from; i < to; i++)
    if (tls_open_one(load, tls, i))
      return -1;
  return 0;
}

/* TLS connections are not read, so the hub must not want answers; those that it ended are no idle
 * ones. */
static void tls_count_ended(struct load *load) {
  for (int i = 0; i < load->connected; i++) {
    struct pollfd poll_fd = {.fd = load->links[i].fd, .events = POLLRDHUP};
    load->errors += poll(&poll_fd, 1, 0) > 0;
  }
}

static void rest(struct load *load, double seconds) {
  uint64_t end_ns = usage_now_ns() + (uint64_t)(seconds * 1e9);
  while (usage_now_ns() < end_ns)
    if (load->options.tls)
      usleep(100000);
    else
      load_turn(load, 100);
}

int storm_run(struct load *load) {
  const struct load_options *options = &load->options;
  int count = options->watchers;
  int (*open_some)(struct load *, int, int) = options->tls ? tls_open : storm_open;
  load->links = calloc((size_t)count + FIRST, sizeof *load->links);
  if (open_some(load, 0, FIRST))
    return 1;
  rest(load, 0.2);
  long before_kb = usage_rss_kb(&options->pids);
  double cpu = usage_cpu_s(&options->pids), own = usage_own_cpu_s();
  uint64_t start_ns = usage_now_ns();
  if (open_some(load, FIRST, FIRST + count)) {
    fprintf(stderr, "load: %d of %d connections open\n", load->connected, count);
    return 1;
  }
  double seconds = (double)(usage_now_ns() - start_ns) / 1e9;
  double opened_cpu = usage_cpu_s(&options->pids), opened_own = usage_own_cpu_s();
  rest(load, 1);
  long after_kb = usage_rss_kb(&options->pids);
  double idle_cpu = usage_cpu_s(&options->pids);
  rest(load, options->seconds);
  idle_cpu = usage_cpu_s(&options->pids) - idle_cpu;
  if (options->tls)
    tls_count_ended(load);
  report_begin(load);
  report_number("seconds", seconds);
  report_number("connects_per_s", count / seconds);
  report_number("server_us_each", (opened_cpu - cpu) / count * 1e6);
  report_number("generator_us_each", (opened_own - own) / count * 1e6);
  report_number("bytes_each", (double)(after_kb - before_kb) * 1024 / count);
  report_number("idle_cpu", options->seconds > 0 ? idle_cpu / options->seconds : 0);
  report_number("missing", (double)(FIRST + count - load->connected));
  report_number("errors", (double)load->errors);
  report_end();
  return load->errors != 0;
}
