/*
 * follow: prints the events of one request as they come and ends with its final_response.
 *
 *   cc follow.c $(pkg-config --cflags --libs councilws) -o follow
 *   COUNCILWS_TOKEN=… ./follow http://127.0.0.1:8765 build-42
 *
 * Start it before the request exists, stop it, cut its network: it comes back by itself and goes on
 * after the last event that it acknowledged.
 */
#include <councilws/client.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct cws_client *client;

static void on_signal(int number) {
  (void)number;
  cws_client_stop(client); /* the one call that is safe here */
}

/* Events come in order and each once. Their strings are the library's: copy what is to be kept. */
static void on_event(struct cws_follow *f, const struct cws_event *event, void *user) {
  (void)user;
  printf("%lld %s %s\n", (long long)event->message_id, event->type, event->data);
  fflush(stdout);
  /* Only what has been dealt with is acknowledged: after a crash the rest comes again. */
  cws_follow_ack(f, event->message_id);
  if (strcmp(event->type, "final_response") == 0)
    cws_follow_end(f); /* sends the acknowledgement, then says goodbye; on_end follows */
}

static void on_state(struct cws_follow *f, enum cws_follow_state state, const struct cws_error *why,
                     int64_t wait_ms, void *user) {
  (void)f;
  (void)user;
  if (state == CWS_FOLLOW_WAITING)
    fprintf(stderr, "follow: %s; again in %lld ms\n", why->message, (long long)wait_ms);
}

/* Events that the hub keeps no longer. It is told, never passed over in silence. */
static void on_gap(struct cws_follow *f, int64_t from, int64_t to, const char *reason, void *user) {
  (void)f;
  (void)user;
  fprintf(stderr, "follow: %lld to %lld are gone (%s)\n", (long long)from, (long long)to, reason);
}

/* The last call, exactly once. `why` is NULL where we ended it ourselves. */
static void on_end(struct cws_follow *f, const struct cws_error *why, void *user) {
  (void)f;
  int *status = user;
  *status = why == NULL ? 0 : 1;
  if (why != NULL && why->code != CWS_ECANCELED)
    fprintf(stderr, "follow: %s\n", why->message);
}

static const struct cws_follow_handlers HANDLERS = {
    .size = sizeof HANDLERS,
    .on_event = on_event,
    .on_state = on_state,
    .on_gap = on_gap,
    .on_end = on_end,
};

static int fail(const struct cws_error *err) {
  fprintf(stderr, "follow: %s\n", err->message);
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: follow URL REQUEST (the token is taken from COUNCILWS_TOKEN)\n");
    return 64;
  }
  struct cws_error err = {0};
  struct cws_client_options options;
  cws_client_options_init(&options);
  options.url = argv[1];
  options.token = getenv("COUNCILWS_TOKEN");
  if (cws_client_new(&options, &client, &err) != 0)
    return fail(&err);
  signal(SIGINT, on_signal);
  signal(SIGTERM, on_signal);

  int status = 1;
  struct cws_follow *follow;
  struct cws_follow_options what;
  cws_follow_options_init(&what);
  what.request_id = argv[2];
  what.manual_ack = true;
  if (cws_follow_start(client, &what, &HANDLERS, &status, &follow, &err) == 0)
    cws_client_run(client); /* until nothing is left to do */
  else
    fail(&err);
  /* Nothing more may reach a client that is freed. What is still under way ends in here. */
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
  cws_client_free(client);
  return status;
}
