/*
 * channel: one connection to a request's WebSocket, from the token to its end:
 * what follow and the publisher have in common. It answers heartbeats, remembers what `bye`
 * said, and notices a hub that has fallen silent. Whoever owns it decides what to do after the end.
 */
#ifndef CWS_CLIENT_CHANNEL_H
#define CWS_CLIENT_CHANNEL_H

#include "lib/client/client.h"
#include "lib/client/retry.h"
#include "lib/core/protocol.h"

struct channel;

struct channel_handlers {
  /* The hub's first message. */
  void (*on_hello)(struct channel *s, const struct hub_hello *hello, void *user);
  /* Every other message but heartbeats and bye. */
  void (*on_message)(struct channel *s, const struct hub_message *m, void *user);
  void (*on_drained)(struct channel *s, void *user); /* or NULL */
  /* Last call; the owner frees the session, now or later. */
  void (*on_lost)(struct channel *s, const struct loss *loss, void *user);
};

/* `path` is the GET's target; `expired` says that the last token was refused as expired. Calls back
 * later, never from inside. CWS_ENOTOKEN, CWS_ENOMEM. */
int channel_open(struct cws_client *client, const char *path, bool expired,
                 const struct channel_handlers *handlers, void *user, struct channel **out,
                 struct cws_error *err);

/* Sends one message; ignored when not open. */
void channel_send(struct channel *s, const struct buf *message);
size_t channel_unsent(const struct channel *s);
void channel_pause(struct channel *s);
void channel_resume(struct channel *s);
/* Sends what is queued, closes with 1000; on_lost follows. */
void channel_close(struct channel *s);
/* Cuts it without a callback. NULL is fine; safe inside its callbacks. */
void channel_free(struct channel *s);

#endif
