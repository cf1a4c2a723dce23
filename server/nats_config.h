/*
 * nats_config: what is said of a log that hubs share (struct cws_nats_options), checked, in memory
 * of its own.
 */
#ifndef CWS_SERVER_NATS_CONFIG_H
#define CWS_SERVER_NATS_CONFIG_H

#include <councilws/server.h>

#include "server/store/store.h"

struct nats_config {
  struct store_nats_options options; /* its strings are these */
  char *texts[12];
  size_t text_count;
};

bool nats_config_is_for(const char *store); /* whether it is "nats:…"; NULL is not */

/* `options` may be NULL. CWS_ECONFIG names the option, as the command calls it; CWS_EINVAL,
 * CWS_ENOMEM. To be finished also where it fails. Asks no server. */
int nats_config_init(struct nats_config *c, const char *store,
                     const struct cws_nats_options *options, struct cws_error *err);
void nats_config_finish(struct nats_config *c);

#endif
