/*
 * store_rescue: what a state had that was set aside, since it is not what the log says. A thread
 * goes through its requests, once this hub has caught up with the log, and compares them with what
 * the log made of them: events that are nowhere else are published again under their event ids, and
 * so are positions and deletions; a request whose ids were told for other events gets a new epoch,
 * so that nobody takes one for the other. Then it begins again, until there is nothing to do. So it
 * can be cut short at any time, and several hubs may do the same.
 *
 * Only what is newer than the last mark that both states have in common is looked at.
 */
#include "server/store/store_shared.h"

#include "lib/core/err.h"
#include "server/store/rescue_diff.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS 5000
#define ITEMS_BYTES ((size_t)128 * 1024) /* in one entry; more where a single event has more */
#define PAGE_REQUESTS 64
#define LOOKS_MAX 3 /* at one request: what is still missing then was refused */

struct store_rescue {
  struct store *s;
  pthread_t thread;
  pthread_mutex_t mutex; /* of all below */
  pthread_cond_t changed;
  bool is_closing;
  bool may_begin;           /* the hub has caught up */
  const struct buf *posted; /* for the writer, until they have come back; or NULL */
  bool is_out;              /* the writer has sent them */
  uint64_t arrivals;        /* then; none since means that the log did not take them */
};

/* ---- the writer's side ---- */

bool store_rescue_send(struct store *s) {
  struct store_rescue *r = s->shared->rescue;
  bool sends = false;
  if (r == NULL || s->shared->flight.is_under_way)
    return false;
  pthread_mutex_lock(&r->mutex);
  bool is_news = !r->may_begin || r->is_out;
  r->may_begin = true;
  if (r->is_out) {
    r->is_out = false;
    if (s->shared->arrivals != r->arrivals)
      r->posted = NULL;
  }
  if (r->posted != NULL) {
    store_flight_start_items(s, r->posted);
    r->arrivals = s->shared->arrivals;
    sends = r->is_out = true;
  }
  if (is_news)
    pthread_cond_broadcast(&r->changed);
  pthread_mutex_unlock(&r->mutex);
  return sends;
}

/* ---- the thread's side ---- */

/* One state that was set aside. */
struct aside {
  struct store_rescue *r;
  struct store_engine *kept;
  int64_t since_ms; /* up to there both are the same; 0: nothing is known */
  struct buf items;
  const struct store_info *info; /* the request that is looked at */
  int64_t lost, refused;         /* events, of this look; of all */
  int64_t put_back, renewed;
};

static void rest(struct store_rescue *r, int64_t ms) {
  struct timespec end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_sec += (time_t)(ms / 1000);
  end.tv_nsec += (long)(ms % 1000) * 1000000;
  if (end.tv_nsec >= 1000000000) {
    end.tv_sec++;
    end.tv_nsec -= 1000000000;
  }
  int rc = 0;
  pthread_mutex_lock(&r->mutex);
  while (!r->is_closing && rc == 0)
    rc = pthread_cond_timedwait(&r->changed, &r->mutex, &end);
  pthread_mutex_unlock(&r->mutex);
}

/* Sends what has gathered, and waits until it has come back. CWS_ECANCELED: the end. */
static int flush(struct aside *a, struct cws_error *err) {
  struct store_rescue *r = a->r;
  if (a->items.failed)
    return err_set(err, CWS_ENOMEM, NULL);
  if (a->items.len == 0)
    return 0;
  pthread_mutex_lock(&r->mutex);
  r->posted = &a->items;
  store_queue_ring(&r->s->queue);
  while (!r->is_closing && r->posted != NULL)
    pthread_cond_wait(&r->changed, &r->mutex);
  bool is_closing = r->is_closing;
  r->posted = NULL;
  pthread_mutex_unlock(&r->mutex);
  buf_reset(&a->items);
  return is_closing ? CWS_ECANCELED : 0;
}

static int flush_if_full(struct aside *a, size_t more, struct cws_error *err) {
  return a->items.len > 0 && a->items.len + more > ITEMS_BYTES ? flush(a, err) : 0;
}

/* ---- one request ---- */

static int put_back(const struct store_event *event, void *user, struct cws_error *err) {
  struct aside *a = user;
  struct store_event copy = *event;
  struct store_append append = {.request_id = a->info->request_id,
                                .owner = a->info->owner[0] != '\0' ? a->info->owner : NULL,
                                .events = &copy,
                                .count = 1};
  int code = flush_if_full(a, event->data_len, err);
  store_entry_add_append(&a->items, &append);
  a->lost++;
  return code;
}

