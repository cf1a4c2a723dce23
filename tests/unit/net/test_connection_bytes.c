/* Bytes in and out of a connection: whole, in order, buffered where the peer does not read, and
 * held back while it is paused. */
#include "tests/unit/net/near_end.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct site {
  struct rig rig;
  struct near_end near;
  struct far_end far;
};

static int set_up(void **state) {
  struct site *s = calloc(1, sizeof *s);
  rig_open(&s->rig, NULL);
  near_open(&s->near, &s->rig, FAR_V4, false, &s->far);
  *state = s;
  return 0;
}

static int tear_down(void **state) {
  struct site *s = *state;
  far_free(&s->far);
  WAIT_FOR(&s->rig, s->near.closes == 1);
  rig_close(&s->rig);
  near_free(&s->near);
  free(s);
  return 0;
}

/* Bytes of which each place is told apart. */
static char *pattern(size_t len) {
  char *bytes = malloc(len);
  for (size_t i = 0; i < len; i++)
    bytes[i] = (char)(i * 7 + i / 256 + i / 65536);
  return bytes;
}

static void assert_pattern(const struct buf *b, size_t len) {
  char *expected = pattern(len);
  assert_int_equal(b->len, len);
  assert_int_equal(memcmp(b->data, expected, len), 0);
  free(expected);
}

/* ---- in ---- */

static void what_comes_is_handed_on_in_order(void **state) {
  struct site *s = *state;
  enum { LEN = 1 << 20 };
  char *bytes = pattern(LEN);
  far_send(&s->far, &s->rig, bytes, LEN);
  WAIT_FOR(&s->rig, s->near.in.len == LEN);
  assert_pattern(&s->near.in, LEN);
  free(bytes);
}

static void a_single_byte_comes_at_once(void **state) {
  struct site *s = *state;
  for (int i = 1; i <= 3; i++) {
    far_send(&s->far, &s->rig, "x", 1);
    WAIT_FOR(&s->rig, s->near.datas == i);
  }
  assert_int_equal(s->near.in.len, 3);
}

/* ---- out ---- */

static void what_is_written_goes_at_once_where_the_kernel_takes_it(void **state) {
  struct site *s = *state;
  assert_int_equal(connection_write(s->near.c, "hello", 5), CONNECTION_SENT);
  assert_int_equal(connection_buffered_bytes(s->near.c), 0);
  assert_true(far_has_text(&s->far, "hello")); /* before the loop turned */
  settle(&s->rig);
  assert_int_equal(s->near.drains, 0);
}

static void writing_nothing_is_fine(void **state) {
  struct site *s = *state;
  assert_int_equal(connection_write(s->near.c, NULL, 0), CONNECTION_SENT);
  assert_int_equal(connection_write(s->near.c, "", 0), CONNECTION_SENT);
}

static void what_is_gathered_goes_in_order_once_it_is_sent(void **state) {
  struct site *s = *state;
  connection_gather(s->near.c);
  assert_int_equal(connection_write(s->near.c, "he", 2), CONNECTION_SENT);
  assert_int_equal(connection_write(s->near.c, "llo", 3), CONNECTION_SENT);
  settle(&s->rig);
  assert_int_equal(far_has(&s->far), 0);
  connection_send_gathered(s->near.c);
  assert_true(far_has_text(&s->far, "hello"));
  assert_int_equal(connection_write(s->near.c, "!", 1), CONNECTION_SENT);
  assert_true(far_has_text(&s->far, "hello!"));
}

static void more_than_a_little_is_not_gathered(void **state) {
  struct site *s = *state;
  enum { LEN = 100000 };
  char *bytes = pattern(LEN);
  connection_gather(s->near.c);
  assert_int_equal(connection_write(s->near.c, bytes, 10), CONNECTION_SENT);
  assert_int_not_equal(connection_write(s->near.c, bytes + 10, LEN - 10), CONNECTION_DEAD);
  WAIT_FOR(&s->rig, far_has(&s->far) == LEN);
  assert_pattern(&s->far.in, LEN);
  connection_send_gathered(s->near.c);
  settle(&s->rig);
  assert_int_equal(far_has(&s->far), LEN);
  free(bytes);
}

static void what_is_gathered_goes_before_a_close(void **state) {
  struct site *s = *state;
  connection_gather(s->near.c);
  connection_write(s->near.c, "bye", 3);
  connection_close(s->near.c, 1000);
  connection_send_gathered(s->near.c);
  WAIT_FOR(&s->rig, far_has_text(&s->far, "bye"));
}

/* More than both kernel buffers take: a peer that does not read. */
enum { BULK = 2 << 20 };

