/*
 * store_writers: which entry of each hub was applied last, so that one that is written to the log
 * twice counts once. What it says depends on the log only: a hub that has forgotten a writer and
 * one that has not yet give the same answer.
 */
#include "server/store/store_shared.h"

#include "lib/core/err.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE (2 * STORE_WRITER_ID_BYTES + 1)

static void write_name(const struct store_writer_id *id, char out[NAME_SIZE]) {
  for (size_t i = 0; i < STORE_WRITER_ID_BYTES; i++)
    snprintf(out + 2 * i, 3, "%02x", id->bytes[i]);
}

static bool read_name(const char *name, struct store_writer_id *id) {
  if (strlen(name) != NAME_SIZE - 1)
    return false;
  for (size_t i = 0; i < STORE_WRITER_ID_BYTES; i++) {
    unsigned byte;
    if (sscanf(name + 2 * i, "%2x", &byte) != 1)
      return false;
    id->bytes[i] = (unsigned char)byte;
  }
  return true;
}

void store_writers_finish(struct store_writers *w) {
  free(w->list);
  *w = (struct store_writers){0};
}

static struct store_writer *add(struct store_writers *w, const struct store_writer_id *id) {
  if (w->count == w->cap) {
    size_t cap = w->cap > 0 ? 2 * w->cap : 8;
    struct store_writer *list = realloc(w->list, cap * sizeof(*list));
    if (list == NULL)
      return NULL;
    w->list = list;
    w->cap = cap;
  }
  struct store_writer *writer = &w->list[w->count++];
  *writer = (struct store_writer){.id = *id};
  return writer;
}

static int load_one(const char *name, int64_t value, int64_t at, void *user) {
  struct store_writer_id id;
  if (!read_name(name, &id))
    return 0;
  struct store_writer *writer = add(user, &id);
  if (writer == NULL)
    return CWS_ENOMEM;
  writer->number = (uint64_t)value;
  writer->time_ms = at;
  return 0;
}

int store_writers_load(struct store_writers *w, struct store_engine *e, struct cws_error *err) {
  w->count = 0;
  int code = e->ops->each_note(e, SHARED_NOTE_WRITER, load_one, w, err);
  return code == 0 ? 0 : err_set(err, code, NULL);
}

/* There are a few: the hubs, and their former runs of the last hour. */
static struct store_writer *find(struct store_writers *w, const struct store_writer_id *id) {
  for (size_t i = 0; i < w->count; i++)
    if (memcmp(&w->list[i].id, id, sizeof(*id)) == 0)
      return &w->list[i];
  return NULL;
}

static bool is_silent(const struct store_writer *writer, int64_t time_ms) {
  return writer->time_ms < time_ms - SHARED_WRITER_KEPT_MS;
}

int store_writers_take(struct store_writers *w, const struct store_entry_head *head,
                       int64_t time_ms, bool *is_new) {
  struct store_writer *writer = find(w, &head->writer);
  *is_new = writer == NULL || is_silent(writer, time_ms) || head->number > writer->number;
  if (!*is_new)
    return 0;
  if (writer == NULL)
    writer = add(w, &head->writer);
  if (writer == NULL)
    return CWS_ENOMEM;
  writer->number = head->number;
  writer->time_ms = time_ms;
  writer->is_touched = true;
  return 0;
}

static void forget_silent(struct store_writers *w, int64_t time_ms) {
  size_t kept = 0;
  for (size_t i = 0; i < w->count; i++)
    if (!is_silent(&w->list[i], time_ms))
      w->list[kept++] = w->list[i];
  w->count = kept;
}

int store_writers_save(struct store_writers *w, struct store_engine *e, int64_t time_ms,
                       struct cws_error *err) {
  int code = 0;
  size_t before = w->count;
  forget_silent(w, time_ms);
  if (w->count < before)
    code = e->ops->drop_notes(e, SHARED_NOTE_WRITER, time_ms - SHARED_WRITER_KEPT_MS, err);
  for (size_t i = 0; code == 0 && i < w->count; i++) {
    struct store_writer *writer = &w->list[i];
    char name[NAME_SIZE];
    if (!writer->is_touched)
      continue;
    write_name(&writer->id, name);
    writer->is_touched = false;
    code = e->ops->set_note(e, SHARED_NOTE_WRITER, name, (int64_t)writer->number, writer->time_ms,
                            err);
  }
  return code;
}
