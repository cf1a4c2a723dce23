/*
 * A log in NATS JetStream, on one real server: order, outcomes, what a server that is gone or
 * stopped does, and how much lies untaken. Streams are told apart by their prefix.
 */
#include "tests/unit/store/nats_hub.h"

static struct nats_nodes nodes;
static struct hub one, two;

static int start_server(void **state) {
  (void)state;
  nats_nodes_start(&nodes, 1, "");
  return 0;
}

static int end_server(void **state) {
  (void)state;
  nats_nodes_finish(&nodes);
  return 0;
}

static void put_many(struct hub *h, const char *kind, int count) {
  for (int i = 1; i <= count; i++) {
    char text[16];
    snprintf(text, sizeof text, "%s %d", kind, i);
    assert_int_equal(hub_put(h, text), 0);
  }
}

static void entries_of_two_hubs_come_to_both_in_the_same_order_each_once(void **state) {
  (void)state;
  hub_open(&one, &nodes, "order");
  hub_open(&two, &nodes, "order");
  hub_follow(&one, 0);
  hub_follow(&two, 0);
  for (size_t i = 1; i <= 50; i++) {
    char text[2][16];
    snprintf(text[0], sizeof text[0], "one %zu", i);
    snprintf(text[1], sizeof text[1], "two %zu", i);
    assert_int_equal(hub_send(i % 2 ? &one : &two, text[i % 2 ? 0 : 1], NULL), 0);
    assert_int_equal(hub_send(i % 2 ? &two : &one, text[i % 2 ? 1 : 0], NULL), 0);
    HUB_WAIT(&one, one.outcomes == i);
    HUB_WAIT(&two, two.outcomes == i);
    assert_int_equal(one.outcome.code, 0);
    assert_int_equal(two.outcome.code, 0);
  }
  HUB_WAIT(&one, one.last == 100);
  HUB_WAIT(&two, two.last == 100);
  assert_memory_equal(one.texts, two.texts, sizeof one.texts);
  int next[2] = {1, 1};
  for (int seq = 1; seq <= 100; seq++) { /* each hub's own are in its own order */
    char expected[16];
    int who = one.texts[seq][0] == 't';
    snprintf(expected, sizeof expected, "%s %d", who == 0 ? "one" : "two", next[who]++);
    assert_string_equal(one.texts[seq], expected);
  }
  struct store_log_state now = hub_state(&one);
  assert_int_equal(now.first_seq, 1);
  assert_int_equal(now.last_seq, 100);
  hub_close(&one);
  hub_close(&two);
}

static void following_begins_behind_any_entry(void **state) {
  (void)state;
  hub_open(&one, &nodes, "middle");
  put_many(&one, "entry", 20);
  hub_open(&two, &nodes, "middle");
  hub_follow(&two, 12);
  HUB_WAIT(&two, two.last == 20);
  assert_int_equal(two.first, 13);
  assert_string_equal(two.texts[13], "entry 13");
  hub_close(&two);
  hub_open(&two, &nodes, "middle"); /* and at the end */
  hub_follow(&two, 20);
  assert_int_equal(hub_put(&two, "entry 21"), 0);
  HUB_WAIT(&two, two.last == 21);
  assert_int_equal(two.first, 21);
  hub_close(&one);
  hub_close(&two);
}

static void an_empty_log_has_its_first_entry_still_to_come(void **state) {
  (void)state;
  hub_open(&one, &nodes, "empty");
  struct store_log_state now = hub_state(&one);
  assert_int_equal(now.first_seq, 1);
  assert_int_equal(now.last_seq, 0);
  assert_true(now.id[0] != '\0');
  hub_close(&one);
}

