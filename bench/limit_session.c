/* Connections of the limit: HTTP publishers, and WebSockets that watch and publish. */
#define _GNU_SOURCE /* accept4 */

#include "bench/limit.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/wire.h"

#define READ_BYTES (256 * 1024)
#define WRITE_BYTES (256 * 1024)

static void interest_set(struct limit *limit, struct session *session, int operation,
                         uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = session};
  epoll_ctl(limit->epoll, operation, session->fd, &event);
}

void session_accept(struct limit *limit) {
  for (int fd; (fd = accept4(limit->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
    struct session *session = calloc(1, sizeof *session);
    if (!session)
      abort();
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    session->fd = fd;
    interest_set(limit, session, EPOLL_CTL_ADD, EPOLLIN);
  }
}

/* It stays in its channel's list and in batches under way, so it is only marked: a limit lives for
 * one measurement. */
static void session_close(struct session *session) {
  close(session->fd);
  free(session->in.data);
  free(session->out.data);
  session->in = session->out = (struct bytes){0};
  session->closed = true;
}

static void waits_set(struct limit *limit, struct session *session, bool waits) {
  if (session->waits == waits)
    return;
  session->waits = waits;
  if (session->channel)
    session->channel->waiting += waits ? 1u : -1u;
  interest_set(limit, session, EPOLL_CTL_MOD, waits ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void session_send(struct limit *limit, struct session *session, const void *data,
                         size_t size) {
  ssize_t sent = session->out.size ? 0 : send(session->fd, data, size, MSG_NOSIGNAL);
  size_t done = sent < 0 ? 0 : (size_t)sent;
  if (done == size)
    return;
  bytes_add(&session->out, (const uint8_t *)data + done, size - done);
  waits_set(limit, session, true);
}

void session_deliver(struct limit *limit, struct session *session) {
  static struct bytes acks;
  static const char ack[] =
      "{\"type\":\"published\",\"data\":{\"message_id\":1234567,\"duplicate\":false}}";
  if (session->closed)
    return;
  acks.size = 0;
  for (; session->acks; session->acks--) {
    acks.size +=
        wire_header_write(bytes_room(&acks, WIRE_HEADER_MAX), WIRE_TEXT, sizeof ack - 1, 0);
    bytes_add(&acks, ack, sizeof ack - 1);
  }
  if (acks.size)
    session_send(limit, session, acks.data, acks.size);
  struct channel *channel = session->channel;
  while (channel && !session->out.size && session->at < channel->base + channel->frames.size) {
    size_t from = session->at - channel->base, size = channel->frames.size - from;
    size = size < WRITE_BYTES ? size : WRITE_BYTES;
    session->at += size;
    session_send(limit, session, channel->frames.data + from, size);
  }
}

static void session_flush(struct limit *limit, struct session *session) {
  ssize_t sent = send(session->fd, session->out.data, session->out.size, MSG_NOSIGNAL);
  if (sent < 0)
    return;
  session->out.size -= (size_t)sent;
  memmove(session->out.data, session->out.data + sent, session->out.size);
  if (session->out.size)
    return;
  waits_set(limit, session, false);
  session_deliver(limit, session);
}

static void session_upgrade(struct limit *limit, struct session *session, const char *id,
                            size_t size, bool from_start) {
  static const char answer[] =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
      "\x81\x21{\"type\":\"connection_established\"}";
  struct channel *channel = session->channel = channel_find(id, size);
  session->websocket = true;
  session->next = channel->sessions;
  channel->sessions = session;
  session->at = channel->base + (from_start ? 0 : channel->frames.size);
  session_send(limit, session, answer, sizeof answer - 1);
  session_deliver(limit, session);
}

/* GET /api/v1/ws/ID?from=… or POST /api/v1/requests/ID/events */
static void take_request(struct limit *limit, struct session *session, const char *text,
                         size_t head, size_t size) {
  static const char watch[] = "GET /api/v1/ws/", publish[] = "POST /api/v1/requests/";
  if (!memcmp(text, watch, sizeof watch - 1)) {
    const char *id = text + sizeof watch - 1, *end = id + strcspn(id, "? ");
    session_upgrade(limit, session, id, (size_t)(end - id), !memcmp(end, "?from=start", 11));
  } else if (!memcmp(text, publish, sizeof publish - 1)) {
    const char *id = text + sizeof publish - 1;
    struct channel *channel = channel_find(id, strcspn(id, "/"));
    batch_add(limit->forming, session, channel, (const uint8_t *)text + head, size - head);
  }
}

static void take_frame(struct limit *limit, struct session *session,
                       const struct wire_frame *frame) {
  static const char publish[] = "{\"type\":\"publish\",\"event\":";
  size_t skip = sizeof publish - 1;
  if (frame->opcode == WIRE_TEXT && frame->length > skip && !memcmp(frame->payload, publish, skip))
    batch_add(limit->forming, session, session->channel, frame->payload + skip,
              frame->length - skip - 1);
}

static size_t take_one(struct limit *limit, struct session *session, uint8_t *bytes, size_t size) {
  if (session->websocket) {
    struct wire_frame frame;
    size_t one = wire_frame_read(bytes, size, &frame);
    if (one)
      take_frame(limit, session, &frame);
    return one;
  }
  size_t head, one = wire_http_read((const char *)bytes, size, &head);
  if (one)
    take_request(limit, session, (const char *)bytes, head, one);
  return one;
}

static void session_receive(struct limit *limit, struct session *session) {
  static uint8_t bytes[2 * READ_BYTES + 1];
  size_t size = session->in.size, done = 0;
  if (size)
    memcpy(bytes, session->in.data, size);
  ssize_t got = recv(session->fd, bytes + size, READ_BYTES, 0);
  if (got <= 0) {
    if (got == 0 || errno != EAGAIN)
      session_close(session);
    return;
  }
  size += (size_t)got;
  bytes[size] = 0;
  for (size_t one; (one = take_one(limit, session, bytes + done, size - done)) > 0;)
    done += one;
  session->in.size = 0;
  if (done < size)
    bytes_add(&session->in, bytes + done, size - done);
}

void session_event(struct limit *limit, struct session *session, uint32_t events) {
  if (session->closed)
    return;
  if (events & EPOLLOUT)
    session_flush(limit, session);
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
    session_receive(limit, session);
}
