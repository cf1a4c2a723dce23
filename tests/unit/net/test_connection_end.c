/* How a connection ends, whoever begins: what was written arrives, on_close comes exactly once,
 * and no data after the end was asked for. (near_end.c fails on a second on_close.) */
#include "tests/unit/net/near_end.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct site {
  struct rig rig;
  struct near_end near;
  struct far_end far;
};

enum { BULK = 2 << 20, LINGER = 20000 /* longer than the tests wait */ };

static int set_up(void **state) {
  struct site *s = calloc(1, sizeof *s);
  rig_open(&s->rig, NULL);
  near_open(&s->near, &s->rig, FAR_V4, false, &s->far);
  *state = s;
  return 0;
}

static int tear_down(void **state) {
  struct site *s = *state;
  rig_close(&s->rig);
  assert_int_equal(s->near.closes, 1); /* at the latest when the loop ends */
  far_free(&s->far);
  near_free(&s->near);
  free(s);
  return 0;
}

static char *zeros(void) {
  return calloc(1, BULK);
}

/* ---- the peer begins ---- */

static void a_peer_that_closes_ends_it(void **state) {
  struct site *s = *state;
  far_send(&s->far, &s->rig, "last words", 10);
  far_free(&s->far);
  WAIT_FOR(&s->rig, s->near.closes == 1);
  assert_true(near_has(&s->near, "last words"));
}

static void a_peer_that_resets_ends_it(void **state) {
  struct site *s = *state;
  far_reset(&s->far);
  WAIT_FOR(&s->rig, s->near.closes == 1);
}

static void a_reset_with_bytes_waiting_ends_it(void **state) {
  struct site *s = *state;
  char *bytes = zeros();
  assert_int_equal(connection_write(s->near.c, bytes, BULK), CONNECTION_BUFFERED);
  free(bytes);
  far_reset(&s->far);
  WAIT_FOR(&s->rig, s->near.closes == 1);
  assert_int_equal(s->near.drains, 0);
}

static void writing_to_a_peer_that_is_gone_is_dead_and_on_close_follows(void **state) {
  struct site *s = *state;
  far_reset(&s->far);
  while (connection_write(s->near.c, "x", 1) != CONNECTION_DEAD)
    continue;                          /* RST is there at once on loopback */
  assert_int_equal(s->near.closes, 0); /* not from inside the call */
  assert_int_equal(connection_write(s->near.c, "x", 1), CONNECTION_DEAD);
  WAIT_FOR(&s->rig, s->near.closes == 1);
}

static void it_outlives_a_peer_that_only_shut_down_its_side_where_told_so(void **state) {
  struct site *s = *state;
  connection_outlive_eof(s->near.c, true);
  far_send(&s->far, &s->rig, "a question", 10);
  far_finish(&s->far);
  settle(&s->rig);
  assert_true(near_has(&s->near, "a question"));
  assert_int_equal(s->near.closes, 0);
  assert_int_equal(connection_write(s->near.c, "the answer", 10), CONNECTION_SENT);
  WAIT_FOR(&s->rig, far_has_text(&s->far, "the answer"));
  connection_outlive_eof(s->near.c, false);
  connection_resume(s->near.c);
  WAIT_FOR(&s->rig, s->near.closes == 1);
}

static void what_outlived_its_peers_side_is_closed_like_any_other(void **state) {
  struct site *s = *state;
  char *bytes = zeros();
  connection_outlive_eof(s->near.c, true);
  far_finish(&s->far);
  settle(&s->rig);
  assert_int_equal(connection_write(s->near.c, bytes, BULK), CONNECTION_BUFFERED);
  free(bytes);
  connection_close(s->near.c, LINGER);
  WAIT_FOR(&s->rig, far_has_ended(&s->far));
  assert_int_equal(s->far.in.len, BULK);
  WAIT_FOR(&s->rig, s->near.closes == 1);
}

static void it_does_not_outlive_a_reset(void **state) {
  struct site *s = *state;
  connection_outlive_eof(s->near.c, true);
  far_reset(&s->far);
  WAIT_FOR(&s->rig, s->near.closes == 1);
}

/* ---- the near end begins: gracefully ---- */

static void close_sends_fin_and_waits_for_the_peer(void **state) {
  struct site *s = *state;
  connection_write(s->near.c, "bye", 3);
  connection_close(s->near.c, LINGER);
  WAIT_FOR(&s->rig, far_has_ended(&s->far));
  assert_int_equal(s->far.failed, 0);
  assert_true(far_has_text(&s->far, "bye"));
  settle(&s->rig);
  assert_int_equal(s->near.closes, 0);
  far_free(&s->far);
  WAIT_FOR(&s->rig, s->near.closes == 1);
}

