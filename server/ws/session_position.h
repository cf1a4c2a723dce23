/*
 * session_position: where a session starts in its stream. PROTOCOL "Where a session starts". Pure:
 * it decides, the feed does.
 */
#ifndef CWS_WS_SESSION_POSITION_H
#define CWS_WS_SESSION_POSITION_H

#include "server/hub/hub.h"

enum position_from { POSITION_FROM_ACKED, POSITION_FROM_START, POSITION_FROM_NEW };

/* What the client asked for. */
struct position_wish {
  int64_t after;                 /* -1: not asked for */
  char epoch[CWS_EPOCH_MAX + 1]; /* that `after` belongs to; "" for none */
  enum position_from from;
};

struct position {
  int64_t resume_from; /* the session follows on from here */
  int64_t ack_floor;   /* acks up to here acknowledge nothing new */
  bool is_other_epoch; /* `after` is no place in this stream: a gap is to be told, the replay starts
                          at 1 */
};

/*
 * An `after` with the stream's epoch is a client that comes back and says what it has: its late
 * acks up to there still count (floor 0). Any other start is merely a place: the events before it
 * may never have been seen, so that an ack of the hello's own message_id must not acknowledge them.
 * Where hubs share the store, who comes back may be ahead of this one: it goes on from there once
 * this one has caught up.
 */
void position_choose(const struct position_wish *wish, int64_t acked,
                     const struct stream_info *info, struct position *out);

#endif
