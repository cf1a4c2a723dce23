/* route_web: files for browsers, built into the binary. They hold nothing secret, so a page of any
 * origin may load them; what they then ask for is checked as always. */
#include "server/api/route.h"
#include "server/web/web.h"

void route_web(struct call *call) {
  const struct web_file *file = web_file_find(http_path(call->request));
  if (file == NULL) { /* the same path, written another way */
    call_fail(call, CWS_EUNKNOWNROUTE, "no such route");
    return;
  }
  http_add_header(call->request, "Access-Control-Allow-Origin", "*");
  http_reply(call->request, &(struct http_response){.status = 200,
                                                    .content_type = file->content_type,
                                                    .body = file->bytes,
                                                    .body_len = file->len});
  call_free(call);
}
