/* near_end: a connection of the code under test, and what its handlers saw. */
#ifndef CWS_TEST_NEAR_END_H
#define CWS_TEST_NEAR_END_H

#include "tests/unit/support/rig.h"

#include "server/net/connection.h"
#include "tests/unit/support/far_end.h"

struct near_end {
  struct connection *c; /* NULL once it has closed */
  struct buf in;
  int datas, drains, closes;
  void (*on_data)(struct near_end *near); /* after the bytes are in `in`; NULL for nothing */
  void (*on_drain)(struct near_end *near);
};

/* Joins near and far over the loop of `rig`. */
void near_open(struct near_end *near, struct rig *rig, enum far_kind kind, bool tls,
               struct far_end *far);
/* Adopts a socket that is joined already. */
void near_adopt(struct near_end *near, struct rig *rig, int fd, bool tls);
void near_free(struct near_end *near);
bool near_has(const struct near_end *near, const char *text);
/* Sends all of it from the far end, turning the loop as needed. */
void far_send(struct far_end *far, struct rig *rig, const void *bytes, size_t len);
/* Some turns, in which nothing is to happen. */
void settle(struct rig *rig);

#endif
