/*
 * own_loop: a client on a libuv loop that the program runs itself, beside handles of its own: here
 * a timer that says every 100 ms how far it is.
 *
 *   cc own_loop.c $(pkg-config --cflags --libs councilws libuv) -o own_loop
 *   COUNCILWS_TOKEN=… ./own_loop http://127.0.0.1:8765 build-42
 */
#include <councilws/client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define TICK_MS 100

struct program {
  uv_loop_t loop;
  uv_timer_t timer;
  struct cws_client *client;
  int64_t seen;
  int status;
};

static void on_tick(uv_timer_t *timer) {
  struct program *program = timer->data;
  printf("tick: %lld events so far\n", (long long)program->seen);
  fflush(stdout);
}

/* Everything of the client happens on the loop's thread, so nothing needs a lock. */
static void on_event(struct cws_follow *f, const struct cws_event *event, void *user) {
  struct program *program = user;
  program->seen++;
  printf("%lld %s %s\n", (long long)event->message_id, event->type, event->data);
  if (strcmp(event->type, "final_response") == 0)
    cws_follow_end(f);
}

/* Frees the client from inside a callback of its own, which is fine. uv_run returns once the last
 * handle has closed. */
static void on_end(struct cws_follow *f, const struct cws_error *why, void *user) {
  (void)f;
  struct program *program = user;
  if (why != NULL)
    fprintf(stderr, "own_loop: %s\n", why->message);
  else
    program->status = 0;
  uv_close((uv_handle_t *)&program->timer, NULL);
  cws_client_free(program->client);
}

static const struct cws_follow_handlers HANDLERS = {
    .size = sizeof HANDLERS, .on_event = on_event, .on_end = on_end};

static int start(struct program *program, const char *url, const char *request,
                 struct cws_error *err) {
  struct cws_client_options options;
  cws_client_options_init(&options);
  options.url = url;
  options.token = getenv("COUNCILWS_TOKEN");
  options.uv_loop = &program->loop; /* the client adds its handles and leaves the running to us */
  int rc = cws_client_new(&options, &program->client, err);
  if (rc != 0)
    return rc;
  struct cws_follow *follow;
  struct cws_follow_options what;
  cws_follow_options_init(&what);
  what.request_id = request;
  rc = cws_follow_start(program->client, &what, &HANDLERS, program, &follow, err);
  if (rc != 0)
    cws_client_free(program->client);
  return rc;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: own_loop URL REQUEST (the token is taken from COUNCILWS_TOKEN)\n");
    return 64;
  }
  struct cws_error err = {0};
  struct program program = {.status = 1};
  uv_loop_init(&program.loop);
  if (start(&program, argv[1], argv[2], &err) == 0) {
    uv_timer_init(&program.loop, &program.timer);
    program.timer.data = &program;
    uv_timer_start(&program.timer, on_tick, TICK_MS, TICK_MS);
  } else {
    fprintf(stderr, "own_loop: %s\n", err.message);
  }
  uv_run(&program.loop, UV_RUN_DEFAULT);
  return uv_loop_close(&program.loop) == 0 ? program.status : 1;
}
