/*
 * layout: a picture as lines of a terminal: never more columns than the width, never more lines
 * than the height (but for the last picture, whose response follows whole). Pure.
 */
#ifndef CLI_PICTURE_LAYOUT_H
#define CLI_PICTURE_LAYOUT_H

#include "cli/picture/line.h"
#include "cli/picture/picture.h"

struct layout_view {
  int width, height;
  int64_t now_ms;
  bool is_last;  /* it stays on the screen: no hints, and the response behind it */
  bool has_keys; /* somebody may press one */
};

struct frame {
  char **lines; /* as line_add takes them */
  size_t count, cap;
  bool failed;                    /* memory was out: not to be shown */
  size_t scroll_max, scroll_page; /* of the tree: how far it goes, by how much at a time */
};

void layout_picture(const struct picture *p, const struct layout_view *view, struct frame *out);
void frame_finish(struct frame *f);

#endif
