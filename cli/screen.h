/*
 * screen: frames on the normal screen of a terminal, each drawn over the last one. It writes
 * through out.h and knows nothing of what the lines say.
 */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include "cli/picture/layout.h"

struct screen {
  struct frame drawn;    /* what stands there */
  bool is_begun;         /* the cursor is hidden */
  bool is_to_be_redrawn; /* what stands there is not to be trusted, only how much it is */
};

/* Takes the frame. Lines that have not changed are not written again. Not yet flushed. */
void screen_draw(struct screen *s, struct frame *frame);
/* The terminal's size changed: the next frame is written in full. */
void screen_resized(struct screen *s);
/* Leaves the frame where it is, the cursor below it; the next frame begins there. */
void screen_leave(struct screen *s);

#endif
