/* handshake_query: where a client wants to start, and under which name, from the query. PROTOCOL
 * "WebSocket". */
#include "lib/core/err.h"
#include "lib/core/subscriber.h"
#include "server/ws/handshake_parts.h"
#include <councilws/units.h>
#include <string.h>

static int read_after(const char *text, int64_t *after, struct cws_error *err) {
  *after = -1;
  if (text == NULL)
    return 0;
  if (cws_int_parse(text, 0, CWS_MESSAGE_ID_MAX, after, NULL) != 0) {
    *after = -1;
    return err_set(err, CWS_EBADREQUEST, "after is to be a message_id, 0 or more");
  }
  return 0;
}

static int read_epoch(const char *text, char epoch[CWS_EPOCH_MAX + 1], struct cws_error *err) {
  epoch[0] = '\0';
  if (text == NULL)
    return 0;
  size_t len = strlen(text);
  if (len > CWS_EPOCH_MAX)
    return err_set(err, CWS_EBADREQUEST, "epoch is to be at most %d characters", CWS_EPOCH_MAX);
  memcpy(epoch, text, len + 1);
  return 0;
}

static int read_from(const char *text, enum position_from *from, struct cws_error *err) {
  *from = POSITION_FROM_ACKED;
  if (text == NULL || strcmp(text, "acked") == 0)
    return 0;
  if (strcmp(text, "start") == 0)
    *from = POSITION_FROM_START;
  else if (strcmp(text, "new") == 0)
    *from = POSITION_FROM_NEW;
  else
    return err_set(err, CWS_EBADREQUEST, "from is to be start, new or acked");
  return 0;
}

int handshake_read_wish(const struct http_request *r, struct position_wish *wish,
                        struct cws_error *err) {
  int code = read_after(http_query(r, "after"), &wish->after, err);
  if (code == 0)
    code = read_epoch(http_query(r, "epoch"), wish->epoch, err);
  if (code == 0)
    code = read_from(http_query(r, "from"), &wish->from, err);
  return code;
}

int handshake_read_name(const struct http_request *r, const char **name, struct cws_error *err) {
  *name = http_query(r, "subscriber");
  return *name != NULL ? subscriber_name_check(*name, err) : 0;
}
