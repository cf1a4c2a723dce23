/* store_migrate: store_migrate (store.h) with a log of the caller's choice, for tests. */
#ifndef CWS_STORE_STORE_MIGRATE_H
#define CWS_STORE_STORE_MIGRATE_H

#include "server/store/store_log.h"

/* `log_ops` may be NULL where neither is a log. */
int store_migrate_with(const struct store_log_ops *log_ops, const char *from, const char *to,
                       const struct store_nats_options *nats, struct store_place *out,
                       struct cws_error *err);

#endif
