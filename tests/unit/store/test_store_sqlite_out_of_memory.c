/*
 * Every allocation of the sqlite store, SQLite's own among them, fails once during each of its
 * calls, on whatever thread it is made: the call says so or stands as if nothing had been, what it
 * answers is never a part or another's, nothing is lost (a sanitizer sees it), and the same call
 * works afterwards.
 */
#include "tests/unit/store/support.h"

#include "tests/unit/core/failing_memory.h"
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

enum { MOST = 20000 }; /* allocations that one call may make */

static struct world w;

/* Nobody cuts the power here, and waiting for the disk would be most of the time. SQLite finds
 * these before libc's. */
#define SEEN_BY_LIBRARIES __attribute__((visibility("default")))

SEEN_BY_LIBRARIES int fsync(int fd) {
  (void)fd;
  return 0;
}

SEEN_BY_LIBRARIES int fdatasync(int fd) {
  (void)fd;
  return 0;
}

int posix_fallocate(int fd, off_t offset, off_t len) { /* of the ballast */
  (void)fd, (void)offset, (void)len;
  return 0;
}

/* ---- SQLite's allocations ---- */

static sqlite3_mem_methods real;

static void *refuse_malloc(int size) {
  return failing_memory_refuses() ? NULL : real.xMalloc(size);
}

static void *refuse_realloc(void *old, int size) {
  return failing_memory_refuses() ? NULL : real.xRealloc(old, size);
}

/* Without lookaside, which would hand out small pieces unseen. */
static int init(void **state) {
  (void)state;
  if (access("/dev/shm", W_OK) == 0) /* thousands of stores are made and removed */
    world_home = "/dev/shm";
  failing_memory_init();
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real);
  sqlite3_mem_methods methods = real;
  methods.xMalloc = refuse_malloc;
  methods.xRealloc = refuse_realloc;
  return sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK &&
                 sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) == SQLITE_OK
             ? 0
             : -1;
}

static int end(void **state) {
  (void)state;
  world_finish(&w);
  return 0;
}

/* One call with its n-th allocation failing; whether there was one, and the call's code. */
typedef bool call_fn(size_t n, int *code);

/* Every one in turn, until there is no n-th. Some must be noticed, none may be told as another
 * error. */
static void fail_each(call_fn *call) {
  size_t n = 0, refused = 0;
  int code = 0;
  while (call(n, &code)) {
    if (code != 0 && code != CWS_ENOMEM && code != CWS_ESTORE)
      fail_msg("allocation %zu failed, and the answer was %d: %s", n, code, cws_error_text(code));
    refused += code != 0;
    assert_true(++n < MOST);
  }
  assert_int_equal(code, 0);
  assert_true(refused > 0);
}

/* ---- what is stored ---- */

#define EVENTS 4

static void put_events(const char *request_id) {
  for (int i = 1; i <= EVENTS; i++) {
    struct store_event ev;
    char data[24], id[16];
    snprintf(data, sizeof data, "{\"n\":%d}", i);
    snprintf(id, sizeof id, "id-%d", i);
    assert_int_equal(put_id(&w, request_id, data, id, &ev), 0);
    assert_int_equal(ev.message_id, i);
  }
}

static void put_marks(const char *request_id) {
  struct store_info info = info_of(&w, request_id);
  store_set_position(w.s, request_id, info.epoch, "ann", 2);
  store_set_position(w.s, request_id, info.epoch, "bob", 3);
  store_set_summary(w.s, request_id, info.epoch, 4, "{\"state\":\"good\"}");
  store_info_finish(&info);
  assert_int_equal(store_flush(w.s), 0);
}

static void check_info(const struct store_info *info, const char *request_id) {
  assert_string_equal(info->request_id, request_id);
  assert_string_equal(info->epoch, "epoch");
  assert_int_equal(info->first_id, 1);
  assert_int_equal(info->last_id, EVENTS);
  assert_non_null(info->summary);
  assert_string_equal(info->summary, "{\"state\":\"good\"}");
}

