/* rig: see rig.h. */
#include "tests/unit/support/rig.h"

#include <stdlib.h>
#include <time.h>

#define BEAT_MS 5

int64_t rig_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void on_beat(uv_timer_t *timer) {
  (void)timer;
}

static void on_closed(uv_handle_t *handle) {
  free(handle);
}

void rig_open(struct rig *rig, const struct loop_options *options) {
  struct loop_options plain = {.index = 0};
  struct cws_error err = {0};
  if (loop_new(options != NULL ? options : &plain, &rig->loop, &err) != 0)
    fail_msg("loop_new: %s", err.message);
  rig->beat = malloc(sizeof *rig->beat);
  uv_timer_init(loop_uv(rig->loop), rig->beat);
  uv_timer_start(rig->beat, on_beat, BEAT_MS, BEAT_MS);
}

void rig_close(struct rig *rig) {
  uv_close((uv_handle_t *)rig->beat, on_closed);
  loop_free(rig->loop);
}

void rig_turn(struct rig *rig) {
  uv_run(loop_uv(rig->loop), UV_RUN_ONCE);
}
