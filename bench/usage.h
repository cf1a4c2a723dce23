/* What processes cost: CPU time and resident memory, from getrusage and /proc. */
#ifndef BENCH_USAGE_H
#define BENCH_USAGE_H

#include <stdint.h>

#define USAGE_PIDS 16

/* The processes of the server under test. */
struct usage_pids {
  int pid[USAGE_PIDS];
  int count;
};

/* "PID[,PID …]"; 0, or -1 when it is something else. */
int usage_pids_parse(struct usage_pids *pids, const char *text);

uint64_t usage_now_ns(void);                       /* the monotonic clock */
double usage_own_cpu_s(void);                      /* user and system time of this process */
double usage_cpu_s(const struct usage_pids *pids); /* in ticks of 10 ms */
long usage_rss_kb(const struct usage_pids *pids);

#endif