static void what_the_peer_does_not_read_is_kept_and_drains_as_it_does(void **state) {
  struct site *s = *state;
  char *bytes = pattern(BULK);
  assert_int_equal(connection_write(s->near.c, bytes, BULK), CONNECTION_BUFFERED);
  memset(bytes, 0, BULK); /* it was copied */
  free(bytes);
  assert_in_range(connection_buffered_bytes(s->near.c), 1, BULK);
  settle(&s->rig);
  assert_int_equal(s->near.drains, 0);
  WAIT_FOR(&s->rig, far_has(&s->far) == BULK);
  assert_pattern(&s->far.in, BULK);
  WAIT_FOR(&s->rig, s->near.drains > 0);
  settle(&s->rig);
  assert_int_equal(s->near.drains, 1);
  assert_int_equal(connection_buffered_bytes(s->near.c), 0);
}

static void writes_behind_a_buffered_one_keep_the_order(void **state) {
  struct site *s = *state;
  char *bytes = pattern(BULK);
  size_t done = 0;
  for (size_t n = 1; done < BULK; done += n, n = n * 3 % 300007) {
    n = n < BULK - done ? n : BULK - done;
    int rc = connection_write(s->near.c, bytes + done, n);
    assert_int_not_equal(rc, CONNECTION_DEAD);
  }
  assert_in_range(connection_buffered_bytes(s->near.c), 1, BULK);
  WAIT_FOR(&s->rig, far_has(&s->far) == BULK);
  assert_pattern(&s->far.in, BULK);
  WAIT_FOR(&s->rig, s->near.drains == 1);
  free(bytes);
}

static void write_again(struct near_end *near) {
  char *bytes = near->drains < 3 ? pattern(BULK) : NULL;
  if (bytes != NULL)
    assert_int_equal(connection_write(near->c, bytes, BULK), CONNECTION_BUFFERED);
  free(bytes);
}

static void write_always(struct near_end *near) {
  char *bytes = pattern(BULK);
  assert_int_equal(connection_write(near->c, bytes, BULK), CONNECTION_BUFFERED);
  free(bytes);
}

static void more_may_be_written_from_inside_on_drain(void **state) {
  struct site *s = *state;
  s->near.on_drain = write_again;
  write_again(&s->near);
  WAIT_FOR(&s->rig, far_has(&s->far) == 3 * (size_t)BULK);
  WAIT_FOR(&s->rig, s->near.drains == 3);
}

static void echo(struct near_end *near) {
  assert_int_not_equal(connection_write(near->c, near->in.data, near->in.len), CONNECTION_DEAD);
  buf_reset(&near->in);
}

static void an_answer_may_be_written_from_inside_on_data(void **state) {
  struct site *s = *state;
  s->near.on_data = echo;
  far_send(&s->far, &s->rig, "ping", 4);
  WAIT_FOR(&s->rig, far_has_text(&s->far, "ping"));
}

/* libwebsockets does not read while it has bytes to send; the loop must not be woken all the while
 * by what it does not read. */
static void a_peer_that_sends_and_does_not_read_costs_no_turns(void **state) {
  struct site *s = *state;
  char *bytes = pattern(BULK);
  assert_int_equal(connection_write(s->near.c, bytes, BULK), CONNECTION_BUFFERED);
  free(bytes);
  settle(&s->rig);
  far_send(&s->far, &s->rig, "still there?", 12);
  int turns = 0;
  for (int64_t until = rig_now_ms() + 50; rig_now_ms() < until; turns++)
    rig_turn(&s->rig);
  assert_in_range(turns, 1, 40);
  WAIT_FOR(&s->rig, far_has(&s->far) == BULK);
  WAIT_FOR(&s->rig, near_has(&s->near, "still there?"));
}

/* Who always has bytes waiting is still heard: between one drain and the next write. */
static void a_peer_is_heard_however_much_is_written(void **state) {
  struct site *s = *state;
  s->near.on_drain = write_always;
  write_always(&s->near);
  settle(&s->rig);
  far_send(&s->far, &s->rig, "still there?", 12);
  WAIT_FOR(&s->rig, (far_read_some(&s->far, SIZE_MAX), s->near.datas > 0));
  assert_in_range(s->near.drains, 0, 4);
}

/* ---- pausing ---- */

static void a_paused_connection_makes_the_peer_wait(void **state) {
  struct site *s = *state;
  char *bytes = pattern(BULK);
  connection_pause(s->near.c);
  connection_pause(s->near.c);
  size_t sent = 0, n;
  while ((n = far_send_some(&s->far, bytes + sent, BULK - sent)) > 0)
    sent += n;
  assert_true(sent < BULK);
  settle(&s->rig);
  assert_int_equal(s->near.datas, 0);
  connection_resume(s->near.c);
  connection_resume(s->near.c);
  far_send(&s->far, &s->rig, bytes + sent, BULK - sent);
  WAIT_FOR(&s->rig, s->near.in.len == BULK);
  assert_pattern(&s->near.in, BULK);
  free(bytes);
}

static void pause_after_one(struct near_end *near) {
  connection_pause(near->c);
}

