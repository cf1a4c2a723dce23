/* Publish, and deliver to whoever watches: at a fixed rate, or as fast as it is acknowledged.
 * `fill` is the same with a number of events for an end. */
#include "bench/load.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTLE_S 20.0 /* for connections to open, and for the last events to arrive */
#define TICK_MS 1

/* The counters at one moment. */
struct mark {
  uint64_t at_ns, sent, acked, delivered;
  double own_cpu_s, server_cpu_s;
};

static struct mark mark_now(const struct load *load) {
  return (struct mark){.at_ns = usage_now_ns(),
                       .sent = load->sent,
                       .acked = load->acked,
                       .delivered = load->delivered,
                       .own_cpu_s = usage_own_cpu_s(),
                       .server_cpu_s = usage_cpu_s(&load->options.pids)};
}

static int watchers_open(struct load *load) {
  const struct load_options *options = &load->options;
  load->link_count = options->requests * options->watchers;
  load->links = calloc((size_t)load->link_count + 1, sizeof *load->links);
  for (int i = 0; i < load->link_count; i++) {
    struct link *link = &load->links[i];
    *link = (struct link){.load = load,
                          .request = i % options->requests,
                          .take = watcher_take,
                          .path = watcher_path(load, i % options->requests, false)};
    if (link_open(link))
      return -1;
    while (i - load->connected > 128 && !load->errors)
      load_turn(load, 100);
  }
  return 0;
}

static int everybody_open(struct load *load) {
  const struct load_options *options = &load->options;
  load->publishers = calloc((size_t)options->publishers + 1, sizeof *load->publishers);
  if (watchers_open(load))
    return -1;
  for (int i = 0; i < options->publishers; i++)
    if (publisher_init(&load->publishers[i], load, i % options->requests))
      return -1;
  uint64_t deadline = usage_now_ns() + (uint64_t)(SETTLE_S * 1e9);
  while (load->connected < load->link_count + options->publishers)
    if (load->errors || usage_now_ns() > deadline) {
      fprintf(stderr, "load: %d of %d connections open\n", load->connected,
              load->link_count + options->publishers);
      return -1;
    } else
      load_turn(load, 100);
  return 0;
}

/* How many events the publishers may have sent by now. */
static uint64_t allowed(const struct load *load, uint64_t start_ns, uint64_t now_ns) {
  const struct load_options *options = &load->options;
  uint64_t most = options->count ? (uint64_t)options->count : UINT64_MAX;
  if (options->rate > 0) {
    uint64_t due = (uint64_t)((double)(now_ns - start_ns) / 1e9 * options->rate) + 1;
    most = due < most ? due : most;
  } else if (options->watchers) {
    uint64_t window = load->delivered / (uint64_t)options->watchers + (uint64_t)options->window;
    most = window < most ? window : most;
  }
  return most;
}

static uint64_t due_ns(const struct load *load, uint64_t start_ns, uint64_t now_ns) {
  double rate = load->options.rate;
  return rate > 0 ? start_ns + (uint64_t)((double)load->sent / rate * 1e9) : now_ns;
}

/* Sends what may be sent; each publisher has its turn. Fixed rates: one event at a time, each with
 * the time at which it was due. */
static void publish(struct load *load, uint64_t start_ns) {
  static int next;
  const struct load_options *options = &load->options;
  uint64_t now_ns = usage_now_ns();
  uint64_t most = allowed(load, start_ns, now_ns);
  for (int idle = 0; load->sent < most && idle < options->publishers;) {
    struct publisher *publisher = &load->publishers[next++ % options->publishers];
    if (!publisher_can_send(publisher)) {
      idle++;
      continue;
    }
    uint64_t wanted = options->rate > 0 ? 1 : most - load->sent;
    publisher_send(publisher, (int)(load->sent % (uint64_t)options->requests),
                   due_ns(load, start_ns, now_ns), wanted > 1024 ? 1024 : (int)wanted);
    idle = 0;
  }
  if (next >= options->publishers)
    next %= options->publishers;
}

static void run_until(struct load *load, uint64_t start_ns, uint64_t end_ns) {
  while (usage_now_ns() < end_ns && !load->errors) {
    publish(load, start_ns);
    load_turn(load, TICK_MS);
    if (load->options.count && load->acked >= (uint64_t)load->options.count)
      return;
  }
}

/* Until all that was sent is acknowledged, and what is acknowledged delivered to each. The number
 * of deliveries too few or too many. */
static double settle(struct load *load) {
  uint64_t deadline = usage_now_ns() + (uint64_t)(SETTLE_S * 1e9);
  uint64_t watchers = (uint64_t)load->options.watchers;
  while ((load->acked < load->sent || load->delivered < load->acked * watchers) && !load->errors &&
         usage_now_ns() < deadline)
    load_turn(load, 10);
  for (int i = 0; i < 5; i++)
    load_turn(load, 1); /* would show one too many */
  return (double)(load->acked * watchers) - (double)load->delivered;
}

static void report_latency(const char *name, const struct histogram *histogram) {
  static const struct {
    const char *name;
    double share;
  } points[] = {{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}};
  for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
    char text[64];
    snprintf(text, sizeof text, "%s_%s_us", name, points[i].name);
    report_number(text, (double)histogram_at(histogram, points[i].share) / 1e3);
  }
}

static void report(const struct load *load, const struct mark *from, const struct mark *to,
                   double missing) {
  double seconds = (double)(to->at_ns - from->at_ns) / 1e9;
  double delivered = (double)(to->delivered - from->delivered);
  double acked = (double)(to->acked - from->acked);
  double work = delivered > 0 ? delivered : acked;
  report_begin(load);
  report_number("seconds", seconds);
  report_number("published_per_s", acked / seconds);
  report_number("delivered_per_s", delivered / seconds);
  report_latency("latency", &load->latency);
  report_latency("ack", &load->ack);
  report_number("generator_cpu", (to->own_cpu_s - from->own_cpu_s) / seconds);
  report_number("generator_us_each",
                work > 0 ? (to->own_cpu_s - from->own_cpu_s) / work * 1e6 : NAN);
  report_number("server_cpu", (to->server_cpu_s - from->server_cpu_s) / seconds);
  report_number("server_us_each",
                work > 0 ? (to->server_cpu_s - from->server_cpu_s) / work * 1e6 : NAN);
  report_number("server_rss_kb", (double)usage_rss_kb(&load->options.pids));
  report_number("published", (double)load->acked);
  report_number("delivered", (double)load->delivered);
  report_number("missing", missing);
  report_number("errors", (double)load->errors);
  report_end();
}

int flow_run(struct load *load) {
  const struct load_options *options = &load->options;
  if (everybody_open(load))
    return 1;
  uint64_t start_ns = usage_now_ns();
  uint64_t warm_ns = start_ns + (uint64_t)(options->warmup_s * 1e9);
  if (!options->count)
    run_until(load, start_ns, warm_ns);
  memset(&load->latency, 0, sizeof load->latency);
  memset(&load->ack, 0, sizeof load->ack);
  struct mark from = mark_now(load);
  run_until(load, start_ns,
            options->count ? UINT64_MAX : warm_ns + (uint64_t)(options->seconds * 1e9));
  struct mark to = mark_now(load);
  uint64_t errors = load->errors;
  double missing = settle(load);
  report(load, &from, &to, missing);
  return errors || missing != 0;
}
