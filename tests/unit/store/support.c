#include "tests/unit/store/support.h"

#include "server/store/store_ops.h"
#include "tests/unit/store/fake_log.h"
#include <dirent.h>
#include <errno.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_S 60

/* ---- the world ---- */

static int64_t fake_wall_ms(void *user) {
  return atomic_load(&((struct world *)user)->wall_ms);
}

static int64_t fake_mono_ms(void *user) {
  return atomic_load(&((struct world *)user)->wall_ms);
}

static void choose_epoch(const char *request_id, char out[CWS_EPOCH_MAX + 1], void *user) {
  const struct world *w = user;
  (void)request_id;
  snprintf(out, CWS_EPOCH_MAX + 1, "%s", w->next_epoch);
}

static void on_commit(struct store_append *append, void *user) {
  struct world *w = user;
  atomic_fetch_add(&w->record.foreign, append->is_foreign);
  atomic_fetch_add(&w->record.commits, 1);
  atomic_fetch_add(&w->record.stored, (int)append->stored);
}

static void on_remove(const char *request_id, const char *epoch, enum store_remove_reason reason,
                      void *user) {
  struct world *w = user;
  (void)request_id;
  snprintf(w->record.removed_epoch, sizeof(w->record.removed_epoch), "%s", epoch);
  w->record.reason = reason;
  atomic_fetch_add(&w->record.removes, 1);
}

static void on_trim(const char *request_id, int64_t last_gone, int64_t count, int64_t bytes,
                    void *user) {
  struct world *w = user;
  snprintf(w->record.trimmed, sizeof(w->record.trimmed), "%s", request_id);
  w->record.trimmed_to = last_gone;
  w->record.left_count = count;
  w->record.left_bytes = bytes;
  atomic_fetch_add(&w->record.trims, 1);
}

static void on_position(const char *request_id, const char *epoch, const char *subscriber,
                        int64_t message_id, void *user) {
  struct world *w = user;
  (void)request_id, (void)epoch;
  snprintf(w->record.position_of, sizeof(w->record.position_of), "%s", subscriber);
  w->record.position = message_id;
  atomic_fetch_add(&w->record.positions, 1);
}

static void on_renew(const char *request_id, const char *old_epoch, const char *epoch,
                     int64_t first_id, void *user) {
  struct world *w = user;
  (void)request_id, (void)old_epoch, (void)epoch;
  w->record.renewed_from = first_id;
  atomic_fetch_add(&w->record.renewals, 1);
}

static void on_parted(const struct cws_error *why, void *user) {
  struct world *w = user;
  assert_true(why->code != 0);
  atomic_fetch_add(&w->record.partings, 1);
}

static void on_told(const void *bytes, size_t len, void *user) {
  struct world *w = user;
  (void)bytes, (void)len;
  atomic_fetch_add(&w->record.told, 1);
}

static void on_batch_end(void *user) {
  atomic_fetch_add(&((struct world *)user)->record.batches, 1);
}

const char *world_servers;
const char *world_home = "/tmp";

void world_init(struct world *w, const char *kind) {
  static atomic_int worlds;
  memset(w, 0, sizeof(*w));
  snprintf(w->prefix, sizeof(w->prefix), "world%d", atomic_fetch_add(&worlds, 1));
  w->kind = kind;
  atomic_store(&w->wall_ms, 1700000000000);
  w->clock = (struct clock){fake_wall_ms, fake_mono_ms, w};
  snprintf(w->dir, sizeof(w->dir), "%s/cws-store-XXXXXX", world_home);
  assert_non_null(mkdtemp(w->dir));
  if (strcmp(kind, "memory") != 0)
    snprintf(w->uri, sizeof(w->uri), "sqlite:%s/hub.db", w->dir);
  else
    snprintf(w->uri, sizeof(w->uri), "memory:");
  w->next_epoch = "epoch";
  w->options = (struct store_options){
      .clock = &w->clock,
      .listener = {.choose_epoch = choose_epoch,
                   .on_commit = on_commit,
                   .on_remove = on_remove,
                   .on_trim = on_trim,
                   .on_position = on_position,
                   .on_renew = on_renew,
                   .on_parted = on_parted,
                   .on_told = on_told,
                   .on_batch_end = on_batch_end,
                   .user = w},
  };
}

static int open_nats(struct world *w, struct cws_error *err) {
  char uri[192];
  snprintf(uri, sizeof(uri), "nats:%s", world_servers);
  w->options.nats.state_path = world_path(w);
  w->options.nats.prefix = w->prefix;
  return store_open(uri, &w->options, &w->s, err);
}

int world_try_open(struct world *w, struct cws_error *err) {
  if (strcmp(w->kind, "nats") == 0)
    return open_nats(w, err);
  if (strcmp(w->kind, "shared") != 0)
    return store_open(w->uri, &w->options, &w->s, err);
  if (w->log == NULL) {
    w->log = fake_log_new("log");
    w->owns_log = true;
  }
  fake_log_use(w->log);
  w->options.path = world_path(w);
  return store_open_parts(&store_sqlite_ops, &fake_log_ops, "//nowhere", &w->options, &w->s, err);
}

void world_open(struct world *w) {
  struct cws_error err = {0};
  int code = world_try_open(w, &err);
  if (code != 0)
    print_error("%s\n", err.message);
  assert_int_equal(code, 0);
}

void world_close(struct world *w) {
  store_close(w->s);
  w->s = NULL;
}

void world_reopen(struct world *w) {
  world_close(w);
  world_open(w);
}

void world_finish(struct world *w) {
  world_close(w);
  DIR *dir = opendir(w->dir);
  for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
    char path[400];
    snprintf(path, sizeof(path), "%s/%s", w->dir, entry->d_name);
    unlink(path);
  }
  if (dir != NULL)
    closedir(dir);
  rmdir(w->dir);
  if (w->owns_log)
    fake_log_free(w->log);
}