static void close_sends_everything_before_the_fin(void **state) {
  struct site *s = *state;
  char *bytes = zeros();
  assert_int_equal(connection_write(s->near.c, bytes, BULK), CONNECTION_BUFFERED);
  free(bytes);
  connection_close(s->near.c, LINGER);
  settle(&s->rig);
  WAIT_FOR(&s->rig, far_has_ended(&s->far));
  assert_int_equal(s->far.failed, 0);
  assert_int_equal(s->far.in.len, BULK);
  assert_int_equal(s->near.drains, 0); /* nobody waits for it any more */
}

/* A peer that still sends would get a reset before it has read the end, were it not read from. */
static void what_the_peer_sends_after_close_is_thrown_away_not_reset(void **state) {
  struct site *s = *state;
  char *bytes = zeros();
  connection_write(s->near.c, "413", 3);
  connection_close(s->near.c, LINGER);
  far_send(&s->far, &s->rig, bytes, BULK);
  WAIT_FOR(&s->rig, far_has_ended(&s->far));
  assert_int_equal(s->far.failed, 0);
  assert_true(far_has_text(&s->far, "413"));
  assert_int_equal(s->near.datas, 0);
  free(bytes);
}

static void a_paused_connection_closes_as_well(void **state) {
  struct site *s = *state;
  char *bytes = zeros();
  connection_pause(s->near.c);
  connection_close(s->near.c, LINGER);
  far_send(&s->far, &s->rig, bytes, BULK); /* is read from again */
  far_free(&s->far);
  WAIT_FOR(&s->rig, s->near.closes == 1);
  assert_int_equal(s->near.datas, 0);
  free(bytes);
}

static void a_peer_that_never_closes_is_closed_when_the_linger_is_over(void **state) {
  struct site *s = *state;
  connection_close(s->near.c, 30);
  WAIT_FOR(&s->rig, s->near.closes == 1);
  assert_true(far_has_ended(&s->far));
}

static void a_peer_that_never_reads_is_closed_when_the_linger_is_over(void **state) {
  struct site *s = *state;
  char *bytes = zeros();
  assert_int_equal(connection_write(s->near.c, bytes, BULK), CONNECTION_BUFFERED);
  free(bytes);
  connection_close(s->near.c, 30);
  WAIT_FOR(&s->rig, s->near.closes == 1);
  WAIT_FOR(&s->rig, far_has_ended(&s->far));
  assert_true(s->far.in.len < BULK);
}

static void after_close_nothing_is_written_and_closing_again_changes_nothing(void **state) {
  struct site *s = *state;
  connection_write(s->near.c, "bye", 3);
  connection_close(s->near.c, LINGER);
  connection_close(s->near.c, 0);
  assert_int_equal(connection_write(s->near.c, "more", 4), CONNECTION_DEAD);
  connection_pause(s->near.c);
  connection_resume(s->near.c);
  settle(&s->rig);
  assert_int_equal(s->near.closes, 0); /* still lingers */
  WAIT_FOR(&s->rig, far_has_ended(&s->far));
  assert_int_equal(s->far.in.len, 3);
}

/* ---- the near end begins: at once ---- */

static void abort_does_not_wait_for_the_peer(void **state) {
  struct site *s = *state;
  connection_abort(s->near.c);
  connection_abort(s->near.c);
  assert_int_equal(s->near.closes, 0); /* never from inside a call */
  WAIT_FOR(&s->rig, s->near.closes == 1);
  WAIT_FOR(&s->rig, far_has_ended(&s->far));
}

static void abort_drops_what_is_buffered(void **state) {
  struct site *s = *state;
  char *bytes = zeros();
  assert_int_equal(connection_write(s->near.c, bytes, BULK), CONNECTION_BUFFERED);
  free(bytes);
  connection_abort(s->near.c);
  assert_int_equal(connection_write(s->near.c, "more", 4), CONNECTION_DEAD);
  WAIT_FOR(&s->rig, s->near.closes == 1);
  WAIT_FOR(&s->rig, far_has_ended(&s->far));
  assert_true(s->far.in.len < BULK);
}

static void abort_ends_a_graceful_close(void **state) {
  struct site *s = *state;
  connection_close(s->near.c, LINGER);
  settle(&s->rig);
  connection_abort(s->near.c);
  WAIT_FOR(&s->rig, s->near.closes == 1);
}

static void no_data_comes_after_abort(void **state) {
  struct site *s = *state;
  far_send(&s->far, &s->rig, "too late", 8);
  connection_abort(s->near.c);
  WAIT_FOR(&s->rig, s->near.closes == 1);
  assert_int_equal(s->near.datas, 0);
}

/* ---- from inside a handler ---- */

static void close_it(struct near_end *near) {
  connection_write(near->c, "bye", 3);
  connection_close(near->c, LINGER);
}

