#include "bench/usage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

int usage_pids_parse(struct usage_pids *pids, const char *text) {
  for (char *end; *text; text = *end == ',' ? end + 1 : end) {
    long pid = strtol(text, &end, 10);
    if (end == text || pid <= 0 || pids->count == USAGE_PIDS || (*end && *end != ','))
      return -1;
    pids->pid[pids->count++] = (int)pid;
  }
  return 0;
}

uint64_t usage_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

double usage_own_cpu_s(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int read_proc(int pid, const char *name, char *text, size_t size) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  FILE *file = fopen(path, "r");
  if (!file)
    return -1;
  size_t got = fread(text, 1, size - 1, file);
  text[got] = 0;
  fclose(file);
  return 0;
}

static double cpu_of(int pid) {
  char text[4096];
  unsigned long user = 0, system = 0;
  if (read_proc(pid, "stat", text, sizeof text))
    return 0;
  /* The second field is a name in brackets, which may hold anything; the 14th and 15th are what is
   * asked for. */
  const char *rest = strrchr(text, ')');
  if (!rest ||
      sscanf(rest + 1, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu", &user, &system) != 2)
    return 0;
  return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

double usage_cpu_s(const struct usage_pids *pids) {
  double sum = 0;
  for (int i = 0; i < pids->count; i++)
    sum += cpu_of(pids->pid[i]);
  return sum;
}

long usage_rss_kb(const struct usage_pids *pids) {
  long sum = 0;
  for (int i = 0; i < pids->count; i++) {
    char text[8192];
    const char *line =
        read_proc(pids->pid[i], "status", text, sizeof text) ? NULL : strstr(text, "VmRSS:");
    if (line)
      sum += strtol(line + strlen("VmRSS:"), NULL, 10);
  }
  return sum;
}