static int put_back_positions(struct aside *a, const struct store_info *now,
                              struct cws_error *err) {
  struct store_engine *state = a->r->s->engine;
  struct store_position *list;
  size_t count;
  char epoch[CWS_EPOCH_MAX + 1];
  int code = a->kept->ops->positions(a->kept, now->request_id, epoch, &list, &count, err);
  if (code != 0)
    return code;
  for (size_t i = 0; code == 0 && i < count; i++) {
    int64_t message_id;
    code =
        state->ops->position(state, now->request_id, list[i].subscriber, epoch, &message_id, err);
    if (code != 0 || strcmp(epoch, now->epoch) != 0 || list[i].message_id <= message_id ||
        list[i].message_id > now->last_id)
      continue;
    code = flush_if_full(a, sizeof(list[i]), err);
    store_entry_add_position(&a->items, now->request_id, epoch, list[i].subscriber,
                             list[i].message_id);
  }
  free(list);
  return code;
}

/* Its events are all there; are they what was told? */
static int settle(struct aside *a, const struct store_info *now, int64_t first,
                  struct cws_error *err) {
  if (strcmp(now->epoch, a->info->epoch) != 0)
    return 0;
  if (first == 0)
    return put_back_positions(a, now, err);
  store_entry_add_renewal(&a->items, now->request_id, now->epoch, first);
  a->renewed++;
  return flush(a, err);
}

/* Whether it is the same request, and not one that began later under its name; or one that the log
 * has removed since. */
static bool is_of_interest(const struct aside *a, int code, const struct store_info *now) {
  bool began_before = a->info->created_ms < a->since_ms;
  if (code == CWS_EUNKNOWNREQUEST)
    return !began_before;
  return now->created_ms == a->info->created_ms || !began_before;
}

/* One look: *again, where something was put back. */
static int look(struct aside *a, bool is_last, bool *again, struct cws_error *err) {
  struct store_engine *state = a->r->s->engine;
  struct store_info now = {.first_id = 1};
  struct cws_error why = {0};
  int64_t first = 0;
  int code = state->ops->info(state, a->info->request_id, &now, &why);
  *again = false;
  if (code != 0 && code != CWS_EUNKNOWNREQUEST)
    return err_set(err, code, "%s", why.message);
  if (!is_of_interest(a, code, &now)) {
    store_info_finish(&now);
    return 0;
  }
  struct rescue_diff d = {a->kept, state, a->info, now.first_id};
  code = rescue_diff_first(&d, &first, err);
  a->lost = 0;
  if (code == 0 && first != 0)
    code = rescue_diff_lost(&d, first, put_back, a, err);
  if (is_last && a->lost > 0) {
    log_error(a->r->s->options.log,
              "store: %lld events of request '%s' that only this hub had cannot be put back: their "
              "event ids were used for others",
              (long long)a->lost, a->info->request_id);
    a->refused += a->lost;
    a->lost = 0;
    buf_reset(&a->items);
  }
  *again = a->lost > 0;
  if (code == 0 && a->lost == 0)
    code = settle(a, &now, first, err);
  store_info_finish(&now);
  return code == 0 && *again ? flush(a, err) : code;
}

static int rescue_request(struct aside *a, const struct store_info *info, struct cws_error *err) {
  bool again = true;
  int code = 0;
  a->info = info;
  for (int looks = 1; code == 0 && again; looks++) {
    code = look(a, looks == LOOKS_MAX, &again, err);
    if (looks == 1)
      a->put_back += a->lost;
  }
  return code;
}

/* ---- all requests ---- */

/* Not what would have expired since. */
static bool may_be_missing(const struct aside *a, const struct store_info *info) {
  const struct store_options *o = &a->r->s->options;
  bool is_old = o->retention_ms > 0 && info->updated_ms < clock_wall_ms(o->clock) - o->retention_ms;
  return info->updated_ms >= a->since_ms && !is_old;
}

static int rescue_page(struct aside *a, const struct store_info *infos, size_t count,
                       struct cws_error *err) {
  int code = 0;
  for (size_t i = 0; code == 0 && i < count; i++)
    if (may_be_missing(a, &infos[i]))
      code = rescue_request(a, &infos[i], err);
  return code;
}

