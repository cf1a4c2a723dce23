/* A hub that needs a state is given one through NATS, on one real server; or is not. */
#include "tests/unit/store/nats_hub.h"
#include "tests/unit/store/support.h"
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

static struct nats_nodes nodes;
static int logs; /* so many, each with a prefix of its own */

static int start_server(void **state) {
  (void)state;
  nats_nodes_start(&nodes, 1, "");
  world_servers = nodes.servers;
  return 0;
}

static int end_server(void **state) {
  (void)state;
  nats_nodes_finish(&nodes);
  return 0;
}

/* ---- between stores ---- */

enum { EVENT_BYTES = 20000, EVENTS = 40, LOG_BYTES = 200000 };

static void join(struct world *w, const struct world *first) {
  world_init(w, "nats");
  memcpy(w->prefix, first->prefix, sizeof(w->prefix));
}

/* Its state is of several pieces, and the log has only the last of it. */
static void begin_large(struct world *w) {
  char data[EVENT_BYTES];
  memset(data, '1', sizeof(data) - 1);
  data[sizeof(data) - 1] = '\0';
  world_init(w, "nats");
  w->options.nats.max_bytes = LOG_BYTES;
  world_open(w);
  for (int i = 0; i < EVENTS; i++)
    put_one(w, "r", data);
}

static size_t files_of(const struct world *w, const char *end) {
  size_t count = 0;
  DIR *dir = opendir(w->dir);
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    size_t len = strlen(entry->d_name);
    count += len >= strlen(end) && strcmp(entry->d_name + len - strlen(end), end) == 0;
  }
  closedir(dir);
  return count;
}

static void expect_all(struct world *w) {
  struct store_info info = info_of(w, "r");
  assert_int_equal(info.last_id, EVENTS);
  assert_int_equal(info.bytes, EVENTS * (EVENT_BYTES - 1));
  store_info_finish(&info);
}

static void a_state_comes_from_another_hub(void **state) {
  (void)state;
  struct world a, b;
  begin_large(&a);
  join(&b, &a);
  world_open(&b);
  expect_all(&b);
  assert_int_equal(put_one(&b, "s", "1"), 1);
  assert_int_equal(put_one(&a, "s", "2"), 2);
  assert_int_equal(files_of(&a, ".copy"), 0);
  assert_int_equal(files_of(&b, ".fetched"), 0);
  world_finish(&b);
  world_finish(&a);
}

static void *open_one(void *world) {
  world_open(world);
  return NULL;
}

