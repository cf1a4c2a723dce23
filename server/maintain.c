/* maintain: what is done to a store without serving it. */
#include <councilws/server.h>
#include <string.h>

#include "lib/core/err.h"
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
