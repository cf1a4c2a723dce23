/* route_web: files for browsers, built into the binary. They hold nothing secret, so a page of any
 * origin may load them; what they then ask for is checked as always. */
#include <string.h>

#include "server/api/route.h"
#include "server/web/web.h"

/* Of the dashboard: its own files and this hub, nothing else; no markup or code from strings. */
static const char PAGE_POLICY[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

static bool is_page(const struct web_file *file) {
  return strncmp(file->content_type, "text/html", 9) == 0;
}

/* RFC 9110, section 13.1.2: a list of tags, or "*"; weak or not makes no difference here. */
static bool has_it_already(const struct call *call, const struct web_file *file) {
  const char *tags = http_header(call->request, "if-none-match");
  return tags != NULL && (strstr(tags, file->etag) != NULL || strcmp(tags, "*") == 0);
}

void route_web(struct call *call) {
  const struct web_file *file = web_file_find(http_path(call->request));
  struct http_response answer = {.status = 200,
                                 .content_type = file->content_type,
                                 .body = file->bytes,
                                 .body_len = file->len,
                                 .cache_control = "no-cache", /* kept, but asked about each time */
                                 .page_policy = is_page(file) ? PAGE_POLICY : NULL};
  if (has_it_already(call, file)) {
    answer.status = 304;
    answer.body_len = 0;
  }
  http_add_header(call->request, "ETag", file->etag);
  http_add_header(call->request, "Access-Control-Allow-Origin", "*");
  if (is_page(file))
    http_add_header(call->request, "Cross-Origin-Opener-Policy", "same-origin");
  http_reply(call->request, &answer);
  call_free(call);
}
