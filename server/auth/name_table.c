/* name_table: chains that double when there are as many names as heads; see name_table.h. */
#include "server/auth/name_table.h"

#include <stdlib.h>
#include <string.h>

#define HEADS_MIN 64

void name_table_finish(struct name_table *t) {
  for (size_t i = 0; i < t->head_count; i++) {
    for (struct name_entry *e = t->heads[i], *next; e != NULL; e = next) {
      next = e->next;
      free(e);
    }
  }
  free(t->heads);
  *t = (struct name_table){0};
}

/* FNV-1a. */
static uint64_t hash_of(const char *name) {
  uint64_t h = 14695981039346656037u;
  for (; *name != '\0'; name++)
    h = (h ^ (unsigned char)*name) * 1099511628211u;
  return h;
}

static struct name_entry **head_of(const struct name_table *t, uint64_t hash) {
  return &t->heads[hash & (t->head_count - 1)];
}

struct name_entry *name_table_find(const struct name_table *t, const char *name) {
  if (t->head_count == 0)
    return NULL;
  uint64_t hash = hash_of(name);
  struct name_entry *e = *head_of(t, hash);
  while (e != NULL && (e->hash != hash || strcmp(e->name, name) != 0))
    e = e->next;
  return e;
}

static void link_entry(struct name_table *t, struct name_entry *e) {
  struct name_entry **head = head_of(t, e->hash);
  e->next = *head;
  *head = e;
}

/* A table that cannot grow goes on with longer chains. */
static bool grow(struct name_table *t) {
  struct name_table bigger = {.head_count = t->head_count == 0 ? HEADS_MIN : t->head_count * 2};
  bigger.heads = calloc(bigger.head_count, sizeof(struct name_entry *));
  if (bigger.heads == NULL)
    return t->head_count > 0;
  for (size_t i = 0; i < t->head_count; i++) {
    for (struct name_entry *e = t->heads[i], *next; e != NULL; e = next) {
      next = e->next;
      link_entry(&bigger, e);
    }
  }
  free(t->heads);
  t->heads = bigger.heads;
  t->head_count = bigger.head_count;
  return true;
}

struct name_entry *name_table_add(struct name_table *t, const char *name) {
  size_t size = strlen(name) + 1;
  if (t->count >= t->head_count && !grow(t))
    return NULL;
  struct name_entry *e = calloc(1, sizeof *e + size);
  if (e == NULL)
    return NULL;
  memcpy(e->name, name, size);
  e->table = t;
  e->hash = hash_of(name);
  link_entry(t, e);
  t->count++;
  return e;
}

static void unlink_at(struct name_entry **at) {
  struct name_entry *e = *at;
  *at = e->next;
  e->table->count--;
  free(e);
}

void name_table_remove(struct name_entry *e) {
  struct name_entry **at = head_of(e->table, e->hash);
  while (*at != e)
    at = &(*at)->next;
  unlink_at(at);
}

void name_table_sweep(struct name_table *t, bool (*is_idle)(struct name_entry *e, void *user),
                      void *user) {
  for (size_t i = 0; i < t->head_count; i++) {
    for (struct name_entry **at = &t->heads[i]; *at != NULL;) {
      if (is_idle(*at, user))
        unlink_at(at);
      else
        at = &(*at)->next;
    }
  }
}
