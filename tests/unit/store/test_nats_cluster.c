/*
 * A log with three replicas on three servers, while its leader is killed. Elections take 4 to 10 s
 * of waiting each, so all of it is one story.
 */
#include "tests/unit/store/nats_hub.h"
#include <jansson.h>

static struct nats_nodes nodes;
static struct hub one, two;
static natsConnection *nc; /* an operator's */
static jsCtx *js;

static int start_servers(void **state) {
  (void)state;
  char text[NATS_NODES_MAX][64];
  const char *urls[NATS_NODES_MAX];
  nats_nodes_start(&nodes, 3, "");
  for (size_t i = 0; i < nodes.count; i++) {
    snprintf(text[i], sizeof text[i], "nats://127.0.0.1:%d", nodes.nodes[i].port);
    urls[i] = text[i];
  }
  natsOptions *o = NULL;
  natsOptions_Create(&o);
  natsOptions_SetServers(o, urls, 3);
  natsOptions_SetMaxReconnect(o, -1);
  natsOptions_SetReconnectWait(o, 100);
  natsOptions_SetPingInterval(o, 1000);
  assert_int_equal(natsConnection_Connect(&nc, o), NATS_OK);
  natsOptions_Destroy(o);
  assert_int_equal(natsConnection_JetStream(&js, nc, NULL), NATS_OK);
  return 0;
}

static int end_servers(void **state) {
  (void)state;
  jsCtx_Destroy(js);
  natsConnection_Destroy(nc);
  nats_nodes_finish(&nodes);
  return 0;
}

/* Which of the servers leads the log; waits for one. */
static size_t leader(void) {
  for (int64_t end = hub_deadline();;) {
    jsStreamInfo *si = NULL;
    char name = '\0';
    if (js_GetStreamInfo(&si, js, "councilws", NULL, NULL) == NATS_OK && si->Cluster != NULL &&
        si->Cluster->Leader != NULL)
      name = si->Cluster->Leader[1];
    jsStreamInfo_Destroy(si);
    if (name != '\0')
      return (size_t)(name - '0');
    hub_wait(&one, end, "a leader", __FILE__, __LINE__);
  }
}

#define LIST_MS 10000 /* it waits for some seconds for consumers that do not answer */

/* How many consumers are asked for entries, where all of those are with the server that leads the
 * log; else 0. Others were left behind, and go when their server gets to it. */
static size_t readers_at_leader(void) {
  natsMsg *msg = NULL;
  char name[4];
  snprintf(name, sizeof name, "n%zu", leader());
  if (natsConnection_RequestString(&msg, nc, "$JS.API.CONSUMER.LIST.councilws", "", LIST_MS) !=
      NATS_OK)
    return 0;
  json_t *json = json_loadb(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg), 0, NULL);
  json_t *list = json_object_get(json, "consumers"), *reader;
  size_t count = 0, elsewhere = 0, i;
  json_array_foreach(list, i, reader) {
    const char *server =
        json_string_value(json_object_get(json_object_get(reader, "cluster"), "leader"));
    bool is_read = json_integer_value(json_object_get(reader, "num_waiting")) > 0;
    count += is_read;
    elsewhere += is_read && (server == NULL || strcmp(server, name) != 0);
  }
  json_decref(json);
  natsMsg_Destroy(msg);
  return elsewhere == 0 ? count : 0;
}

static void expect_readers_at_leader(void) {
  HUB_WAIT(&one, readers_at_leader() == 2);
  hub_pump(&two);
}

static void *open_two(void *user) {
  static int code;
  code = hub_try(&two, nodes.servers, user);
  return &code;
}

static void hubs_that_start_at_once_make_one_log_of_three_replicas(void **state) {
  (void)state;
  struct cws_error errs[2] = {0};
  pthread_t other;
  void *code;
  hub_init(&one, NULL);
  hub_init(&two, NULL);
  assert_int_equal(pthread_create(&other, NULL, open_two, &errs[1]), 0);
  int first = hub_try(&one, nodes.servers, &errs[0]);
  pthread_join(other, &code);
  if (first != 0 || *(int *)code != 0)
    fail_msg("%s %s", errs[0].message, errs[1].message);
  jsStreamInfo *si = NULL;
  assert_int_equal(js_GetStreamInfo(&si, js, "councilws", NULL, NULL), NATS_OK);
  assert_int_equal(si->Config->Replicas, 3);
  jsStreamInfo_Destroy(si);
  struct nats_log *logs[2] = {(struct nats_log *)one.log, (struct nats_log *)two.log};
  assert_string_equal(logs[0]->id, logs[1]->id);
  assert_string_equal(hub_state(&one).id, logs[0]->id);
  hub_follow(&one, 0);
  hub_follow(&two, 0);
  expect_readers_at_leader();
}

static int number; /* of the last text */
static bool is_acknowledged[HUB_ENTRIES];

/* Writes until that many stand; what happens to the others is not known, or surely nothing. */
static void write_some(int count) {
  int64_t end = hub_deadline();
  while (count > 0) {
    char text[16];
    struct cws_error err = {0};
    snprintf(text, sizeof text, "%d", ++number);
    assert_in_range(number, 1, HUB_ENTRIES - 1);
    int code = hub_put(&one, text);
    is_acknowledged[number] = code == 0;
    if (code == 0)
      count--;
    else
      assert_true(code == CWS_ESTORE || code == CWS_EUNKNOWNOUTCOME);
    while (!hub_is_up(&one, &err)) {
      hub_pump(&one);
      hub_wait(&one, end, err.message, __FILE__, __LINE__);
    }
  }
}

/* Both have the same, and of what was acknowledged each one once, in order. */
static void check_all(void) {
  uint64_t last = hub_state(&one).last_seq;
  HUB_WAIT(&one, one.last >= last);
  HUB_WAIT(&two, two.last >= last);
  assert_int_equal(one.first, 1);
  assert_int_equal(two.first, 1);
  int seen = 0, texts[HUB_ENTRIES] = {0};
  for (uint64_t seq = 1; seq <= last; seq++) {
    assert_string_equal(one.texts[seq], two.texts[seq]);
    int now = atoi(one.texts[seq]);
    texts[now]++;
    if (is_acknowledged[now])
      assert_true(now > seen), seen = now;
  }
  for (int i = 1; i <= number; i++)
    assert_in_range(texts[i], is_acknowledged[i] ? 1 : 0, 1);
}

static void nothing_acknowledged_is_lost_when_the_leader_is_killed(void **state) {
  (void)state;
  write_some(30);
  size_t killed = leader();
  nats_node_kill(&nodes, killed);
  write_some(30);
  nats_node_start(&nodes, killed);
  check_all();
  expect_readers_at_leader();
  hub_close(&one);
  hub_close(&two);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(hubs_that_start_at_once_make_one_log_of_three_replicas),
      cmocka_unit_test(nothing_acknowledged_is_lost_when_the_leader_is_killed),
  };
  return cmocka_run_group_tests(tests, start_servers, end_servers);
}
