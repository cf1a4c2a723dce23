#include "tests/unit/store/support.h"

#include "server/store/store_front.h"

struct cache {
  struct store_engine *e;
  struct store_streams streams;
};

static int setup(void **state) {
  struct cache *c = calloc(1, sizeof(*c));
  assert_int_equal(store_memory_ops.open(&(struct store_options){0}, &c->e, NULL), 0);
  assert_int_equal(store_streams_init(&c->streams), 0);
  *state = c;
  return 0;
}

static int teardown(void **state) {
  struct cache *c = *state;
  store_streams_finish(&c->streams);
  c->e->ops->close(c->e);
  free(c);
  return 0;
}

/* A stored stream with `events` events "event-1" … */
static void store(struct cache *c, const char *request_id, int events) {
  struct store_birth birth = {request_id, "epoch", NULL, 1};
  struct store_row row;
  c->e->ops->begin(c->e, NULL);
  assert_int_equal(c->e->ops->create(c->e, &birth, &row, NULL), 0);
  for (int i = 1; i <= events; i++) {
    char id[24];
    snprintf(id, sizeof(id), "event-%d", i);
    struct store_event ev = event_with_id("12345", id);
    ev.message_id = i;
    assert_int_equal(c->e->ops->add(c->e, &row, &ev, 1, NULL), 0);
  }
  assert_int_equal(c->e->ops->commit(c->e, NULL), 0);
}

static struct store_stream *find(struct cache *c, const char *request_id) {
  struct store_stream *st;
  assert_int_equal(store_streams_find(&c->streams, c->e, request_id, &st, NULL), 0);
  assert_string_equal(st->request_id, request_id);
  return st;
}

static void test_a_stream_is_loaded_once_with_what_is_stored(void **state) {
  struct cache *c = *state;
  struct store_stream *st;
  assert_int_equal(store_streams_find(&c->streams, c->e, "r", &st, NULL), CWS_EUNKNOWNREQUEST);
  store(c, "r", 3);
  st = find(c, "r");
  assert_int_equal(st->row.last_id, 3);
  assert_int_equal(st->row.bytes, 15);
  assert_string_equal(st->row.epoch, "epoch");
  assert_ptr_equal(find(c, "r"), st);
  assert_int_equal(store_streams_load_dedupe(&c->streams, c->e, st, NULL), 0);
  struct siphash id = store_streams_hash(&c->streams, "event-2");
  assert_int_equal(dedupe_find(&st->dedupe, id, 0)->message_id, 2);
}

static void test_the_least_recently_used_go_first(void **state) {
  struct cache *c = *state;
  c->streams.max_count = 3;
  const char *ids[] = {"a", "b", "c", "d", "e"};
  for (size_t i = 0; i < COUNT_OF(ids); i++)
    store(c, ids[i], 1);
  for (size_t i = 0; i < 3; i++)
    find(c, ids[i]);
  find(c, "a");
  find(c, "d");
  store_streams_shrink(&c->streams);
  assert_int_equal(c->streams.count, 3);
  assert_string_equal(c->streams.newest->request_id, "d");
  assert_string_equal(c->streams.newest->older->request_id, "a");
  assert_string_equal(c->streams.oldest->request_id, "c");
  find(c, "b");
  assert_int_equal(c->streams.count, 4);
}

static void test_maps_of_event_ids_are_let_go_beyond_their_limit(void **state) {
  struct cache *c = *state;
  const char *ids[] = {"a", "b", "c", "d"};
  for (size_t i = 0; i < COUNT_OF(ids); i++) {
    store(c, ids[i], 100);
    struct store_stream *st = find(c, ids[i]);
    assert_int_equal(store_streams_load_dedupe(&c->streams, c->e, st, NULL), 0);
    store_streams_recount(&c->streams, st);
  }
  size_t all = c->streams.dedupe_bytes;
  assert_true(all > 4 * 100 * sizeof(struct dedupe_entry));
  c->streams.max_dedupe_bytes = all / 2;
  store_streams_shrink(&c->streams);
  assert_int_equal(c->streams.count, 2);
  assert_int_equal(c->streams.dedupe_bytes, all / 2);
  c->streams.max_dedupe_bytes = 1;
  store_streams_shrink(&c->streams);
  assert_int_equal(c->streams.count, 1); /* the one in use stays */
  assert_string_equal(c->streams.newest->request_id, "d");
}

static void test_thousands_are_found(void **state) {
  struct cache *c = *state;
  for (int i = 0; i < 5000; i++) {
    char id[16];
    snprintf(id, sizeof(id), "r%d", i);
    store(c, id, 1);
    find(c, id);
  }
  assert_int_equal(c->streams.count, 5000);
  struct store_stream *st = find(c, "r17");
  store_streams_drop(&c->streams, st);
  assert_int_equal(c->streams.count, 4999);
  find(c, "r17");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_a_stream_is_loaded_once_with_what_is_stored, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(test_the_least_recently_used_go_first, setup, teardown),
      cmocka_unit_test_setup_teardown(test_maps_of_event_ids_are_let_go_beyond_their_limit, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(test_thousands_are_found, setup, teardown),
  };
  return cmocka_run_group_tests_name("streams", tests, NULL, NULL);
}
