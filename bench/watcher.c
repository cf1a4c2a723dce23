/* What a watcher says and hears. */
#define _GNU_SOURCE /* memmem */

#include "bench/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/wire.h"

static const char MARKER[] = "\"at\":";
#define MARKER_SIZE (sizeof MARKER - 1)
#define DIGITS 18

char *watcher_path(const struct load *load, int request, bool all) {
  const struct load_options *options = &load->options;
  char text[256];
  if (options->dialect == LOAD_NATS)
    return nats_path(load, request, all);
  if (options->dialect == LOAD_NCHAN)
    snprintf(text, sizeof text, "/%s/%s%d", all ? "all" : "sub", options->prefix, request);
  else
    snprintf(text, sizeof text, "/api/v1/ws/%s%d?from=%s", options->prefix, request,
             all ? "start" : "new");
  return strdup(text);
}

size_t watcher_upgrade(const struct link *link, char *text, size_t size) {
  const char *token = link->load->options.token;
  return (size_t)snprintf(text, size,
                          "GET %s HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s%s\r\n",
                          link->path, token ? "Authorization: Bearer " : "", token ? token : "",
                          token ? "\r\n" : "");
}

bool watcher_event_due(struct load *load, const uint8_t *text, size_t size, uint64_t *due) {
  size_t at = load->marker;
  if (at + MARKER_SIZE + DIGITS > size || memcmp(text + at, MARKER, MARKER_SIZE)) {
    const uint8_t *found = memmem(text, size, MARKER, MARKER_SIZE);
    if (!found || (size_t)(found - text) + MARKER_SIZE + DIGITS > size)
      return false;
    at = load->marker = (size_t)(found - text);
  }
  *due = 0;
  for (size_t i = 0; i < DIGITS; i++)
    *due = *due * 10 + (uint64_t)(text[at + MARKER_SIZE + i] - '0');
  *due -= LOAD_AT_BASE;
  return true;
}

static void answer_ping(struct link *link, const struct wire_frame *ping) {
  uint8_t pong[WIRE_HEADER_MAX + 125];
  size_t head = wire_header_write(pong, WIRE_PONG, ping->length, 1);
  memcpy(pong + head, ping->payload, ping->length);
  wire_mask(pong + head, ping->length, WIRE_MASK);
  link_send(link, pong, head + ping->length);
}

static void watcher_frame(struct link *link, const struct wire_frame *frame) {
  struct load *load = link->load;
  uint64_t due;
  if (frame->opcode == WIRE_TEXT && watcher_event_due(load, frame->payload, frame->length, &due)) {
    load->delivered++;
    link->count++;
    histogram_add(&load->latency, load->turn_ns > due ? load->turn_ns - due : 0);
  } else if (frame->opcode == WIRE_PING) {
    answer_ping(link, frame);
  } else if (link->state == LINK_UPGRADING) {
    link->state = LINK_OPEN; /* connection_established */
    load->connected++;
  }
}

static size_t upgraded(struct link *link, const uint8_t *bytes, size_t size) {
  size_t head;
  if (!wire_http_read((const char *)bytes, size, &head))
    return 0;
  if (memcmp(bytes, "HTTP/1.1 101", 12)) {
    if (!link->load->errors++)
      fprintf(stderr, "load: %.*s\n", (int)size, (const char *)bytes);
    link_close(link);
    return size;
  }
  free((char *)link->path);
  link->path = NULL;
  if (link->load->options.dialect == LOAD_NCHAN) {
    link->state = LINK_OPEN;
    link->load->connected++;
  }
  return head;
}

size_t watcher_take(struct link *link, uint8_t *bytes, size_t size) {
  if (link->load->options.dialect == LOAD_NATS)
    return nats_take(link, bytes, size);
  size_t done = link->path ? upgraded(link, bytes, size) : 0;
  struct wire_frame frame;
  while (!link->path && link->state != LINK_CLOSED) {
    size_t one = wire_frame_read(bytes + done, size - done, &frame);
    if (!one)
      break;
    watcher_frame(link, &frame);
    done += one;
  }
  return done;
}
