/* One watcher that comes when all events are there already: how fast it gets them. */
#include "bench/load.h"

#include <stdio.h>
#include <stdlib.h>

#define PATIENCE_S 120.0

int replay_run(struct load *load) {
  const struct load_options *options = &load->options;
  struct link link = {.load = load, .take = watcher_take, .path = watcher_path(load, 0, true)};
  double cpu = usage_cpu_s(&options->pids), own = usage_own_cpu_s();
  uint64_t start_ns = usage_now_ns(), first_ns = 0;
  uint64_t deadline = start_ns + (uint64_t)(PATIENCE_S * 1e9);
  if (link_open(&link))
    return 1;
  while (link.count < (uint64_t)options->count && !load->errors && load->turn_ns < deadline) {
    load_turn(load, 1000);
    if (!first_ns && link.count)
      first_ns = load->turn_ns;
  }
  double seconds = (double)(usage_now_ns() - start_ns) / 1e9;
  report_begin(load);
  report_number("seconds", seconds);
  report_number("delivered", (double)link.count);
  report_number("delivered_per_s", (double)link.count / seconds);
  report_number("first_after_us", (double)(first_ns - start_ns) / 1e3);
  report_number("server_us_each", (usage_cpu_s(&options->pids) - cpu) / (double)link.count * 1e6);
  report_number("generator_us_each", (usage_own_cpu_s() - own) / (double)link.count * 1e6);
  report_number("missing", (double)options->count - (double)link.count);
  report_number("errors", (double)load->errors);
  report_end();
  bool good = link.count == (uint64_t)options->count;
  link_close(&link);
  return !good;
}
