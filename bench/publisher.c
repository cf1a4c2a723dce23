/* Publishers: over HTTP one event at a time on a kept-alive connection, over WebSocket and NATS
 * many. */
#define _GNU_SOURCE /* memmem */

#include "bench/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/wire.h"

#define FRAMES_BYTES (256 * 1024) /* of one send */

bool publisher_can_send(const struct publisher *publisher) {
  return publisher->link.state == LINK_OPEN && publisher->under_way < publisher->depth &&
         publisher->link.out_size < FRAMES_BYTES;
}

static void publisher_sent(struct publisher *publisher, uint64_t due) {
  int at = (publisher->first + publisher->under_way++) % publisher->depth;
  publisher->due[at] = due;
  publisher->link.load->sent++;
}

void publisher_answered(struct publisher *publisher, bool good) {
  struct load *load = publisher->link.load;
  if (!publisher->under_way)
    return;
  uint64_t due = publisher->due[publisher->first];
  publisher->first = (publisher->first + 1) % publisher->depth;
  publisher->under_way--;
  if (good)
    load->acked++;
  else
    load->errors++;
  histogram_add(&load->ack, load->turn_ns > due ? load->turn_ns - due : 0);
}

/* An event of the wanted size, or as small as it gets. */
static size_t event_write(const struct load *load, char *text, size_t size, uint64_t due) {
  int head =
      snprintf(text, size, "{\"type\":\"execution_progress\",\"data\":{\"at\":%llu,\"pad\":\"",
               (unsigned long long)(due + LOAD_AT_BASE));
  size_t pad =
      load->options.event_bytes > head + 3 ? (size_t)(load->options.event_bytes - head - 3) : 0;
  memset(text + head, 'x', pad);
  memcpy(text + head + pad, "\"}}", 3);
  return (size_t)head + pad + 3;
}

static void send_http(struct publisher *publisher, int request, uint64_t due) {
  static char text[2 * FRAMES_BYTES], event[FRAMES_BYTES];
  const struct load_options *options = &publisher->link.load->options;
  size_t size = event_write(publisher->link.load, event, sizeof event, due);
  int head;
  if (options->dialect == LOAD_NCHAN)
    head = snprintf(text, sizeof text,
                    "POST /pub?id=%s%d HTTP/1.1\r\nHost: bench\r\nContent-Length: %zu\r\n\r\n",
                    options->prefix, request, size);
  else
    head = snprintf(
        text, sizeof text,
        "POST /api/v1/requests/%s%d/events HTTP/1.1\r\nHost: bench\r\n"
        "Authorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
        options->prefix, request, options->token ? options->token : "-", size);
  memcpy(text + head, event, size);
  publisher_sent(publisher, due);
  link_send(&publisher->link, text, (size_t)head + size);
}

/* {"type":"publish","event":EVENT} as a masked frame. */
static size_t frame_write(const struct load *load, uint8_t *out, uint64_t due) {
  static const char head[] = "{\"type\":\"publish\",\"event\":";
  static char event[FRAMES_BYTES];
  size_t size = event_write(load, event, sizeof event, due);
  size_t payload = sizeof head - 1 + size + 1;
  size_t at = wire_header_write(out, WIRE_TEXT, payload, 1);
  memcpy(out + at, head, sizeof head - 1);
  memcpy(out + at + sizeof head - 1, event, size);
  out[at + payload - 1] = '}';
  wire_mask(out + at, payload, WIRE_MASK);
  return at + payload;
}

static size_t message_write(const struct link *link, int request, uint8_t *out, size_t size,
                            uint64_t due) {
  static char event[FRAMES_BYTES];
  size_t len = event_write(link->load, event, sizeof event, due);
  size_t head = nats_publish_head(link, request, len, (char *)out, size);
  memcpy(out + head, event, len);
  memcpy(out + head + len, "\r\n", 2);
  return head + len + 2;
}

static int send_many(struct publisher *publisher, int request, uint64_t due, int wanted) {
  static uint8_t out[2 * FRAMES_BYTES];
  struct load *load = publisher->link.load;
  size_t size = 0;
  int count = 0;
  while (count < wanted && publisher->under_way < publisher->depth && size < FRAMES_BYTES) {
    if (load->options.dialect == LOAD_NATS)
      size += message_write(&publisher->link, request, out + size, sizeof out - size, due);
    else
      size += frame_write(load, out + size, due);
    publisher_sent(publisher, due);
    count++;
  }
  link_send(&publisher->link, out, size);
  return count;
}

int publisher_send(struct publisher *publisher, int request, uint64_t due, int wanted) {
  const struct load_options *options = &publisher->link.load->options;
  if (options->pipeline || options->dialect == LOAD_NATS)
    return send_many(publisher, request, due, wanted);
  send_http(publisher, request, due);
  return 1;
}

static size_t take_answers(struct link *link, uint8_t *bytes, size_t size) {
  struct publisher *publisher = (struct publisher *)link;
  size_t done = 0, head, one;
  while ((one = wire_http_read((const char *)bytes + done, size - done, &head)) > 0) {
    bool good = one > 12 && bytes[done + 9] == '2';
    if (!good && !link->load->errors)
      fprintf(stderr, "load: %.*s\n", (int)one, (const char *)bytes + done);
    publisher_answered(publisher, good);
    done += one;
  }
  return done;
}

static void take_frame(struct publisher *publisher, const struct wire_frame *frame) {
  static const char yes[] = "\"type\":\"published\"", no[] = "\"type\":\"protocol_error\"";
  size_t look = frame->length < 64 ? frame->length : 64;
  if (memmem(frame->payload, look, yes, sizeof yes - 1)) {
    publisher_answered(publisher, true);
  } else if (memmem(frame->payload, look, no, sizeof no - 1)) {
    if (!publisher->link.load->errors)
      fprintf(stderr, "load: %.*s\n", (int)frame->length, (const char *)frame->payload);
    publisher_answered(publisher, false);
  }
}

/* A publisher's WebSocket also delivers: those events are not counted, but read. */
static size_t take_frames(struct link *link, uint8_t *bytes, size_t size) {
  if (link->state != LINK_OPEN)
    return watcher_take(link, bytes, size);
  size_t done = 0, one;
  struct wire_frame frame;
  while ((one = wire_frame_read(bytes + done, size - done, &frame)) > 0) {
    take_frame((struct publisher *)link, &frame);
    done += one;
  }
  return done;
}

int publisher_init(struct publisher *publisher, struct load *load, int request) {
  int pipeline = load->options.pipeline;
  bool is_nats = load->options.dialect == LOAD_NATS;
  *publisher = (struct publisher){
      .link = {.load = load,
               .request = request,
               .sends = 1,
               .take = is_nats    ? nats_take
                       : pipeline ? take_frames
                                  : take_answers,
               .path = pipeline && !is_nats ? watcher_path(load, request, false) : NULL},
      .depth = pipeline ? pipeline : 1};
  publisher->due = calloc((size_t)publisher->depth, sizeof *publisher->due);
  return publisher->due && link_open(&publisher->link) == 0 ? 0 : -1;
}
