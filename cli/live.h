/*
 * live: the live picture of a watch: a picture, a screen and a terminal on the command's loop.
 * Draws at most every LIVE_FRAME_MS, and each second for the clock. While it is open, talk goes
 * into the picture; errors and what is about the command as a whole are said again once it is
 * closed.
 */
#ifndef CLI_LIVE_H
#define CLI_LIVE_H

#include <councilws/event.h>
#include <uv.h>

#include "cli/picture/picture.h"

#define LIVE_FRAME_MS 60 /* about 16 frames a second: more is not seen */

struct live;

struct live_handlers {
  /* All that was given so far is on the terminal (failed 0), or an exit code. */
  void (*on_drawn)(int failed, void *user);
  void (*on_quit)(void *user); /* the key q */
};

/* NULL when memory is out. One at a time. */
struct live *live_open(uv_loop_t *loop, const char *const *request_ids, size_t count,
                       const struct live_handlers *handlers, void *user);
/* is_shown: among the latest events; it counts for the state in any case. */
void live_event(struct live *l, size_t run, const struct cws_event *event, bool is_shown);
void live_link(struct live *l, size_t run, enum run_link link, int64_t wait_ms);
/* Draws at once what has not been drawn; on_drawn is called. */
void live_flush(struct live *l);
/* The last picture, which stays; frees as the loop turns. 0 or an exit code. NULL is fine. */
int live_close(struct live *l);

#endif