const char *first_epoch(struct world *w, const char *request_id) {
  static _Thread_local char epoch[CWS_EPOCH_MAX + 1];
  return store_first_epoch(w->s, request_id, epoch) ? epoch : w->next_epoch;
}

const char *epoch_of(struct world *w, const char *request_id) {
  static _Thread_local char epoch[CWS_EPOCH_MAX + 1];
  struct store_info info = info_of(w, request_id);
  memcpy(epoch, info.epoch, sizeof(epoch));
  store_info_finish(&info);
  return epoch;
}

const char *world_path(const struct world *w) {
  return strchr(w->uri, ':') + 1;
}

/* ---- waiting ---- */

void wait_for(sem_t *sem) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += DEADLINE_S;
  int rc;
  while ((rc = sem_timedwait(sem, &until)) != 0 && errno == EINTR)
    ;
  assert_int_equal(rc, 0);
}

static void put_done(struct store_append *append) {
  sem_post(&((struct put *)append)->done);
}

void put_init(struct put *p, const char *request_id, struct store_event *events, size_t count) {
  memset(p, 0, sizeof(*p));
  sem_init(&p->done, 0, 0);
  p->append = (struct store_append){
      .request_id = request_id,
      .events = events,
      .count = count,
      .done = put_done,
  };
}

void put_start(struct put *p, struct store *s) {
  assert_int_equal(store_append(s, &p->append), 0);
}

int put_wait(struct put *p) {
  wait_for(&p->done);
  sem_destroy(&p->done);
  return p->append.code;
}

int put_run(struct put *p, struct store *s) {
  put_start(p, s);
  return put_wait(p);
}

/* ---- events ---- */

struct store_event event_of(const char *data) {
  return (struct store_event){
      .type = "execution_progress",
      .timestamp = "2026-11-23T08:18:52.123Z",
      .data = data,
      .data_len = strlen(data),
  };
}

static uint64_t print_of(const char *data) {
  uint64_t h = 14695981039346656037u;
  for (; *data != '\0'; data++)
    h = (h ^ (unsigned char)*data) * 1099511628211u;
  return h;
}

struct store_event event_with_id(const char *data, const char *event_id) {
  struct store_event ev = event_of(data);
  ev.event_id = event_id;
  ev.fingerprint = print_of(data);
  return ev;
}

int64_t put_one(struct world *w, const char *request_id, const char *data) {
  struct store_event ev = event_of(data);
  struct put p;
  put_init(&p, request_id, &ev, 1);
  int code = put_run(&p, w->s);
  if (code != 0)
    print_error("%s\n", p.append.error.message);
  assert_int_equal(code, 0);
  return ev.message_id;
}

int put_id(struct world *w, const char *request_id, const char *data, const char *event_id,
           struct store_event *out) {
  *out = event_with_id(data, event_id);
  struct put p;
  put_init(&p, request_id, out, 1);
  return put_run(&p, w->s);
}

/* ---- removing and reading ---- */

struct removal {
  struct store_remove remove; /* first */
  sem_t done;
};

static void remove_done(struct store_remove *remove) {
  sem_post(&((struct removal *)remove)->done);
}

int remove_run(struct store *s, const char *request_id) {
  struct removal r = {.remove = {.request_id = request_id, .done = remove_done}};
  sem_init(&r.done, 0, 0);
  assert_int_equal(store_remove(s, &r.remove), 0);
  wait_for(&r.done);
  sem_destroy(&r.done);
  return r.remove.code;
}

struct store_info info_of(struct world *w, const char *request_id) {
  struct store_info info;
  struct cws_error err = {0};
  int code = store_info(w->s, request_id, &info, &err);
  if (code != 0)
    print_error("%s\n", err.message);
  assert_int_equal(code, 0);
  return info;
}

struct store_page *page_of(struct world *w, const char *request_id, struct store_range range) {
  struct store_page *page;
  struct cws_error err = {0};
  int code = store_read(w->s, request_id, &range, &page, &err);
  if (code != 0)
    print_error("%s\n", err.message);
  assert_int_equal(code, 0);
  return page;
}

bool is_known(struct world *w, const char *request_id) {
  struct store_info info;
  struct cws_error err = {0};
  int code = store_info(w->s, request_id, &info, &err);
  if (code == 0)
    store_info_finish(&info);
  else
    assert_int_equal(code, CWS_EUNKNOWNREQUEST);
  return code == 0;
}

void expect_data(struct world *w, const char *request_id, int64_t message_id, const char *data) {
  struct store_page *page =
      page_of(w, request_id, (struct store_range){.after = message_id - 1, .max_events = 1});
  assert_int_equal(page->count, 1);
  assert_int_equal(page->events[0].message_id, message_id);
  assert_string_equal(page->events[0].data, data);
  store_page_free(page);
}

/* ---- the gate ---- */

static void gate_reached(struct store_append *append) {
  struct gate *g = (struct gate *)append;
  sem_post(&g->reached);
  wait_for(&g->open);
  sem_post(&g->put.done);
}

void gate_close(struct gate *g, struct world *w) {
  g->event = event_of("\"gate\"");
  put_init(&g->put, "gate", &g->event, 1);
  g->put.append.done = gate_reached;
  sem_init(&g->reached, 0, 0);
  sem_init(&g->open, 0, 0);
  put_start(&g->put, w->s);
  wait_for(&g->reached);
}

void gate_open(struct gate *g) {
  sem_post(&g->open);
  assert_int_equal(put_wait(&g->put), 0);
  sem_destroy(&g->reached);
  sem_destroy(&g->open);
}
