/* open: hub_open_stream, from the call to its answer. */
#ifndef CWS_HUB_OPEN_H
#define CWS_HUB_OPEN_H

#include "server/hub/hub_inside.h"

struct hub_open_state {
  struct mail mail;
  struct hub_job job;
  struct hub *hub;
  struct hub_open *open;
  int worker;
  struct stream *stream;       /* a reference */
  struct hub_open_state *next; /* of those who wait for the same load */
  int code;
  int64_t acked;
  char *subscriber; /* or NULL */
  char request_id[];
};

/* Goes on with those who waited for a load that is over. */
void open_resume(struct hub_open_state *waiters, int code, const struct cws_error *error);

#endif
