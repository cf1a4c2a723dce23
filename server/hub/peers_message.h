/*
 * peers_message: what a hub tells the others of its watchers, as bytes. Pure.
 *
 *   'w', version 1, flags (1: the hub ends, forget what it told), the hub's id (8 bytes, lowest
 *   first), then for each request: the length of its id (1 byte), its id, how many watch it
 *   (LEB128; 0: none any more).
 *
 * A message says nothing of requests that it does not name.
 */
#ifndef CWS_HUB_PEERS_MESSAGE_H
#define CWS_HUB_PEERS_MESSAGE_H

#include "lib/core/buf.h"
#include <councilws/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEERS_MESSAGE_BYTES ((size_t)32 * 1024) /* of one; longer ones are none */
#define PEERS_WATCHERS_MAX 0x7fffffffu

/* Writes as many messages as it takes. When memory is out some are not sent. */
struct peers_writer {
  struct buf bytes;
  uint64_t hub;
  void (*send)(const void *bytes, size_t len, void *user);
  void *user;
};
void peers_writer_init(struct peers_writer *w, uint64_t hub,
                       void (*send)(const void *bytes, size_t len, void *user), void *user);
void peers_writer_add(struct peers_writer *w, const char *request_id, uint32_t watchers);
/* That the hub ends; nothing is to be added afterwards. */
void peers_writer_leave(struct peers_writer *w);
void peers_writer_finish(struct peers_writer *w); /* sends the rest */

struct peers_reader {
  const uint8_t *at, *end;
  uint64_t hub;
  bool is_leaving;
};
/* Looks through all of it. False: it is no message, or one of a version that this hub cannot read.
 */
bool peers_reader_init(struct peers_reader *r, const void *bytes, size_t len);
/* False: that was all. */
bool peers_reader_next(struct peers_reader *r, char request_id[CWS_REQUEST_ID_MAX + 1],
                       uint32_t *watchers);

#endif
