/*
 * A hub is killed (SIGKILL) again and again while eight threads publish. What was acknowledged is
 * there, each event once, under the id that was told; ids have no hole; a retry with the same event
 * id tells the same id.
 */
#include "tests/unit/store/support.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 8
#define THREADS 8
#define REQUESTS 3

/* What the child tells through the pipe: one write, so never torn. */
struct ack {
  int thread, number;
  int64_t message_id;
};

struct hammer {
  struct world *w;
  int thread, first, pipe;
};

static const char *request_of(int number) {
  static const char *const names[REQUESTS] = {"alpha", "beta", "gamma"};
  return names[number % REQUESTS];
}

/* Both follow from who publishes what, so that a retry and the check can make them again. */
static struct store_event event_number(int thread, int number, char data[64], char id[32]) {
  snprintf(data, 64, "{\"thread\":%d,\"number\":%d}", thread, number);
  snprintf(id, 32, "%d-%d", thread, number);
  return event_with_id(data, id);
}

static void *hammer_main(void *arg) {
  struct hammer *h = arg;
  for (int number = h->first;; number++) {
    char data[64], id[32];
    struct store_event ev = event_number(h->thread, number, data, id);
    struct put p;
    put_init(&p, request_of(number), &ev, 1);
    if (put_run(&p, h->w->s) != 0)
      abort();
    struct ack ack = {h->thread, number, ev.message_id};
    if (write(h->pipe, &ack, sizeof(ack)) != sizeof(ack))
      abort();
  }
  return NULL;
}

static void child_main(struct world *w, const int next[THREADS], int pipe) {
  struct hammer hammers[THREADS];
  pthread_t threads[THREADS];
  world_open(w);
  for (int i = 0; i < THREADS; i++) {
    hammers[i] = (struct hammer){w, i, next[i], pipe};
    if (pthread_create(&threads[i], NULL, hammer_main, &hammers[i]) != 0)
      abort();
  }
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
}

/* What was acknowledged, over all rounds. */
static struct ack acks[200000];
static size_t ack_count;
static int next_number[THREADS];

static bool read_ack(int fd) {
  struct ack *ack = &acks[ack_count];
  if (ack_count == COUNT_OF(acks) || read(fd, ack, sizeof(*ack)) != (ssize_t)sizeof(*ack))
    return false;
  assert_int_equal(ack->number, next_number[ack->thread]);
  next_number[ack->thread]++;
  ack_count++;
  return true;
}

static void run_and_kill(struct world *w, int acks_before_kill) {
  int fds[2];
  assert_int_equal(pipe(fds), 0);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    close(fds[0]);
    child_main(w, next_number, fds[1]);
    _exit(1);
  }
  close(fds[1]);
  for (int i = 0; i < acks_before_kill; i++)
    assert_true(read_ack(fds[0]));
  kill(pid, SIGKILL);
  while (read_ack(fds[0])) /* told before it died */
    ;
  close(fds[0]);
  int status;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFSIGNALED(status));
}

/* ids without a hole, and no event twice; how many events there are */
static int64_t check_request(struct world *w, const char *request_id) {
  struct store_info info = info_of(w, request_id);
  int64_t last = info.last_id, seen = 0, bytes = info.bytes;
  static bool have[THREADS][100000];
  memset(have, 0, sizeof(have));
  store_info_finish(&info);
  while (seen < last) {
    struct store_page *page =
        page_of(w, request_id, (struct store_range){.after = seen, .max_events = 5000});
    assert_true(page->count > 0);
    for (size_t i = 0; i < page->count; i++) {
      int thread, number;
      const struct cws_event *ev = &page->events[i];
      assert_int_equal(ev->message_id, ++seen);
      assert_int_equal(sscanf(ev->event_id, "%d-%d", &thread, &number), 2);
      assert_in_range(number, 0, 99999);
      assert_false(have[thread][number]);
      have[thread][number] = true;
      bytes -= (int64_t)ev->data_len;
    }
    store_page_free(page);
  }
  assert_int_equal(bytes, 0);
  return last;
}

static void check_acks(struct world *w, size_t from) {
  for (size_t i = from; i < ack_count; i++) {
    char data[64], id[32];
    event_number(acks[i].thread, acks[i].number, data, id);
    expect_data(w, request_of(acks[i].number), acks[i].message_id, data);
  }
}

/* A publisher does not know what became of its last event and sends it again. */
static void check_retries(struct world *w) {
  for (int thread = 0; thread < THREADS; thread++) {
    char data[64], id[32];
    int number = next_number[thread]++;
    struct store_event first = event_number(thread, number, data, id), second = first;
    struct put p;
    put_init(&p, request_of(number), &first, 1);
    assert_int_equal(put_run(&p, w->s), 0);
    put_init(&p, request_of(number), &second, 1);
    assert_int_equal(put_run(&p, w->s), 0);
    assert_true(second.duplicate);
    assert_int_equal(second.message_id, first.message_id);
    expect_data(w, request_of(number), first.message_id, data);
  }
}

static void test_nothing_acknowledged_is_lost_when_the_hub_is_killed(void **state) {
  struct world *w = *state;
  for (int round = 0; round < ROUNDS; round++) {
    size_t from = ack_count;
    run_and_kill(w, 50 + round * 137);
    world_open(w);
    check_acks(w, from);
    check_retries(w);
    int64_t total = 0;
    for (int i = 0; i < REQUESTS; i++)
      total += check_request(w, request_of(i));
    assert_true(total >= (int64_t)ack_count + (round + 1) * THREADS);
    world_close(w);
  }
  world_open(w);
  check_acks(w, 0);
}

static int setup(void **state) {
  struct world *w = malloc(sizeof(*w));
  world_init(w, "sqlite");
  *state = w;
  return 0;
}

static int teardown(void **state) {
  world_finish(*state);
  free(*state);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_nothing_acknowledged_is_lost_when_the_hub_is_killed,
                                      setup, teardown),
  };
  return cmocka_run_group_tests_name("sqlite crash", tests, NULL, NULL);
}