static void abort_it(struct near_end *near) {
  connection_abort(near->c);
}

static void close_and_abort_it(struct near_end *near) {
  close_it(near);
  abort_it(near);
}

static void it_may_be_closed_from_inside_on_data(void **state) {
  struct site *s = *state;
  s->near.on_data = close_it;
  far_send(&s->far, &s->rig, "x", 1);
  WAIT_FOR(&s->rig, far_has_ended(&s->far));
  assert_true(far_has_text(&s->far, "bye"));
  far_send(&s->far, &s->rig, "y", 1);
  settle(&s->rig);
  assert_int_equal(s->near.datas, 1);
  far_free(&s->far);
  WAIT_FOR(&s->rig, s->near.closes == 1);
}

static void it_may_be_aborted_from_inside_on_data(void **state) {
  struct site *s = *state;
  char *bytes = zeros();
  s->near.on_data = abort_it;
  far_send_some(&s->far, bytes, BULK);
  WAIT_FOR(&s->rig, s->near.closes == 1);
  assert_int_equal(s->near.datas, 1);
  free(bytes);
}

static void it_may_be_closed_and_aborted_from_inside_on_data(void **state) {
  struct site *s = *state;
  s->near.on_data = close_and_abort_it;
  far_send(&s->far, &s->rig, "x", 1);
  WAIT_FOR(&s->rig, s->near.closes == 1);
}

static void it_may_be_closed_from_inside_on_drain(void **state) {
  struct site *s = *state;
  char *bytes = zeros();
  s->near.on_drain = close_it;
  assert_int_equal(connection_write(s->near.c, bytes, BULK), CONNECTION_BUFFERED);
  free(bytes);
  WAIT_FOR(&s->rig, far_has_ended(&s->far));
  assert_int_equal(s->far.in.len, BULK + 3);
}

/* ---- the loop ends ---- */

static void freeing_the_loop_closes_what_is_left(void **state) {
  struct site *s = *state;
  struct near_end closing, aborted;
  struct far_end a, b;
  near_open(&closing, &s->rig, FAR_UNIX, false, &a);
  near_open(&aborted, &s->rig, FAR_UNIX, false, &b);
  connection_close(closing.c, LINGER);
  connection_abort(aborted.c);
  rig_close(&s->rig);
  assert_int_equal(s->near.closes, 1);
  assert_int_equal(closing.closes, 1);
  assert_int_equal(aborted.closes, 1);
  far_free(&a);
  far_free(&b);
  near_free(&closing);
  near_free(&aborted);
  rig_open(&s->rig, NULL);
}

/* ---- whoever accepted it ---- */

static int gone_after; /* how many on_close had come by then */

static void on_owner_gone(void *owner) {
  struct site *s = owner;
  gone_after = s->near.closes;
}

static void its_owner_is_told_last_whatever_handlers_it_has_by_then(void **state) {
  struct site *s = *state;
  gone_after = -1;
  assert_null(connection_owner(s->near.c));
  connection_set_owner(s->near.c, on_owner_gone, s);
  assert_ptr_equal(connection_owner(s->near.c), s);
  far_free(&s->far);
  WAIT_FOR(&s->rig, gone_after >= 0);
  assert_int_equal(gone_after, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_peer_that_closes_ends_it),
      TEST(a_peer_that_resets_ends_it),
      TEST(a_reset_with_bytes_waiting_ends_it),
      TEST(writing_to_a_peer_that_is_gone_is_dead_and_on_close_follows),
      TEST(it_outlives_a_peer_that_only_shut_down_its_side_where_told_so),
      TEST(what_outlived_its_peers_side_is_closed_like_any_other),
      TEST(it_does_not_outlive_a_reset),
      TEST(close_sends_fin_and_waits_for_the_peer),
      TEST(close_sends_everything_before_the_fin),
      TEST(what_the_peer_sends_after_close_is_thrown_away_not_reset),
      TEST(a_paused_connection_closes_as_well),
      TEST(a_peer_that_never_closes_is_closed_when_the_linger_is_over),
      TEST(a_peer_that_never_reads_is_closed_when_the_linger_is_over),
      TEST(after_close_nothing_is_written_and_closing_again_changes_nothing),
      TEST(abort_does_not_wait_for_the_peer),
      TEST(abort_drops_what_is_buffered),
      TEST(abort_ends_a_graceful_close),
      TEST(no_data_comes_after_abort),
      TEST(it_may_be_closed_from_inside_on_data),
      TEST(it_may_be_aborted_from_inside_on_data),
      TEST(it_may_be_closed_and_aborted_from_inside_on_data),
      TEST(it_may_be_closed_from_inside_on_drain),
      TEST(its_owner_is_told_last_whatever_handlers_it_has_by_then),
      TEST(freeing_the_loop_closes_what_is_left),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
