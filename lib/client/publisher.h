/*
 * publisher: the queue of events that are not yet answered, in the order they were
 * given, and the rules around it. How they travel is a transport's matter (publisher_ws.c,
 * publisher_http.c); whatever the transport, an event is never stored before an earlier one that
 * is going to be stored.
 */
#ifndef CWS_CLIENT_PUBLISHER_H
#define CWS_CLIENT_PUBLISHER_H

#include "lib/client/channel.h"
#include "lib/client/client.h"
#include "lib/client/http.h"
#include "lib/client/retry.h"
#include "lib/client/timer.h"

struct outgoing {
  struct outgoing *next;
  int64_t seq;
  size_t bytes; /* about what it has on the wire */
  struct cws_event_owned *event;
};

/* PUBLISHER_STARTING   cws_publisher_start has returned, the loop not yet run → OPENING, RUNNING
 * PUBLISHER_OPENING    the transport connects → RUNNING, BACKING_OFF, ENDED
 * PUBLISHER_RUNNING    events go out as they come → BACKING_OFF, CLOSING, ENDED
 * PUBLISHER_BACKING_OFF a timer runs; nothing goes out → OPENING, RUNNING
 * PUBLISHER_CLOSING    everything is answered, the transport says goodbye → ENDED
 * PUBLISHER_ENDED      on_end was called; only memory is left */
enum publisher_phase {
  PUBLISHER_STARTING,
  PUBLISHER_OPENING,
  PUBLISHER_RUNNING,
  PUBLISHER_BACKING_OFF,
  PUBLISHER_CLOSING,
  PUBLISHER_ENDED,
};

struct publisher_transport {
  const char *name;
  /* Makes ready to send; calls publisher_is_open then. Events that were sent before count as
   * unsent. */
  void (*open)(struct cws_publisher *p);
  /* In RUNNING: sends what the transport has room for. */
  void (*push)(struct cws_publisher *p);
  /* Everything is answered: says goodbye, then calls publisher_finish(p, NULL). */
  void (*close)(struct cws_publisher *p);
  /* Lets go of everything at once, without a callback. */
  void (*cut)(struct cws_publisher *p);
};
extern const struct publisher_transport publisher_ws, publisher_http;

struct cws_publisher {
  struct op op;
  enum publisher_phase phase;
  const struct publisher_transport *transport;
  struct cws_publisher_options options; /* its strings are owned */
  struct cws_publisher_handlers handlers;
  void *user;
  struct timer *timer; /* the next step: open, push, come back, close */
  struct retry retry;
  struct outgoing *head, *tail; /* unanswered, oldest first */
  int64_t count, next_seq;
  uint64_t id_prefix; /* of the event ids made here */
  bool is_ending;     /* cws_publisher_end was called */
  bool is_full;       /* a send was refused: on_ready is owed */
  bool is_lost;       /* on_state said so: "back" is owed */
  bool expired;       /* the next connection needs a new token */
  struct publisher_ws_part {
    struct channel *channel;
    struct outgoing *unsent; /* the next to send; NULL: all are out */
    int64_t in_flight;       /* sent on this session and not answered */
    int64_t window;   /* of in_flight: 1 after a temporary refusal, doubled by each success */
    struct loss held; /* the temporary refusal that waits for in_flight 0; error.code 0: none */
  } ws;
  struct publisher_http_part {
    struct http_call *call;
    struct buf body;
    int64_t batch;   /* events of the call under way or to be repeated, 0: to be chosen */
    int64_t singles; /* events still to be sent one by one: their batch had no answer for each */
  } http;
};

void publisher_set_phase(struct cws_publisher *p, enum publisher_phase phase);

/* The transport can send. */
void publisher_is_open(struct cws_publisher *p);
/* A connection stands again: failures count anew, and the caller hears of it if he heard of the
 * loss. */
void publisher_is_back(struct cws_publisher *p);
/* The connection or call failed: back off and come again, or end. The transport has let go of it.
 */
void publisher_lose(struct cws_publisher *p, const struct loss *loss);
/* Ends it; `why` NULL when all is well. */
void publisher_finish(struct cws_publisher *p, const struct cws_error *why);
/* The event `seq` is settled; unknown ones are ignored. May end or free anything: hold a reference.
 */
void publisher_published(struct cws_publisher *p, int64_t seq, int64_t message_id, bool duplicate);
void publisher_refused(struct cws_publisher *p, int64_t seq, const struct cws_error *why);
/* After a callback round: closes when everything is answered and no more comes, says on_ready. */
void publisher_settle(struct cws_publisher *p);
/* Whether a refusal is the event's own fault, so that the rest goes on. */
bool publisher_is_event_fault(int code);

#endif