static void of_two_that_ask_at_once_each_gets_it(void **state) {
  (void)state;
  struct world a, b, c;
  pthread_t threads[2];
  begin_large(&a);
  join(&b, &a);
  join(&c, &a);
  assert_int_equal(pthread_create(&threads[0], NULL, open_one, &b), 0);
  assert_int_equal(pthread_create(&threads[1], NULL, open_one, &c), 0);
  for (int i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
  expect_all(&b);
  expect_all(&c);
  world_finish(&c);
  world_finish(&b);
  world_finish(&a);
}

static void where_no_other_hub_runs_it_is_said(void **state) {
  (void)state;
  struct world a, b;
  struct cws_error err = {0};
  begin_large(&a);
  world_close(&a);
  join(&b, &a);
  assert_int_equal(world_try_open(&b, &err), CWS_ESTORE);
  assert_non_null(strstr(err.message, "earlier ones are gone"));
  assert_non_null(strstr(err.message, "no other hub that is ready offers one"));
  assert_int_equal(files_of(&b, ".fetched"), 0);
  world_finish(&b);
  world_finish(&a);
}

/* ---- from one that is not as it should be ---- */

struct giver {
  natsConnection *nc;
  natsSubscription *asks, *own;
  struct hub taker;
  char prefix[24], subject[48], file[96];
  const char *made;        /* its answer to "make" */
  const char *const *says; /* to each "read", one after the other */
};

static void say(struct giver *g, natsMsg *msg, const char *text) {
  natsConnection_PublishRequestString(g->nc, natsMsg_GetReply(msg), g->subject, text);
}

static void on_ask(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *user) {
  (void)nc, (void)sub;
  say(user, msg, "offer");
  natsMsg_Destroy(msg);
}

static void on_own(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *user) {
  struct giver *g = user;
  (void)nc, (void)sub;
  if (strncmp(natsMsg_GetData(msg), "make", 4) == 0)
    say(g, msg, g->made);
  else if (strncmp(natsMsg_GetData(msg), "read", 4) == 0)
    for (bool more = true; more && *g->says != NULL; more = **g->says++ == '+')
      say(g, msg, *g->says + (**g->says == '+'));
  natsMsg_Destroy(msg);
}

static void giver_begin(struct giver *g, const char *made, const char *const *says) {
  char url[160];
  *g = (struct giver){.made = made, .says = says};
  snprintf(g->prefix, sizeof(g->prefix), "giver%d", ++logs);
  snprintf(g->subject, sizeof(g->subject), "%s.copy.giver", g->prefix);
  snprintf(g->file, sizeof(g->file), "%s/fetched", nodes.folder);
  snprintf(url, sizeof(url), "nats:%s", nodes.servers);
  assert_int_equal(natsConnection_ConnectTo(&g->nc, url), NATS_OK);
  char asks[32];
  snprintf(asks, sizeof(asks), "%s.copy", g->prefix);
  assert_int_equal(natsConnection_Subscribe(&g->asks, g->nc, asks, on_ask, g), NATS_OK);
  assert_int_equal(natsConnection_Subscribe(&g->own, g->nc, g->subject, on_own, g), NATS_OK);
  assert_int_equal(natsConnection_Flush(g->nc), NATS_OK);
  hub_open(&g->taker, &nodes, g->prefix);
}

static int giver_run(struct giver *g, struct cws_error *err) {
  return g->taker.log->ops->fetch(g->taker.log, g->file, err);
}

static void giver_end(struct giver *g) {
  hub_close(&g->taker);
  natsSubscription_Destroy(g->asks);
  natsSubscription_Destroy(g->own);
  natsConnection_Destroy(g->nc);
  unlink(g->file);
}

static void what_another_hub_cannot_give_is_said(void **state) {
  (void)state;
  struct giver g;
  struct cws_error err = {0};
  giver_begin(&g, "no its disk is full", NULL);
  assert_int_equal(giver_run(&g, &err), CWS_ESTORE);
  assert_string_equal(err.message, "another hub gives no copy of its state: its disk is full");
  assert_int_equal(access(g.file, F_OK), -1);
  giver_end(&g);
}

static void a_copy_that_is_gone_in_the_middle_is_none(void **state) {
  (void)state;
  static const char *const says[] = {"data 0\nabcde", "no it has none any more", NULL};
  struct giver g;
  struct cws_error err = {0};
  giver_begin(&g, "made 10", says);
  assert_int_equal(giver_run(&g, &err), CWS_ESTORE);
  assert_non_null(strstr(err.message, "it has none any more"));
  assert_int_equal(access(g.file, F_OK), -1);
  giver_end(&g);
}

/* With "+", another one follows at once. */
static void only_what_was_asked_for_is_taken(void **state) {
  (void)state;
  static const char *const says[] = {"+data 5\nwrong", "+data 0\n",     "+data",
                                     "+offer",         "+made 3",       "data 0\nabcde",
                                     "+data 0\nabcde", "data 5\nfghij", NULL};
  struct giver g;
  struct cws_error err = {0};
  char text[16] = "";
  giver_begin(&g, "made 10", says);
  assert_int_equal(giver_run(&g, &err), 0);
  FILE *f = fopen(g.file, "r");
  assert_non_null(f);
  assert_int_equal(fread(text, 1, sizeof(text), f), 10);
  fclose(f);
  assert_string_equal(text, "abcdefghij");
  giver_end(&g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_state_comes_from_another_hub),
      cmocka_unit_test(of_two_that_ask_at_once_each_gets_it),
      cmocka_unit_test(where_no_other_hub_runs_it_is_said),
      cmocka_unit_test(what_another_hub_cannot_give_is_said),
      cmocka_unit_test(a_copy_that_is_gone_in_the_middle_is_none),
      cmocka_unit_test(only_what_was_asked_for_is_taken),
  };
  return cmocka_run_group_tests_name("copies of states", tests, start_server, end_server);
}