static void it_may_be_paused_from_inside_on_data(void **state) {
  struct site *s = *state;
  enum { LEN = 200000 };
  char *bytes = pattern(LEN);
  size_t sent = 0;
  s->near.on_data = pause_after_one;
  for (int reads = 1; s->near.in.len < LEN; reads++) {
    size_t before = s->near.in.len, n;
    while (sent < LEN && (n = far_send_some(&s->far, bytes + sent, LEN - sent)) > 0)
      sent += n;
    WAIT_FOR(&s->rig, s->near.in.len > before);
    settle(&s->rig);
    assert_int_equal(s->near.datas, reads); /* one read at a time, however much waits */
    connection_resume(s->near.c);
  }
  assert_pattern(&s->near.in, LEN);
  free(bytes);
}

static void a_paused_connection_still_writes(void **state) {
  struct site *s = *state;
  char *bytes = pattern(BULK);
  connection_pause(s->near.c);
  assert_int_equal(connection_write(s->near.c, bytes, BULK), CONNECTION_BUFFERED);
  WAIT_FOR(&s->rig, far_has(&s->far) == BULK);
  WAIT_FOR(&s->rig, s->near.drains == 1);
  far_send(&s->far, &s->rig, "x", 1);
  settle(&s->rig);
  assert_int_equal(s->near.datas, 0); /* and is still paused */
  connection_resume(s->near.c);
  WAIT_FOR(&s->rig, s->near.datas == 1);
  free(bytes);
}

/* ---- who it is ---- */

static void assert_peer(struct site *s, enum far_kind kind, const char *address, bool is_unix) {
  struct near_end near;
  struct far_end far;
  near_open(&near, &s->rig, kind, false, &far);
  const struct connection_peer *peer = connection_peer(near.c);
  assert_string_equal(peer->address, address);
  assert_int_equal(peer->is_unix, is_unix);
  assert_false(peer->is_tls);
  assert_ptr_equal(connection_loop(near.c), s->rig.loop);
  assert_int_equal(connection_write(near.c, "hello", 5), CONNECTION_SENT);
  WAIT_FOR(&s->rig, far_has_text(&far, "hello"));
  far_send(&far, &s->rig, "world", 5);
  WAIT_FOR(&s->rig, near_has(&near, "world"));
  far_free(&far);
  WAIT_FOR(&s->rig, near.closes == 1);
  near_free(&near);
}

static void the_peer_is_told_by_its_address(void **state) {
  struct site *s = *state;
  assert_peer(s, FAR_V4, "127.0.0.1", false);
  assert_peer(s, FAR_V6, "::1", false);
  assert_peer(s, FAR_UNIX, "unix", true);
}

static void on_other_data(struct connection *c, const char *bytes, size_t len, void *user) {
  (void)c;
  buf_add(user, bytes, len);
}

static void new_handlers_hear_of_what_comes_next(void **state) {
  struct site *s = *state;
  struct near_end *near = &s->near;
  struct buf other;
  struct connection_handlers handlers = {.on_data = on_other_data}, none = {.on_data = NULL};
  buf_init(&other);
  far_send(&s->far, &s->rig, "one", 3);
  WAIT_FOR(&s->rig, near_has(near, "one"));
  connection_set_handlers(near->c, &handlers, &other);
  far_send(&s->far, &s->rig, "two", 3);
  WAIT_FOR(&s->rig, other.len == 3);
  assert_int_equal(near->datas, 1);
  connection_set_handlers(near->c, &none, NULL); /* NULL members are not called */
  far_send(&s->far, &s->rig, "three", 5);
  far_finish(&s->far);
  WAIT_FOR(&s->rig, far_has_ended(&s->far));
  settle(&s->rig);
  near->closes = 1; /* for tear_down: nobody was told */
  buf_finish(&other);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(what_comes_is_handed_on_in_order),
      TEST(a_single_byte_comes_at_once),
      TEST(what_is_written_goes_at_once_where_the_kernel_takes_it),
      TEST(writing_nothing_is_fine),
      TEST(what_is_gathered_goes_in_order_once_it_is_sent),
      TEST(more_than_a_little_is_not_gathered),
      TEST(what_is_gathered_goes_before_a_close),
      TEST(what_the_peer_does_not_read_is_kept_and_drains_as_it_does),
      TEST(writes_behind_a_buffered_one_keep_the_order),
      TEST(more_may_be_written_from_inside_on_drain),
      TEST(an_answer_may_be_written_from_inside_on_data),
      TEST(a_peer_that_sends_and_does_not_read_costs_no_turns),
      TEST(a_peer_is_heard_however_much_is_written),
      TEST(a_paused_connection_makes_the_peer_wait),
      TEST(it_may_be_paused_from_inside_on_data),
      TEST(a_paused_connection_still_writes),
      TEST(the_peer_is_told_by_its_address),
      TEST(new_handlers_hear_of_what_comes_next),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
