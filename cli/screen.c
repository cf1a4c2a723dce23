/* screen: see screen.h. The cursor rests at the end of the frame's last line, so a frame may be as
 * high as the terminal; the first line is found again by counting upwards. */
#include "cli/screen.h"

#include <string.h>

#include "cli/out.h"
#include "cli/tty.h"

/* How many lines of the terminal the drawn frame takes: narrower terminals break lines anew. */
static int lines_taken(const struct screen *s, int columns, int lines) {
  int taken = 0;
  for (size_t i = 0; i < s->drawn.count; i++) {
    int cells = line_cells(s->drawn.lines[i]);
    taken += columns > 0 && cells > columns ? (cells + columns - 1) / columns : 1;
  }
  return taken < lines ? taken : lines;
}

static void go_to_first_line(const struct screen *s) {
  int columns, lines;
  tty_size(&columns, &lines);
  int up = lines_taken(s, columns, lines) - 1;
  out_write("\r", 1);
  if (up > 0)
    out_printf("\x1b[%dA", up);
}

static bool is_same(const struct screen *s, const struct frame *frame, size_t i) {
  return !s->is_to_be_redrawn && i < s->drawn.count &&
         strcmp(s->drawn.lines[i], frame->lines[i]) == 0;
}

static void begin(struct screen *s) {
  static const char HIDE_CURSOR[] = "\x1b[?25l";
  if (s->is_begun)
    return;
  s->is_begun = true;
  tty_guard_screen(true);
  out_write(HIDE_CURSOR, sizeof HIDE_CURSOR - 1);
}

void screen_draw(struct screen *s, struct frame *frame) {
  static const char NO_WRAP[] = "\x1b[?7l", WRAP[] = "\x1b[?7h";
  static const char CLEAR_LINE[] = "\x1b[K", CLEAR_BELOW[] = "\x1b[J";
  bool clears = s->is_to_be_redrawn || frame->count < s->drawn.count;
  int columns, lines;
  tty_size(&columns, &lines);
  begin(s);
  out_write(NO_WRAP, sizeof NO_WRAP - 1);
  if (s->drawn.count > 0)
    go_to_first_line(s);
  for (size_t i = 0; i < frame->count; i++) {
    if (i > 0)
      out_write("\r\n", 2);
    if (clears && i + 1 == frame->count) /* before its text: the cursor may not get behind it */
      out_write(CLEAR_BELOW, sizeof CLEAR_BELOW - 1);
    else if (is_same(s, frame, i))
      continue;
    out_inked(frame->lines[i]);
    if (line_cells(frame->lines[i]) < columns) /* else the cursor still stands in the last column */
      out_write(CLEAR_LINE, sizeof CLEAR_LINE - 1);
  }
  out_write(WRAP, sizeof WRAP - 1);
  frame_finish(&s->drawn);
  s->drawn = *frame;
  s->is_to_be_redrawn = false;
  *frame = (struct frame){0};
}

void screen_resized(struct screen *s) {
  s->is_to_be_redrawn = true;
}

void screen_leave(struct screen *s) {
  static const char SHOW_CURSOR[] = "\r\n\x1b[?25h";
  if (s->is_begun)
    out_write(SHOW_CURSOR, sizeof SHOW_CURSOR - 1);
  out_flush();
  tty_guard_screen(false);
  s->is_begun = false;
  frame_finish(&s->drawn);
}