static int rescue_requests(struct aside *a, struct cws_error *err) {
  struct store_info *infos = calloc(PAGE_REQUESTS, sizeof(*infos));
  char before_id[CWS_REQUEST_ID_MAX + 1];
  int64_t before_ms = 0;
  size_t count = PAGE_REQUESTS;
  int code = infos != NULL ? 0 : err_set(err, CWS_ENOMEM, NULL);
  for (bool is_first = true; code == 0 && count == PAGE_REQUESTS; is_first = false) {
    code = a->kept->ops->list(a->kept, before_ms, is_first ? NULL : before_id, PAGE_REQUESTS, infos,
                              &count, err);
    if (code == 0)
      code = rescue_page(a, infos, count, err);
    if (count > 0) {
      before_ms = infos[count - 1].created_ms;
      memcpy(before_id, infos[count - 1].request_id, sizeof(before_id));
    }
    for (size_t i = 0; i < count; i++)
      store_info_finish(&infos[i]);
  }
  free(infos);
  return code == 0 ? flush(a, err) : code;
}

/* ---- requests that were deleted ---- */

/* It was removed from one state after they parted, and is in the other one still. */
static int remove_again(const char *request_id, int64_t value, int64_t at, void *user) {
  struct aside *a = user;
  struct store_engine *state = a->r->s->engine;
  struct store_info now = {0}, kept = {0};
  (void)value, (void)at;
  bool is_old =
      state->ops->info(state, request_id, &now, NULL) == 0 && now.created_ms < a->since_ms;
  bool is_kept = is_old && a->kept->ops->info(a->kept, request_id, &kept, NULL) == 0 &&
                 kept.created_ms == now.created_ms;
  store_info_finish(&now);
  store_info_finish(&kept);
  if (is_old && !is_kept)
    store_entry_add_remove(&a->items, request_id);
  return flush_if_full(a, CWS_REQUEST_ID_MAX, NULL);
}

/* ---- where both are the same ---- */

struct mark {
  int64_t hash, time_ms;
  char name[24];
};

struct marks {
  struct mark *list;
  size_t count, cap;
  int64_t common_ms;
};

static int add_mark(const char *name, int64_t value, int64_t at, void *user) {
  struct marks *m = user;
  if (m->count == m->cap) {
    size_t cap = m->cap > 0 ? 2 * m->cap : 1024;
    struct mark *list = realloc(m->list, cap * sizeof(*list));
    if (list == NULL)
      return CWS_ENOMEM;
    m->list = list;
    m->cap = cap;
  }
  struct mark *mark = &m->list[m->count++];
  *mark = (struct mark){.hash = value, .time_ms = at};
  snprintf(mark->name, sizeof(mark->name), "%s", name);
  return 0;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const struct mark *)a)->name, ((const struct mark *)b)->name);
}

static int compare_mark(const char *name, int64_t value, int64_t at, void *user) {
  struct marks *m = user;
  struct mark wanted = {0};
  snprintf(wanted.name, sizeof(wanted.name), "%s", name);
  const struct mark *found =
      m->count > 0 ? bsearch(&wanted, m->list, m->count, sizeof(wanted), by_name) : NULL;
  if (found != NULL && found->hash == value && found->time_ms == at && at > m->common_ms)
    m->common_ms = at;
  return 0;
}

/* They come in the order of their names. */
static int find_common(struct aside *a, struct cws_error *err) {
  struct store_engine *state = a->r->s->engine;
  struct marks marks = {0};
  int code = state->ops->read_notes(state, SHARED_NOTE_MARK, add_mark, &marks, err);
  if (code == 0)
    code = a->kept->ops->read_notes(a->kept, SHARED_NOTE_MARK, compare_mark, &marks, err);
  a->since_ms = marks.common_ms;
  free(marks.list);
  return code;
}

/* ---- one state ---- */

static int compare_log(const char *name, int64_t value, int64_t at, void *user) {
  const struct aside *a = user;
  (void)value, (void)at;
  return strcmp(name, a->r->s->shared->state.id) == 0 ? 0 : CWS_ECONFIG;
}

/* One that somebody left there is none of this log's. */
static int check_log(struct aside *a, struct cws_error *err) {
  int code = a->kept->ops->read_notes(a->kept, SHARED_NOTE_LOG, compare_log, a, NULL);
  return code == 0 ? 0 : err_set(err, CWS_ECORRUPT, "it is no state of this log");
}