/* As after put_events, whether it was just opened or not. */
static void check_events(const struct store_page *page) {
  assert_int_equal(page->count, EVENTS);
  for (int i = 1; i <= EVENTS; i++) {
    char id[16];
    const struct cws_event *ev = &page->events[i - 1];
    snprintf(id, sizeof id, "id-%d", i);
    assert_int_equal(ev->message_id, i);
    assert_string_equal(ev->type, "execution_progress");
    assert_string_equal(ev->event_id, id);
  }
}

static int begin(void **state) {
  (void)state;
  world_init(&w, "sqlite");
  world_open(&w);
  put_events("r");
  put_events("s");
  put_marks("r");
  put_marks("s");
  return 0;
}

/* ---- opening ---- */

/* Opened once more now and then only: it takes its time. */
static bool open_armed(size_t n, int *code) {
  struct cws_error err = {0};
  failing_memory_arm(n);
  *code = store_open(w.uri, &w.options, &w.s, &err);
  bool has_failed = failing_memory_disarm();
  assert_int_equal(err.code, *code);
  assert_int_equal(w.s == NULL, *code != 0);
  if (*code != 0 && n % 16 == 0)
    world_open(&w);
  return has_failed;
}

static bool call_open_new(size_t n, int *code) {
  world_init(&w, "sqlite");
  bool has_failed = open_armed(n, code);
  if (w.s != NULL)
    put_events("r");
  world_finish(&w);
  return has_failed;
}

static void a_new_store_without_memory_is_not_opened(void **state) {
  (void)state;
  fail_each(call_open_new);
}

static bool call_open(size_t n, int *code) {
  world_close(&w);
  bool has_failed = open_armed(n, code);
  if (w.s == NULL)
    return has_failed;
  struct store_info info = info_of(&w, "r");
  check_info(&info, "r");
  store_info_finish(&info);
  return has_failed;
}

static void opening_without_memory_damages_nothing(void **state) {
  (void)state;
  fail_each(call_open);
}

/* ---- writing ---- */

/* Two of an append: both are stored or none, and the same once more stores what is missing. */
static bool append_armed(size_t n, const char *request_id, int64_t last_id, int *code) {
  char first[24], second[24];
  struct put p;
  snprintf(first, sizeof first, "a-%zu", n);
  snprintf(second, sizeof second, "b-%zu", n);
  struct store_event events[] = {event_with_id("1", first), event_with_id("2", second)};
  put_init(&p, request_id, events, 2);
  failing_memory_arm(n);
  *code = put_run(&p, w.s);
  bool has_failed = failing_memory_disarm();
  put_init(&p, request_id, events, 2);
  assert_int_equal(put_run(&p, w.s), 0);
  assert_int_equal(p.append.stored, *code == 0 ? 0 : 2);
  assert_int_equal(events[0].message_id, last_id + 1);
  assert_int_equal(events[1].message_id, last_id + 2);
  return has_failed;
}

static bool call_append(size_t n, int *code) {
  struct store_info info = info_of(&w, "r");
  int64_t last_id = info.last_id;
  store_info_finish(&info);
  return append_armed(n, "r", last_id, code);
}

static void appending_without_memory_stores_all_or_nothing(void **state) {
  (void)state;
  fail_each(call_append);
}

static bool call_append_new(size_t n, int *code) {
  char request_id[24];
  snprintf(request_id, sizeof request_id, "new-%zu", n);
  return append_armed(n, request_id, 0, code);
}

static void beginning_a_request_likewise(void **state) {
  (void)state;
  fail_each(call_append_new);
}