static void an_entry_can_be_asked_for(void **state) {
  (void)state;
  struct store_log_entry *entry;
  hub_open(&one, &nodes, "asked");
  put_many(&one, "entry", 3);
  assert_int_equal(one.log->ops->get(one.log, 2, &entry, NULL), 0);
  assert_int_equal(entry->seq, 2);
  assert_int_equal(entry->len, 7);
  assert_memory_equal(entry->bytes, "entry 2", 7);
  free(entry);
  assert_int_equal(one.log->ops->get(one.log, 4, &entry, NULL), CWS_ENOTFOUND);
  hub_close(&one);
}

/* ---- size ---- */

static void an_entry_that_is_too_large_is_refused_and_the_largest_is_not(void **state) {
  (void)state;
  struct cws_error err = {0};
  hub_open(&one, &nodes, "large");
  hub_follow(&one, 0);
  size_t most = hub_state(&one).max_entry_bytes;
  assert_in_range(most, 1000000, 1 << 20);
  char *bytes = calloc(1, most + 1);
  assert_int_equal(one.log->ops->publish(one.log, 1, bytes, most + 1, &err), CWS_ETOOLARGE);
  assert_non_null(strstr(err.message, "larger than"));
  assert_int_equal(one.log->ops->publish(one.log, 1, bytes, most, &err), 0);
  HUB_WAIT(&one, one.outcomes == 1 && one.bytes == most);
  assert_int_equal(one.outcome.code, 0);
  free(bytes);
  hub_close(&one);
}

static size_t untaken(struct hub *h) {
  struct nats_log *log = (struct nats_log *)h->log;
  pthread_mutex_lock(&log->mutex);
  size_t bytes = log->entries.bytes;
  pthread_mutex_unlock(&log->mutex);
  return bytes;
}

#define BIG 262144
#define BIG_COUNT 96 /* 24 MiB */

static void what_is_not_taken_waits_where_it_is(void **state) {
  (void)state;
  static char bytes[BIG];
  hub_open(&one, &nodes, "pressure");
  for (int i = 1; i <= BIG_COUNT; i++) {
    snprintf(bytes, sizeof bytes, "big %d", i);
    assert_int_equal(one.log->ops->publish(one.log, (uint64_t)i, bytes, sizeof bytes, NULL), 0);
    HUB_WAIT(&one, one.outcomes == (size_t)i);
    assert_int_equal(one.outcome.code, 0);
  }
  hub_open(&two, &nodes, "pressure");
  hub_follow(&two, 0);
  for (int64_t end = hub_deadline(); untaken(&two) < (size_t)8 << 20;)
    hub_wait(&two, end, "8 MiB have come", __FILE__, __LINE__);
  size_t before = 0, now = 0;
  do { /* as long as more comes */
    before = now;
    for (int i = 0; i < 20 && (now = untaken(&two)) == before; i++)
      sem_trywait(&two.woken), nats_Sleep(50);
  } while (now != before);
  assert_in_range(now, (size_t)8 << 20, (size_t)13 << 20);
  HUB_WAIT(&two, two.last == BIG_COUNT);
  assert_int_equal(two.bytes, (size_t)BIG * BIG_COUNT);
  assert_string_equal(two.texts[BIG_COUNT], "big 96");
  hub_close(&one);
  hub_close(&two);
}

/* ---- telling ---- */

static void what_is_told_comes_to_others_and_not_to_oneself(void **state) {
  (void)state;
  hub_open(&one, &nodes, "told");
  hub_open(&two, &nodes, "told");
  one.log->ops->tell(one.log, "five watch", 10);
  HUB_WAIT(&two, two.told_count == 1);
  assert_string_equal(two.told, "five watch");
  two.log->ops->tell(two.log, "six watch", 9);
  HUB_WAIT(&one, one.told_count == 1); /* and not its own before that */
  assert_string_equal(one.told, "six watch");
  hub_close(&one);
  hub_close(&two);
}

/* ---- servers that are gone ---- */

