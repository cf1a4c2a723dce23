/* Group commit: one thread that writes a batch and waits for the disk, while the next one forms.
   The file has its size from the beginning and is written over, as SQLite's log is after its first
   checkpoint: nothing else of a file system is in the way. */
#include "bench/limit.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define FILE_BYTES (16u << 20)
#define BLOCK 4096u

struct log {
  int fd, wake, done; /* eventfds hand `busy` to the thread, and back */
  off_t at;
  struct batch *busy;   /* NULL: the thread waits */
  struct batch more[2]; /* one forms, one is busy, one is being delivered */
  struct batch *spare[3];
  int spares;
};

static void pass(int event) {
  uint64_t one = 1;
  if (write(event, &one, sizeof one) != sizeof one)
    abort();
}

static void await(int event) {
  uint64_t count;
  if (read(event, &count, sizeof count) != sizeof count)
    abort();
}

static void *log_thread(void *user) {
  struct log *log = user;
  for (;;) {
    await(log->wake);
    const struct bytes *frames = &log->busy->frames;
    off_t size = (off_t)frames->size;
    if (log->at + size > (off_t)FILE_BYTES)
      log->at = 0;
    if (pwrite(log->fd, frames->data, frames->size, log->at) != size || fdatasync(log->fd)) {
      perror("limit: log");
      exit(1);
    }
    log->at += (size + BLOCK - 1) / BLOCK * BLOCK;
    pass(log->done);
  }
  return NULL;
}

static int fill(int fd) {
  static const uint8_t zeros[1 << 20];
  for (size_t done = 0; done < FILE_BYTES; done += sizeof zeros)
    if (write(fd, zeros, sizeof zeros) != (ssize_t)sizeof zeros)
      return -1;
  return fsync(fd);
}

struct log *log_open(const char *path, int epoll) {
  struct log *log = calloc(1, sizeof *log);
  pthread_t thread;
  if (!log)
    abort();
  log->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  log->wake = eventfd(0, EFD_CLOEXEC);
  log->done = eventfd(0, EFD_CLOEXEC);
  log->spare[log->spares++] = &log->more[0];
  log->spare[log->spares++] = &log->more[1];
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = log};
  if (log->fd < 0 || fill(log->fd) || epoll_ctl(epoll, EPOLL_CTL_ADD, log->done, &event) ||
      pthread_create(&thread, NULL, log_thread, log)) {
    perror("limit: log");
    exit(1);
  }
  return log;
}

void log_submit(struct limit *limit) {
  struct log *log = limit->log;
  if (log->busy || !limit->forming->entries.size)
    return;
  log->busy = limit->forming;
  limit->forming = log->spare[--log->spares];
  pass(log->wake);
}

void log_done(struct limit *limit) {
  struct log *log = limit->log;
  struct batch *done = log->busy;
  await(log->done);
  log->busy = NULL;
  log_submit(limit);
  batch_commit(limit, done);
  log->spare[log->spares++] = done;
}
