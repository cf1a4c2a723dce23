/*
 * frames: a WebSocket parser that writes down what it finds, a line each: "text Hello", "ping ",
 * "close 1000 bye". Bytes that are not printable stand as \x1f.
 */
#ifndef TESTS_UNIT_CORE_FRAMES_H
#define TESTS_UNIT_CORE_FRAMES_H

#include "lib/core/ws_frame.h"

struct frames {
  struct ws_parser parser;
  struct buf lines;
  const char *reason; /* of the failure */
  int code;           /* what the last feed returned */
};

void frames_init(struct frames *f, enum ws_role role, uint32_t max_message);
void frames_finish(struct frames *f);
/* Feeds a copy in a block of exactly that size; nothing once it has failed. Returns f->code. */
int frames_feed(struct frames *f, const char *bytes, size_t len);

#endif
