/* maintain: what is done to a store without serving it. */
#include <councilws/server.h>
#include <string.h>

#include "lib/core/err.h"
#include "server/nats_config.h"
#include "server/store/store.h"

int cws_store_check(const char *store, struct cws_store_report *report, struct cws_error *err) {
  struct store_report found;
  if (report == NULL || report->size < sizeof report->size || report->size > sizeof *report)
    return err_set(err, CWS_EINVAL, "report: set its size");
  int rc = store_verify(store, &found, err);
  if (rc != 0)
    return rc;
  const struct cws_store_report whole = {.size = report->size,
                                         .requests = found.requests,
                                         .events = found.events,
                                         .bytes = found.bytes};
  memcpy(report, &whole, report->size);
  return 0;
}

int cws_store_backup(const char *store, const char *file, struct cws_error *err) {
  if (file == NULL || file[0] == '\0')
    return err_set(err, CWS_EINVAL, "no file to copy to");
  return store_backup(store, file, err);
}

int cws_store_migrate(const char *from, const char *to, const struct cws_nats_options *nats,
                      struct cws_store_place *place, struct cws_error *err) {
  struct nats_config config;
  struct store_place found;
  if (place != NULL && (place->size < sizeof place->size || place->size > sizeof *place))
    return err_set(err, CWS_EINVAL, "place: set its size");
  int rc = nats_config_init(&config, nats_config_is_for(from) ? from : to, nats, err);
  if (rc == 0)
    rc = store_migrate(from, to, &config.options, &found, err);
  if (rc == 0 && place != NULL) {
    const struct cws_store_place whole = {
        .size = place->size, .entry = found.entry, .time_ms = found.time_ms};
    memcpy(place, &whole, place->size);
  }
  nats_config_finish(&config);
  return rc;
}