/* What was stored before the store was opened is known by its event id. */
static bool call_append_again(size_t n, int *code) {
  struct store_event ev;
  world_reopen(&w);
  failing_memory_arm(n);
  *code = put_id(&w, "r", "{\"n\":2}", "id-2", &ev);
  bool has_failed = failing_memory_disarm();
  if (*code == 0)
    assert_int_equal(ev.message_id, 2);
  assert_int_equal(put_id(&w, "r", "{\"n\":2}", "id-2", &ev), 0);
  assert_true(ev.duplicate);
  return has_failed;
}

static void without_memory_to_know_what_is_stored_nothing_is_stored_twice(void **state) {
  (void)state;
  fail_each(call_append_again);
}

static bool call_trim(size_t n, int *code) {
  struct store_info info = info_of(&w, "r");
  int64_t last_id = info.last_id;
  store_info_finish(&info);
  bool has_failed = append_armed(n, "r", last_id, code);
  info = info_of(&w, "r");
  assert_int_equal(info.count, EVENTS);
  store_info_finish(&info);
  return has_failed;
}

static void trimming_without_memory_keeps_the_newest(void **state) {
  (void)state;
  w.options.max_request_events = EVENTS;
  world_reopen(&w);
  fail_each(call_trim);
}

/* Moves on where the flush says that it could not, too. */
static bool call_flush(size_t n, int *code) {
  static int64_t position;
  int64_t found;
  struct cws_error err;
  position = n == 0 ? 1 : position + 1;
  failing_memory_arm(n);
  store_set_position(w.s, "r", "epoch", "carl", position);
  store_set_summary(w.s, "r", "epoch", position, "{}");
  *code = store_flush(w.s);
  bool has_failed = failing_memory_disarm();
  if (*code != 0) { /* the next acknowledgement brings it */
    store_set_position(w.s, "r", "epoch", "carl", position);
    assert_int_equal(store_flush(w.s), 0);
  }
  assert_int_equal(store_get_position(w.s, "r", "carl", &found, &err), 0);
  if (found != position && found != position - 1) /* never another's, never back */
    fail_msg("the position is %lld of %lld", (long long)found, (long long)position);
  return has_failed;
}

static void positions_without_memory_do_not_go_back(void **state) {
  (void)state;
  size_t n = 0;
  int code;
  while (call_flush(n, &code))
    assert_true(++n < MOST);
  assert_int_equal(code, 0);
}

static bool call_remove(size_t n, int *code) {
  put_one(&w, "gone", "1");
  failing_memory_arm(n);
  *code = remove_run(w.s, "gone");
  bool has_failed = failing_memory_disarm();
  assert_int_equal(is_known(&w, "gone"), *code != 0);
  if (*code != 0)
    assert_int_equal(remove_run(w.s, "gone"), 0);
  return has_failed;
}

static void removing_without_memory_removes_or_says_so(void **state) {
  (void)state;
  fail_each(call_remove);
}

static bool call_sweep(size_t n, int *code) {
  put_one(&w, "old", "1");
  w.wall_ms += 5000;
  failing_memory_arm(n);
  *code = store_sweep(w.s);
  bool has_failed = failing_memory_disarm();
  if (*code == 0)
    assert_false(is_known(&w, "old"));
  assert_int_equal(store_sweep(w.s), 0);
  assert_false(is_known(&w, "old"));
  return has_failed;
}

static void sweeping_without_memory_sweeps_or_says_so(void **state) {
  (void)state;
  w.options.retention_ms = 1000;
  world_reopen(&w);
  fail_each(call_sweep);
}

/* ---- reading ---- */

/* Each time on a connection that is yet to be opened; the others share this one. */
static bool call_info(size_t n, int *code) {
  struct store_info info;
  struct cws_error err;
  world_reopen(&w);
  failing_memory_arm(n);
  *code = store_info(w.s, "r", &info, &err);
  bool has_failed = failing_memory_disarm();
  if (*code == 0) {
    check_info(&info, "r");
    store_info_finish(&info);
  }
  return has_failed;
}

