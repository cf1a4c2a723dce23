/*
 * bench_append: events/s with 1, 16 and 64 publishers that each wait for their answer, 300-byte
 * events, a request per publisher; beside it one loop that writes 4 KiB and calls fdatasync, in the
 * same directory. Usage: bench_store_append [DIRECTORY] [SECONDS] [normal|full]
 */
#include "server/store/store.h"
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EVENT_BYTES 300
#define RING 64

struct publisher {
  struct store_append append; /* first */
  struct store *s;
  struct store_event event;
  char request[16];
  int64_t count;
};

static atomic_bool stopping;
static atomic_int running;
static sem_t all_done;
static char data[EVENT_BYTES];

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Answered: the next one, at once. */
static void done(struct store_append *append) {
  struct publisher *p = (struct publisher *)append;
  if (append->code != 0)
    abort();
  p->count++;
  if (!atomic_load(&stopping) && store_append(p->s, append) == 0)
    return;
  if (atomic_fetch_sub(&running, 1) == 1)
    sem_post(&all_done);
}

static void choose_epoch(const char *request_id, char out[CWS_EPOCH_MAX + 1], void *user) {
  (void)request_id;
  (void)user;
  snprintf(out, CWS_EPOCH_MAX + 1, "epoch");
}

static double run_store(const char *dir, int publishers, double seconds, bool normal) {
  char uri[300];
  struct store *s;
  struct store_options options = {.durability_normal = normal,
                                  .listener.choose_epoch = choose_epoch};
  struct cws_error err = {0};
  snprintf(uri, sizeof(uri), "sqlite:%s/bench-%d.db", dir, publishers);
  if (store_open(uri, &options, &s, &err) != 0) {
    fprintf(stderr, "%s\n", err.message);
    exit(1);
  }
  struct publisher *all = calloc((size_t)publishers, sizeof(*all));
  atomic_store(&stopping, false);
  atomic_store(&running, publishers);
  double begin = now_s();
  for (int i = 0; i < publishers; i++) {
    struct publisher *p = &all[i];
    p->s = s;
    p->event = (struct store_event){.type = "execution_progress",
                                    .timestamp = "2026-11-23T08:18:52.123Z",
                                    .data = data,
                                    .data_len = sizeof(data)};
    snprintf(p->request, sizeof(p->request), "req-%d", i);
    p->append = (struct store_append){
        .request_id = p->request, .events = &p->event, .count = 1, .done = done};
    store_append(s, &p->append);
  }
  struct timespec nap = {.tv_sec = (time_t)seconds,
                         .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
  nanosleep(&nap, NULL);
  atomic_store(&stopping, true);
  while (sem_wait(&all_done) != 0)
    ;
  double took = now_s() - begin;
  int64_t events = 0;
  for (int i = 0; i < publishers; i++)
    events += all[i].count;
  store_close(s);
  free(all);
  return (double)events / took;
}

/* How often this disk can make something durable: blocks of a file that exists, as a log in use
 * does. */
static double run_bare(const char *dir, double seconds) {
  char path[300];
  static char block[4096];
  snprintf(path, sizeof(path), "%s/bare", dir);
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  for (int i = 0; i < RING; i++)
    if (write(fd, block, sizeof(block)) != (ssize_t)sizeof(block))
      exit(1);
  fsync(fd);
  int64_t n = 0;
  double begin = now_s();
  while (now_s() - begin < seconds) {
    if (pwrite(fd, block, sizeof(block), (n % RING) * 4096) != (ssize_t)sizeof(block) ||
        fdatasync(fd) != 0)
      exit(1);
    n++;
  }
  double rate = (double)n / (now_s() - begin);
  close(fd);
  unlink(path);
  return rate;
}

int main(int argc, char **argv) {
  const char *dir = argc > 1 ? argv[1] : ".";
  double seconds = argc > 2 ? atof(argv[2]) : 2;
  bool normal = argc > 3 && strcmp(argv[3], "normal") == 0;
  sem_init(&all_done, 0, 0);
  memset(data, 'x', sizeof(data));
  static const int publishers[] = {1, 16, 64};
  for (size_t i = 0; i < sizeof(publishers) / sizeof(*publishers); i++) {
    double bare = run_bare(dir, seconds / 2);
    double rate = run_store(dir, publishers[i], seconds, normal);
    bare = (bare + run_bare(dir, seconds / 2)) / 2;
    printf("%2d publishers: %8.0f events/s; bare 4 KiB + fdatasync %6.0f/s; ratio %.2f\n",
           publishers[i], rate, bare, rate / bare);
  }
  return 0;
}
