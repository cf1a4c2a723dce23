/* render: see render.h. */
#include "cli/render.h"

#include <stdlib.h>
#include <string.h>

#include "cli/out.h"
#include "cli/picture/event_line.h"
#include "cli/tty.h"

void render_text(const char *request_id, const struct cws_event *event) {
  int columns, lines;
  tty_size(&columns, &lines);
  struct line l;
  line_init(&l, columns);
  if (request_id != NULL)
    line_addf(&l, "%s ", request_id);
  line_addf(&l, "%5lld  ", (long long)event->message_id);
  json_t *data = event_line_data(event);
  event_line_add(&l, event, data);
  json_decref(data);
  line_ink(&l, INK_PLAIN);
  if (l.failed)
    out_fail();
  else
    out_inked(l.bytes);
  out_write("\n", 1);
  line_finish(&l);
}

void render_json(const char *request_id, const struct cws_event *event) {
  size_t len;
  char *text = cws_event_format(event, false, &len);
  if (text == NULL)
    return;
  if (request_id != NULL)
    out_printf("{\"request_id\":\"%s\",\"event\":", request_id);
  out_write(text, len);
  if (request_id != NULL)
    out_write("}", 1);
  out_write("\n", 1);
  free(text);
}