static int rescue_all(struct aside *a, struct cws_error *err) {
  int code = check_log(a, err);
  if (code == 0)
    code = find_common(a, err);
  a->put_back = a->renewed = a->refused = 0;
  buf_reset(&a->items);
  if (code == 0)
    code = rescue_requests(a, err);
  if (code == 0)
    code = a->kept->ops->read_notes(a->kept, SHARED_NOTE_GONE, remove_again, a, err);
  return code == 0 ? flush(a, err) : code;
}

static int rescue_from(struct store_rescue *r, const char *path, struct cws_error *err) {
  const struct store_ops *ops = r->s->engine->ops;
  struct store_options options = {.path = path, .log = r->s->options.log};
  struct aside a = {.r = r};
  int code = ops->open(&options, &a.kept, err);
  if (code != 0)
    return code;
  buf_init(&a.items);
  code = rescue_all(&a, err);
  buf_finish(&a.items);
  ops->close(a.kept);
  if (code != 0)
    return code;
  log_warn(r->s->options.log,
           "store: what only '%s' had is put back: %lld events; %lld requests have a new epoch",
           path, (long long)a.put_back, (long long)a.renewed);
  if (a.refused > 0)
    return err_set(err, CWS_ECORRUPT, "%lld events could not be", (long long)a.refused);
  ops->drop_aside(path);
  return 0;
}

/* ---- the thread ---- */

/* Damage is for somebody to look at; all else may pass. */
static bool goes_on(struct store_rescue *r, const char *path, int code,
                    const struct cws_error *why) {
  if (code == CWS_ECANCELED)
    return false;
  if (code == 0)
    return true;
  log_error(r->s->options.log, "store: '%s' is kept: %s", path, why->message);
  if (code == CWS_ECORRUPT)
    return false;
  rest(r, RETRY_MS);
  return true;
}

static bool rescue_next(struct store_rescue *r) {
  struct store *s = r->s;
  struct cws_error why = {0};
  char *path;
  int code = s->engine->ops->find_aside(s->path, &path, &why);
  if (code == 0 && path == NULL)
    return false;
  if (code == 0)
    code = rescue_from(r, path, &why);
  err_set(&why, code, NULL);
  bool more = goes_on(r, path != NULL ? path : s->path, code, &why);
  free(path);
  return more;
}

static bool wait_to_begin(struct store_rescue *r) {
  pthread_mutex_lock(&r->mutex);
  while (!r->is_closing && !r->may_begin)
    pthread_cond_wait(&r->changed, &r->mutex);
  bool begins = !r->is_closing;
  pthread_mutex_unlock(&r->mutex);
  return begins;
}

static void *rescue_main(void *user) {
  struct store_rescue *r = user;
  while (wait_to_begin(r) && rescue_next(r))
    ;
  return NULL;
}

/* ---- life ---- */

static struct store_rescue *rescue_new(struct store *s) {
  struct store_rescue *r = calloc(1, sizeof(*r));
  if (r == NULL)
    return NULL;
  pthread_condattr_t attr;
  r->s = s;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_mutex_init(&r->mutex, NULL);
  pthread_cond_init(&r->changed, &attr);
  pthread_condattr_destroy(&attr);
  return r;
}

static void rescue_free(struct store_rescue *r) {
  pthread_cond_destroy(&r->changed);
  pthread_mutex_destroy(&r->mutex);
  free(r);
}

int store_rescue_start(struct store *s, struct store_rescue **out, struct cws_error *err) {
  char *path;
  *out = NULL;
  int code = s->engine->ops->find_aside(s->path, &path, err);
  if (code != 0 || path == NULL)
    return code;
  free(path);
  struct store_rescue *r = rescue_new(s);
  if (r == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  if (pthread_create(&r->thread, NULL, rescue_main, r) != 0) {
    rescue_free(r);
    return err_set(err, CWS_ESYSTEM, "cannot start a thread");
  }
  *out = r;
  return 0;
}

void store_rescue_stop(struct store_rescue *r) {
  if (r == NULL)
    return;
  pthread_mutex_lock(&r->mutex);
  r->is_closing = true;
  pthread_cond_broadcast(&r->changed);
  pthread_mutex_unlock(&r->mutex);
  pthread_join(r->thread, NULL);
  rescue_free(r);
}
