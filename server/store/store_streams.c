/*
 * store_streams: the streams in use, in memory: what the engine would tell of them plus their map
 * of event_ids. Loaded on first use, let go when not used for long; losing one costs a look at the
 * engine. For the writer's thread only.
 */
#include "server/store/store_front.h"

#include "lib/core/err.h"
#include <stdlib.h>
#include <string.h>

#define STREAMS_MAX 65536
#define STREAMS_DEDUPE_BYTES_MAX ((size_t)256 * 1024 * 1024)
#define STREAMS_BUCKETS_MIN 1024

int store_streams_init(struct store_streams *streams) {
  *streams = (struct store_streams){
      .cap = STREAMS_BUCKETS_MIN,
      .max_count = STREAMS_MAX,
      .max_dedupe_bytes = STREAMS_DEDUPE_BYTES_MAX,
  };
  siphash_key_init(&streams->key);
  streams->buckets = calloc(streams->cap, sizeof(struct store_stream *));
  return streams->buckets != NULL ? 0 : CWS_ENOMEM;
}

void store_streams_finish(struct store_streams *streams) {
  while (streams->oldest != NULL)
    store_streams_drop(streams, streams->oldest);
  free(streams->buckets);
  streams->buckets = NULL;
}

struct siphash store_streams_hash(const struct store_streams *streams, const char *text) {
  return siphash_of(&streams->key, text, strlen(text));
}

static struct store_stream **bucket_of(const struct store_streams *streams, struct siphash hash) {
  return &streams->buckets[hash.word[0] & (streams->cap - 1)];
}

/* ---- the list by use ---- */

static void use_unlink(struct store_streams *streams, struct store_stream *st) {
  *(st->newer != NULL ? &st->newer->older : &streams->newest) = st->older;
  *(st->older != NULL ? &st->older->newer : &streams->oldest) = st->newer;
}

static void use_link(struct store_streams *streams, struct store_stream *st) {
  st->newer = NULL;
  st->older = streams->newest;
  *(st->older != NULL ? &st->older->newer : &streams->oldest) = st;
  streams->newest = st;
}

/* ---- the table ---- */

/* Fuller buckets are slower, nothing else; so a failed allocation is no error. */
static void grow(struct store_streams *streams) {
  struct store_streams wider = {.cap = streams->cap * 2};
  wider.buckets = calloc(wider.cap, sizeof(struct store_stream *));
  if (wider.buckets == NULL)
    return;
  for (struct store_stream *st = streams->oldest; st != NULL; st = st->newer) {
    struct store_stream **bucket = bucket_of(&wider, st->hash);
    st->chain = *bucket;
    *bucket = st;
  }
  free(streams->buckets);
  streams->buckets = wider.buckets;
  streams->cap = wider.cap;
}

int store_streams_add(struct store_streams *streams, const char *request_id,
                      struct store_stream **out, struct cws_error *err) {
  if (streams->count >= streams->cap)
    grow(streams);
  size_t size = strlen(request_id) + 1;
  struct store_stream *st = calloc(1, sizeof(*st) + size);
  if (st == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  memcpy(st->request_id, request_id, size);
  dedupe_init(&st->dedupe);
  st->hash = store_streams_hash(streams, request_id);
  struct store_stream **bucket = bucket_of(streams, st->hash);
  st->chain = *bucket;
  *bucket = st;
  use_link(streams, st);
  streams->count++;
  *out = st;
  return 0;
}

void store_streams_drop(struct store_streams *streams, struct store_stream *st) {
  struct store_stream **link = bucket_of(streams, st->hash);
  while (*link != st)
    link = &(*link)->chain;
  *link = st->chain;
  use_unlink(streams, st);
  streams->count--;
  streams->dedupe_bytes -= st->dedupe_counted;
  dedupe_finish(&st->dedupe);
  free(st);
}

static struct store_stream *look_up(const struct store_streams *streams, const char *request_id) {
  struct siphash hash = store_streams_hash(streams, request_id);
  struct store_stream *st = *bucket_of(streams, hash);
  while (st != NULL && strcmp(st->request_id, request_id) != 0)
    st = st->chain;
  return st;
}

int store_streams_find(struct store_streams *streams, struct store_engine *e,
                       const char *request_id, struct store_stream **out, struct cws_error *err) {
  struct store_stream *st = look_up(streams, request_id);
  if (st == NULL) {
    struct store_row row;
    int code = e->ops->find(e, request_id, &row, err);
    if (code == 0)
      code = store_streams_add(streams, request_id, &st, err);
    if (code != 0)
      return code;
    st->row = row;
  } else if (st != streams->newest) {
    use_unlink(streams, st);
    use_link(streams, st);
  }
  *out = st;
  return 0;
}

/* ---- event_ids ---- */

struct dedupe_load {
  const struct store_streams *streams;
  struct store_stream *st;
};

static int dedupe_load_one(const char *event_id, size_t len, uint64_t fingerprint,
                           int64_t message_id, void *user) {
  struct dedupe_load *load = user;
  struct siphash id = siphash_of(&load->streams->key, event_id, len);
  return dedupe_add(&load->st->dedupe, id, fingerprint, message_id, load->st->row.base_id);
}

int store_streams_load_dedupe(struct store_streams *streams, struct store_engine *e,
                              struct store_stream *st, struct cws_error *err) {
  if (st->dedupe_is_loaded)
    return 0;
  struct dedupe_load load = {.streams = streams, .st = st};
  int code = e->ops->each_event_id(e, &st->row, dedupe_load_one, &load, err);
  if (code != 0) {
    dedupe_finish(&st->dedupe);
    return err_set(err, code, NULL);
  }
  st->dedupe_is_loaded = true;
  return 0;
}

/* ---- letting go ---- */

void store_streams_recount(struct store_streams *streams, struct store_stream *st) {
  streams->dedupe_bytes -= st->dedupe_counted;
  st->dedupe_counted = dedupe_bytes(&st->dedupe);
  streams->dedupe_bytes += st->dedupe_counted;
}

void store_streams_shrink(struct store_streams *streams) {
  while (streams->count > streams->max_count ||
         (streams->dedupe_bytes > streams->max_dedupe_bytes && streams->oldest != streams->newest))
    store_streams_drop(streams, streams->oldest);
}
