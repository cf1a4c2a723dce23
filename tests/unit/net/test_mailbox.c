/* Threads post, one loop runs: each mail once, each thread's in its order. */
#include "tests/unit/support/rig.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "server/net/mailbox.h"

struct note {
  struct mail mail; /* first */
  int from, number, left;
  struct mailbox *box;
};

enum { THREADS = 4, EACH = 5000 };

static int next_of[THREADS], total;
static pthread_t owner;

static int set_up(void **state) {
  struct rig *rig = calloc(1, sizeof *rig);
  rig_open(rig, NULL);
  memset(next_of, 0, sizeof next_of);
  total = 0;
  owner = pthread_self();
  *state = rig;
  return 0;
}

static int tear_down(void **state) {
  rig_close(*state);
  free(*state);
  return 0;
}

static void on_note(struct mail *mail) {
  struct note *note = (struct note *)mail;
  assert_int_equal(note->number, next_of[note->from]);
  assert_true(pthread_equal(owner, pthread_self()));
  next_of[note->from]++;
  total++;
  free(note);
}

static void post(struct mailbox *box, int from, int number) {
  struct note *note = calloc(1, sizeof *note);
  note->mail.run = on_note;
  note->from = from;
  note->number = number;
  mailbox_post(box, &note->mail);
}

struct poster {
  pthread_t thread;
  struct mailbox *box;
  int from;
};

static void *post_many(void *arg) {
  struct poster *p = arg;
  for (int i = 0; i < EACH; i++)
    post(p->box, p->from, i);
  return NULL;
}

static void many_threads_post_and_each_ones_order_is_kept(void **state) {
  struct rig *rig = *state;
  struct poster posters[THREADS];
  for (int i = 0; i < THREADS; i++) {
    posters[i] = (struct poster){.box = loop_mailbox(rig->loop), .from = i};
    pthread_create(&posters[i].thread, NULL, post_many, &posters[i]);
  }
  WAIT_FOR(rig, total == THREADS * EACH);
  for (int i = 0; i < THREADS; i++)
    pthread_join(posters[i].thread, NULL);
  assert_int_equal(total, THREADS * EACH);
}

static void nothing_runs_inside_the_call_that_posts(void **state) {
  struct rig *rig = *state;
  post(loop_mailbox(rig->loop), 0, 0);
  assert_int_equal(total, 0);
  WAIT_FOR(rig, total == 1);
}

static void loop_post_is_the_same_box(void **state) {
  struct rig *rig = *state;
  struct note *note = calloc(1, sizeof *note);
  note->mail.run = on_note;
  post(loop_mailbox(rig->loop), 1, 0);
  loop_post(rig->loop, &note->mail);
  WAIT_FOR(rig, total == 2);
}

static void on_again(struct mail *mail) {
  struct note *note = (struct note *)mail;
  total++;
  if (--note->left > 0)
    mailbox_post(note->box, mail);
}

static void mail_may_post_itself_again(void **state) {
  struct rig *rig = *state;
  struct note note = {.mail.run = on_again, .left = 100, .box = loop_mailbox(rig->loop)};
  mailbox_post(note.box, &note.mail);
  WAIT_FOR(rig, note.left == 0);
  assert_int_equal(total, 100);
}

/* Mail that keeps posting itself must not keep sockets and timers out. */
static void what_a_run_posts_waits_for_the_next_turn(void **state) {
  struct rig *rig = *state;
  struct note note = {.mail.run = on_again, .left = 1000000, .box = loop_mailbox(rig->loop)};
  mailbox_post(note.box, &note.mail);
  rig_turn(rig);
  assert_in_range(total, 0, 2);
  note.left = 1;
  WAIT_FOR(rig, note.left == 0);
}

static void closing_runs_what_is_left_and_what_that_posts(void **state) {
  (void)state;
  uv_loop_t loop;
  struct mailbox *box;
  uv_loop_init(&loop);
  assert_int_equal(mailbox_open(&loop, &box), 0);
  struct note note = {.mail.run = on_again, .left = 3, .box = box};
  post(box, 0, 0);
  post(box, 0, 1);
  mailbox_post(box, &note.mail);
  mailbox_close(box);
  assert_int_equal(total, 5);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(many_threads_post_and_each_ones_order_is_kept),
      TEST(nothing_runs_inside_the_call_that_posts),
      TEST(loop_post_is_the_same_box),
      TEST(mail_may_post_itself_again),
      TEST(what_a_run_posts_waits_for_the_next_turn),
      TEST(closing_runs_what_is_left_and_what_that_posts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