static void without_a_server_nothing_is_written_and_all_comes_back_by_itself(void **state) {
  (void)state;
  struct cws_error err = {0};
  hub_open(&one, &nodes, "gone");
  hub_follow(&one, 0);
  put_many(&one, "before", 3);
  nats_node_kill(&nodes, 0);
  HUB_WAIT(&one, !hub_is_up(&one, &err));
  assert_non_null(strstr(err.message, "no NATS server answers at 127.0.0.1:"));
  assert_int_equal(hub_send(&one, "never", &err), CWS_ESTORE);
  assert_int_not_equal(one.log->ops->state(one.log, &(struct store_log_state){0}, &err), 0);
  nats_node_start(&nodes, 0);
  HUB_WAIT(&one, hub_is_up(&one, &err));
  put_many(&one, "after", 2);
  HUB_WAIT(&one, one.last == 5);
  assert_string_equal(one.texts[3], "before 3");
  assert_string_equal(one.texts[4], "after 1");
  hub_close(&one);
}

static void an_entry_that_gets_no_answer_is_unknown_and_may_come_later(void **state) {
  (void)state;
  struct cws_error err = {0};
  hub_open(&one, &nodes, "stopped");
  hub_follow(&one, 0);
  put_many(&one, "before", 1);
  nats_node_freeze(&nodes, 0);
  assert_int_equal(hub_put(&one, "late"), CWS_EUNKNOWNOUTCOME);
  assert_non_null(strstr(one.outcome.error.message, "stopped"));
  assert_false(hub_is_up(&one, &err));
  nats_node_thaw(&nodes, 0);
  HUB_WAIT(&one, hub_is_up(&one, &err));
  assert_int_equal(hub_put(&one, "after"), 0);
  HUB_WAIT(&one, one.last >= 2 && strcmp(one.texts[one.last], "after") == 0);
  assert_string_equal(one.texts[2], "late");
  hub_close(&one);
}

static void a_log_whose_server_is_not_there_is_not_opened(void **state) {
  (void)state;
  struct cws_error err = {0};
  hub_init(&one, "nowhere");
  assert_int_equal(hub_try(&one, "//127.0.0.1:1,[::1]:1", &err), CWS_ESTORE);
  assert_non_null(strstr(err.message, "no NATS server answers at 127.0.0.1:1,[::1]:1"));
}

static void servers_and_names_that_cannot_be_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *servers, *prefix, *says;
  } cases[] = {
      {"127.0.0.1:4222", NULL, "needs servers"},
      {"//", NULL, "needs servers"},
      {"//,", NULL, "names no server"},
      {"//me:secret@127.0.0.1", NULL, "nats-user"},
      {"//127.0.0.1", "a.b", "nats-prefix"},
      {"//127.0.0.1", "", "nats-prefix"},
      {"//127.0.0.1", "a-name-that-is-longer-than-they-are", "nats-prefix"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    struct cws_error err = {0};
    hub_init(&one, cases[i].prefix);
    assert_int_equal(hub_try(&one, cases[i].servers, &err), CWS_ECONFIG);
    assert_non_null(strstr(err.message, cases[i].says));
    assert_null(strstr(err.message, "secret"));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(entries_of_two_hubs_come_to_both_in_the_same_order_each_once),
      cmocka_unit_test(following_begins_behind_any_entry),
      cmocka_unit_test(an_empty_log_has_its_first_entry_still_to_come),
      cmocka_unit_test(an_entry_can_be_asked_for),
      cmocka_unit_test(an_entry_that_is_too_large_is_refused_and_the_largest_is_not),
      cmocka_unit_test(what_is_not_taken_waits_where_it_is),
      cmocka_unit_test(what_is_told_comes_to_others_and_not_to_oneself),
      cmocka_unit_test(without_a_server_nothing_is_written_and_all_comes_back_by_itself),
      cmocka_unit_test(an_entry_that_gets_no_answer_is_unknown_and_may_come_later),
      cmocka_unit_test(a_log_whose_server_is_not_there_is_not_opened),
      cmocka_unit_test(servers_and_names_that_cannot_be_are_refused),
  };
  return cmocka_run_group_tests(tests, start_server, end_server);
}
