/*
 * The client's half of the NATS protocol, as far as a load needs it: publishes to a JetStream
 * stream of the name STREAM, each answered, and ordered consumers without acknowledgements, one a
 * watcher.
 */
#define _GNU_SOURCE /* memmem */

#include "bench/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STREAM "BENCH" /* of the subjects bench.>; whoever starts the server makes it */
#define SID_EVENTS 1
#define SID_ANSWERS 2

static const char CONNECT[] = "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"c\","
                              "\"version\":\"0\",\"protocol\":1}\r\n";

/* Subjects that nobody else uses: of this process and this connection. */
static int own_subject(const struct link *link, const char *what, char *out, size_t size) {
  return snprintf(out, size, "%s.%ld.%d", what, (long)getpid(), link->fd);
}

char *nats_path(const struct load *load, int request, bool all) {
  char text[160];
  snprintf(text, sizeof text, "{\"deliver_policy\":\"%s\",\"filter_subject\":\"bench.%.64s%d\",",
           all ? "all" : "new", load->options.prefix, request);
  return strdup(text);
}

size_t nats_greeting(const struct link *link, char *text, size_t size) {
  char events[48], answers[48], config[512];
  own_subject(link, "events", events, sizeof events);
  own_subject(link, "answers", answers, sizeof answers);
  int n = snprintf(text, size, "%sSUB %s %d\r\n", CONNECT, answers, SID_ANSWERS);
  if (!link->path)
    return (size_t)(n + snprintf(text + n, size - (size_t)n, "PING\r\n"));
  int len = snprintf(config, sizeof config,
                     "{\"stream_name\":\"" STREAM "\",\"config\":%s\"deliver_subject\":\"%s\","
                     "\"ack_policy\":\"none\",\"mem_storage\":true}}",
                     link->path, events);
  n += snprintf(text + n, size - (size_t)n,
                "SUB %s %d\r\nPUB $JS.API.CONSUMER.CREATE." STREAM " %s %d\r\n%s\r\n", events,
                SID_EVENTS, answers, len, config);
  return (size_t)n;
}

size_t nats_publish_head(const struct link *link, int request, size_t event_size, char *text,
                         size_t size) {
  char answers[48];
  own_subject(link, "answers", answers, sizeof answers);
  return (size_t)snprintf(text, size, "PUB bench.%s%d %s %zu\r\n", link->load->options.prefix,
                          request, answers, event_size);
}

/* ---- what comes ---- */

static void opened(struct link *link) {
  if (link->state != LINK_UPGRADING)
    return;
  free((char *)link->path);
  link->path = NULL;
  link->state = LINK_OPEN;
  link->load->connected++;
}

static void refused(struct link *link, const void *why, size_t size) {
  if (!link->load->errors++)
    fprintf(stderr, "load: %.*s\n", (int)size, (const char *)why);
}

static void take_event(struct link *link, const uint8_t *payload, size_t size) {
  struct load *load = link->load;
  uint64_t due;
  if (!watcher_event_due(load, payload, size, &due))
    return;
  load->delivered++;
  link->count++;
  histogram_add(&load->latency, load->turn_ns > due ? load->turn_ns - due : 0);
}

static void take_message(struct link *link, int sid, const uint8_t *payload, size_t size) {
  bool is_good = memmem(payload, size, "\"error\"", 7) == NULL;
  if (sid == SID_EVENTS)
    take_event(link, payload, size);
  else if (link->sends)
    publisher_answered((struct publisher *)link, is_good);
  else if (is_good)
    opened(link);
  if (sid == SID_ANSWERS && !is_good)
    refused(link, payload, size);
}

/* One line and what belongs to it; how many bytes, 0 when it is not all there. */
static size_t take_one(struct link *link, uint8_t *bytes, size_t size) {
  uint8_t *end = memmem(bytes, size, "\r\n", 2);
  if (end == NULL)
    return 0;
  size_t line = (size_t)(end - bytes) + 2;
  *end = 0;
  int sid = 0;
  size_t payload = 0;
  if (sscanf((char *)bytes, "MSG %*s %d %*s %zu", &sid, &payload) == 2 ||
      sscanf((char *)bytes, "MSG %*s %d %zu", &sid, &payload) == 2) {
    *end = '\r'; /* may be read again */
    if (size - line < payload + 2)
      return 0;
    take_message(link, sid, bytes + line, payload);
    return line + payload + 2;
  }
  if (!strcmp((char *)bytes, "PING"))
    link_send(link, "PONG\r\n", 6);
  else if (!strcmp((char *)bytes, "PONG"))
    opened(link);
  else if (*bytes == '-')
    refused(link, bytes, line - 2);
  return line;
}

size_t nats_take(struct link *link, uint8_t *bytes, size_t size) {
  size_t done = 0, one;
  while (link->state != LINK_CLOSED && (one = take_one(link, bytes + done, size - done)) > 0)
    done += one;
  return done;
}
