/*
 * publish: the events of a small run, pipelined over one WebSocket: many are on their way at once,
 * and each is answered once it is durable.
 *
 *   cc publish.c $(pkg-config --cflags --libs councilws) -o publish
 *   COUNCILWS_TOKEN=… ./publish http://127.0.0.1:8765 build-42 5000
 *
 * A lost connection costs time only. Each event has an id of its own, so what is sent again is not
 * stored twice.
 */
#include <councilws/client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct run {
  long steps, next; /* event `next` of steps + 2: a beginning, the steps, an end */
  int64_t durable;  /* the message_id of the newest event that is answered */
  int status;
};

/* `data` is any JSON and reaches the watchers byte for byte: 0.10 stays 0.10. */
static const char *make_event(const struct run *run, char *data, size_t size) {
  if (run->next == 0) {
    snprintf(data, size, "{\"message\": \"%ld steps\"}", run->steps);
    return "processing_started";
  }
  if (run->next > run->steps) {
    snprintf(data, size, "{\"success\": true}");
    return "final_response";
  }
  snprintf(data, size, "{\"subtaskId\": \"s%ld\", \"status\": \"completed\", \"cost\": 0.10}",
           run->next);
  return "execution_progress";
}

/* Sends until everything is sent, or as much is unanswered as may be; then on_ready goes on. */
static void send_more(struct cws_publisher *p, struct run *run) {
  while (run->next < run->steps + 2) {
    char data[128];
    struct cws_error err = {0};
    int64_t seq;
    struct cws_event event = {.type = make_event(run, data, sizeof data), .data = data};
    event.data_len = strlen(data);
    int rc = cws_publisher_send(p, &event, &seq, &err); /* copies the event */
    if (rc == CWS_EBUSY)
      return;
    if (rc != 0) {
      fprintf(stderr, "publish: %s\n", err.message);
      run->status = 1;
      break;
    }
    run->next++;
  }
  cws_publisher_end(p); /* waits for the answers that are due */
}

static void on_ready(struct cws_publisher *p, void *user) {
  send_more(p, user);
}

/* One event is on the hub's disk. In the order in which they were sent. */
static void on_published(struct cws_publisher *p, int64_t seq, int64_t message_id, bool duplicate,
                         void *user) {
  (void)p;
  (void)seq;
  (void)duplicate;
  struct run *run = user;
  run->durable = message_id;
}

/* The hub takes all but this one. */
static void on_refused(struct cws_publisher *p, int64_t seq, const struct cws_error *why,
                       void *user) {
  (void)p;
  struct run *run = user;
  run->status = 1;
  fprintf(stderr, "publish: event %lld: %s\n", (long long)seq, why->message);
}

static void on_state(struct cws_publisher *p, const struct cws_error *why, int64_t wait_ms,
                     void *user) {
  (void)p;
  (void)user;
  if (why != NULL)
    fprintf(stderr, "publish: %s; again in %lld ms\n", why->message, (long long)wait_ms);
}

/* The last call, exactly once. `why` is NULL where everything was answered. */
static void on_end(struct cws_publisher *p, const struct cws_error *why, void *user) {
  (void)p;
  struct run *run = user;
  if (why != NULL) {
    run->status = 1;
    fprintf(stderr, "publish: %s\n", why->message);
  }
}

static const struct cws_publisher_handlers HANDLERS = {
    .size = sizeof HANDLERS,
    .on_published = on_published,
    .on_refused = on_refused,
    .on_ready = on_ready,
    .on_state = on_state,
    .on_end = on_end,
};

int main(int argc, char **argv) {
  struct run run = {.steps = argc == 4 ? strtol(argv[3], NULL, 10) : 0};
  if (run.steps < 1 || run.steps > 1000000) {
    fprintf(stderr, "usage: publish URL REQUEST STEPS (1 to 1000000; the token is taken from "
                    "COUNCILWS_TOKEN)\n");
    return 64;
  }
  struct cws_error err = {0};
  struct cws_client *client;
  struct cws_client_options options;
  cws_client_options_init(&options);
  options.url = argv[1];
  options.token = getenv("COUNCILWS_TOKEN");
  if (cws_client_new(&options, &client, &err) != 0) {
    fprintf(stderr, "publish: %s\n", err.message);
    return 1;
  }

  struct cws_publisher *publisher;
  struct cws_publisher_options what;
  cws_publisher_options_init(&what);
  what.request_id = argv[2];
  what.websocket = true; /* false: batches by HTTP POST, the same otherwise */
  if (cws_publisher_start(client, &what, &HANDLERS, &run, &publisher, &err) == 0) {
    send_more(publisher, &run); /* may begin before there is a connection */
    cws_client_run(client);
    printf("the last of %ld events is number %lld\n", run.next, (long long)run.durable);
  } else {
    run.status = 1;
    fprintf(stderr, "publish: %s\n", err.message);
  }
  cws_client_free(client);
  return run.status;
}
