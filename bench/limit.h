/*
 * The limit: what a server on this machine could reach that does nothing but what it cannot leave
 * out. One thread, one epoll; frames are made once for all, and each session gets one write a turn.
 * It checks nothing, and knows no tokens. With a log, events are appended to a file in groups, each
 * with one fdatasync, before they are answered and shown to anyone.
 */
#ifndef BENCH_LIMIT_H
#define BENCH_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that grow. */
struct bytes {
  uint8_t *data;
  size_t size, room;
};
uint8_t *bytes_room(struct bytes *bytes,
                    size_t more); /* where `more` may be written; ends the process without memory */
void bytes_add(struct bytes *bytes, const void *data, size_t size);

struct session {
  int fd;
  bool websocket, waits, closed; /* waits: for its socket to drain */
  unsigned acks;                 /* of this turn */
  size_t at;                     /* all before it of its channel is sent, or in `out` */
  struct channel *channel;
  struct session *next, *next_answered;
  struct bytes in, out;
};

struct channel {
  char *id;
  struct bytes frames; /* from `base` on */
  size_t base;
  unsigned waiting; /* sessions that wait */
  bool touched;     /* in this turn */
  struct session *sessions;
  struct channel *next, *next_touched;
};

/* What is published in one turn, or commit. */
struct entry {
  struct session *from;
  struct channel *to;
  size_t frame, size; /* in `frames` */
};
struct batch {
  struct bytes frames, entries;
};

struct limit {
  int epoll, listener;
  bool keep; /* frames for those who come later: from=start */
  struct log *log;
  struct batch *forming;
};

/* limit_session.c */
void session_accept(struct limit *limit);
void session_event(struct limit *limit, struct session *session, uint32_t events);
void session_deliver(struct limit *limit, struct session *session);

/* limit_channel.c */
struct channel *channel_find(const char *id, size_t size); /* made when there is none */
void batch_add(struct batch *batch, struct session *from, struct channel *to, const uint8_t *event,
               size_t size);
/* Answers who published it, then delivers it, and empties it. */
void batch_commit(struct limit *limit, struct batch *batch);

/* limit_log.c */
struct log *log_open(const char *path,
                     int epoll); /* NULL: cannot; epoll tells of a commit with data.ptr the log */
/* Hands the batch that forms to the log's thread, when that is not busy. */
void log_submit(struct limit *limit);
/* The thread is done: hands on the next batch, then commits the one. */
void log_done(struct limit *limit);

#endif
