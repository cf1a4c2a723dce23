/* subscriber: see subscriber.h. */
#include "lib/core/subscriber.h"

#include "lib/core/buf.h"
#include "lib/core/err.h"
#include <councilws/event.h>
#include <string.h>

static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~:-";

int subscriber_name_check(const char *name, struct cws_error *err) {
  size_t len = strlen(name);
  if (len == 0 || len > SUBSCRIBER_NAME_MAX || strspn(name, allowed) != len)
    return err_set(err, CWS_EBADREQUEST,
                   "subscriber is to be 1 to %d characters of A-Z a-z 0-9 . _ ~ : -",
                   SUBSCRIBER_NAME_MAX);
  return 0;
}

static void add_escaped(struct buf *b, const char *sub) {
  for (; *sub != '\0'; sub++) {
    if (*sub == '/' || *sub == '%')
      buf_addf(b, "%%%02X", (unsigned)(unsigned char)*sub);
    else
      buf_add_char(b, *sub);
  }
}

int subscriber_format(const char *sub, const char *name, char **out, struct cws_error *err) {
  struct buf b;
  buf_init(&b);
  add_escaped(&b, sub);
  if (name != NULL) {
    buf_add_char(&b, '/');
    buf_add_str(&b, name);
  }
  if (!b.failed && b.len > CWS_SUBSCRIBER_MAX) {
    buf_finish(&b);
    return err_set(err, CWS_EBADREQUEST, "sub and subscriber together are longer than %d bytes",
                   CWS_SUBSCRIBER_MAX);
  }
  size_t len;
  *out = buf_take(&b, &len);
  return *out != NULL ? 0 : err_set(err, CWS_ENOMEM, NULL);
}
