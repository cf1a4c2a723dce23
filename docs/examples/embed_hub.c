/*
 * embed_hub: a program with a hub inside it. It publishes to its own hub and follows it; another
 * program, or a browser, could do the same at the URL that it prints.
 *
 *   cc embed_hub.c $(pkg-config --cflags --libs councilws) -o embed_hub && ./embed_hub
 */
#include <councilws/client.h>
#include <councilws/server.h>
#include <councilws/token.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define REQUEST "embedded-1"

static unsigned char secret[CWS_SECRET_MIN];

static int say(const struct cws_error *err) {
  fprintf(stderr, "embed_hub: %s\n", err->message);
  return 1;
}

/* ---- the hub: threads of its own, which end in cws_server_free ---- */

static int start_hub(struct cws_server **hub, struct cws_error *err) {
  static const char *const LISTEN[] = {"127.0.0.1:0", NULL}; /* any free port */
  struct cws_server_options options;
  cws_server_options_init(&options);
  options.listen = LISTEN;
  options.store = "memory:";     /* "sqlite:PATH" outlives the process */
  options.local_secret = secret; /* as the only key it is good for this machine alone */
  options.local_secret_len = sizeof secret;
  int rc = cws_server_new(&options, hub, err);
  return rc != 0 ? rc : cws_server_start(*hub, err);
}

/* A token for ourselves: anything with the secret may sign one. The caller frees it. */
static char *sign_token(struct cws_error *err) {
  static const char *const MINE[] = {REQUEST, NULL};
  struct cws_sign_options options = {.size = sizeof options,
                                     .now_s = (int64_t)time(NULL),
                                     .ttl_s = 600,
                                     .sub = "embedder",
                                     .with_rights = true,
                                     .subscribe = MINE,
                                     .publish = MINE};
  struct cws_keys *keys = cws_keys_new();
  char *token = NULL;
  if (keys != NULL && cws_keys_add_secret(keys, secret, sizeof secret, err) == 0)
    cws_token_sign(keys, &options, &token, err);
  cws_keys_free(keys);
  return token;
}

/* ---- the client: on the thread that calls cws_client_run ---- */

static void on_event(struct cws_follow *f, const struct cws_event *event, void *user) {
  (void)user;
  printf("%lld %s %s\n", (long long)event->message_id, event->type, event->data);
  if (strcmp(event->type, "final_response") == 0)
    cws_follow_end(f);
}

static void on_follow_end(struct cws_follow *f, const struct cws_error *why, void *user) {
  (void)f;
  int *status = user;
  *status |= why == NULL ? 0 : say(why);
}

static void on_publish_end(struct cws_publisher *p, const struct cws_error *why, void *user) {
  (void)p;
  int *status = user;
  *status |= why == NULL ? 0 : say(why);
}

static const struct cws_follow_handlers FOLLOW = {
    .size = sizeof FOLLOW, .on_event = on_event, .on_end = on_follow_end};
static const struct cws_publisher_handlers PUBLISH = {.size = sizeof PUBLISH,
                                                      .on_end = on_publish_end};

static int send_one(struct cws_publisher *p, const char *type, const char *data,
                    struct cws_error *err) {
  struct cws_event event = {.type = type, .data = data, .data_len = strlen(data)};
  int64_t seq;
  return cws_publisher_send(p, &event, &seq, err);
}

static int start_work(struct cws_client *client, int *status, struct cws_error *err) {
  struct cws_follow *follow;
  struct cws_follow_options f;
  cws_follow_options_init(&f);
  f.request_id = REQUEST; /* it need not exist yet */
  int rc = cws_follow_start(client, &f, &FOLLOW, status, &follow, err);
  if (rc != 0)
    return rc;
  struct cws_publisher *publisher;
  struct cws_publisher_options p;
  cws_publisher_options_init(&p);
  p.request_id = REQUEST;
  rc = cws_publisher_start(client, &p, &PUBLISH, status, &publisher, err);
  if (rc == 0)
    rc = send_one(publisher, "processing_started", "{\"message\": \"from inside\"}", err);
  if (rc == 0)
    rc = send_one(publisher, "final_response", "{\"success\": true}", err);
  if (rc == 0)
    cws_publisher_end(publisher);
  return rc;
}

static int work(const char *url, struct cws_error *err) {
  struct cws_client *client;
  struct cws_client_options options;
  char *token = sign_token(err);
  if (token == NULL)
    return say(err);
  cws_client_options_init(&options);
  options.url = url;
  options.token = token; /* copied */
  int status = cws_client_new(&options, &client, err) == 0 ? 0 : say(err);
  free(token);
  if (status != 0)
    return status;
  if (start_work(client, &status, err) == 0)
    cws_client_run(client);
  else
    status = say(err);
  cws_client_free(client);
  return status;
}

int main(void) {
  struct cws_error err = {0};
  struct cws_server *hub = NULL;
  if (getrandom(secret, sizeof secret, 0) != (ssize_t)sizeof secret)
    return 1;
  int status = start_hub(&hub, &err) == 0 ? 0 : say(&err);
  if (status == 0) {
    printf("hub at %s\n", cws_server_url(hub, 0));
    status = work(cws_server_url(hub, 0), &err);
    /* Lets every watcher go with a word and waits for what is still to be written. */
    if (cws_server_drain(hub, &err) != 0)
      status = say(&err);
  }
  cws_server_free(hub);
  return status;
}
