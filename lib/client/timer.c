/*
 * timer: libuv closes a handle in two phases; this hides the second one. A freed
 * timer never calls back; its memory goes when the loop has closed it.
 */
#include "lib/client/timer.h"

#include "lib/client/client.h"
#include <stdlib.h>
#include <uv.h>

struct timer {
  uv_timer_t handle;
  struct cws_client *client;
  timer_fn *fn;
  void *arg;
};

static void timer_on_uv(uv_timer_t *handle) {
  struct timer *timer = handle->data;
  timer->fn(timer->arg);
}

static void timer_on_closed(uv_handle_t *handle) {
  struct timer *timer = handle->data;
  struct cws_client *client = timer->client;
  free(timer);
  client_release(client);
}

struct timer *timer_new(struct cws_client *client, timer_fn *fn, void *arg) {
  struct timer *timer = calloc(1, sizeof(*timer));
  if (timer == NULL)
    return NULL;
  timer->client = client;
  timer->fn = fn;
  timer->arg = arg;
  uv_timer_init(client->loop, &timer->handle); /* cannot fail */
  timer->handle.data = timer;
  client_hold(client);
  return timer;
}

void timer_start(struct timer *timer, int64_t ms) {
  if (ms > 0)
    uv_update_time(timer->client->loop); /* a callback of the caller may have taken long */
  uv_timer_start(&timer->handle, timer_on_uv, ms > 0 ? (uint64_t)ms : 0, 0);
}

void timer_stop(struct timer *timer) {
  uv_timer_stop(&timer->handle);
}

void timer_free(struct timer *timer) {
  if (timer == NULL)
    return;
  uv_timer_stop(&timer->handle);
  uv_close((uv_handle_t *)&timer->handle, timer_on_closed);
}