static bool call_read(size_t n, int *code) {
  struct store_page *page;
  struct cws_error err;
  failing_memory_arm(n);
  *code = store_read(w.s, "r", &(struct store_range){0}, &page, &err);
  bool has_failed = failing_memory_disarm();
  if (*code == 0) {
    check_events(page);
    store_page_free(page);
  }
  return has_failed;
}

static bool call_position(size_t n, int *code) {
  struct cws_error err;
  int64_t position;
  failing_memory_arm(n);
  *code = store_get_position(w.s, "r", "bob", &position, &err);
  bool has_failed = failing_memory_disarm();
  if (*code == 0)
    assert_int_equal(position, 3);
  return has_failed;
}

static bool call_positions(size_t n, int *code) {
  struct store_position *list;
  struct cws_error err;
  size_t count;
  failing_memory_arm(n);
  *code = store_positions(w.s, "r", &list, &count, &err);
  bool has_failed = failing_memory_disarm();
  if (*code != 0)
    return has_failed;
  assert_int_equal(count, 2);
  assert_string_equal(list[0].subscriber, "ann");
  assert_string_equal(list[1].subscriber, "bob");
  free(list);
  return has_failed;
}

static bool call_list(size_t n, int *code) {
  struct store_info *list;
  struct cws_error err;
  size_t count;
  char *next;
  failing_memory_arm(n);
  *code = store_list(w.s, NULL, 1, &list, &count, &next, &err);
  bool has_failed = failing_memory_disarm();
  if (*code != 0)
    return has_failed;
  assert_int_equal(count, 1);
  check_info(&list[0], "s");
  assert_non_null(next);
  free(next);
  store_info_finish(&list[0]);
  free(list);
  return has_failed;
}

static void reads_without_memory_say_so_and_hide_nothing(void **state) {
  (void)state;
  fail_each(call_info);
  fail_each(call_read);
  fail_each(call_position);
  fail_each(call_positions);
  fail_each(call_list);
}

/* ---- from outside ---- */

static bool call_verify(size_t n, int *code) {
  struct store_report report;
  struct cws_error err;
  failing_memory_arm(n);
  *code = store_verify(w.uri, &report, &err);
  bool has_failed = failing_memory_disarm();
  if (*code == 0)
    assert_int_equal(report.events, 2 * EVENTS);
  return has_failed;
}

static void looking_through_it_without_memory_finds_no_damage(void **state) {
  (void)state;
  fail_each(call_verify);
}

static bool call_backup(size_t n, int *code) {
  struct cws_error err;
  char copy[100];
  snprintf(copy, sizeof copy, "%s/copy", w.dir);
  failing_memory_arm(n);
  *code = store_backup(w.uri, copy, &err);
  bool has_failed = failing_memory_disarm();
  assert_int_equal(access(copy, F_OK) == 0, *code == 0);
  unlink(copy);
  return has_failed;
}

static void a_copy_without_memory_is_whole_or_not_there(void **state) {
  (void)state;
  fail_each(call_backup);
}

#define FILLED(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_new_store_without_memory_is_not_opened),
      FILLED(opening_without_memory_damages_nothing),
      FILLED(appending_without_memory_stores_all_or_nothing),
      FILLED(beginning_a_request_likewise),
      FILLED(without_memory_to_know_what_is_stored_nothing_is_stored_twice),
      FILLED(trimming_without_memory_keeps_the_newest),
      FILLED(positions_without_memory_do_not_go_back),
      FILLED(removing_without_memory_removes_or_says_so),
      FILLED(sweeping_without_memory_sweeps_or_says_so),
      FILLED(reads_without_memory_say_so_and_hide_nothing),
      FILLED(looking_through_it_without_memory_finds_no_damage),
      FILLED(a_copy_without_memory_is_whole_or_not_there),
  };
  return cmocka_run_group_tests_name("sqlite out of memory", tests, init, NULL);
}
