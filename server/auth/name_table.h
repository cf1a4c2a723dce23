/*
 * name_table: a hash table from names (a user, an address) to what is counted of them. An entry
 * stays where it is until removed. Knows no limit, no clock and no lock: its owner has those.
 */
#ifndef CWS_AUTH_NAME_TABLE_H
#define CWS_AUTH_NAME_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct name_entry {
  struct name_entry *next; /* the table's */
  struct name_table *table;
  uint64_t hash;
  int64_t connections;
  int64_t spare_milli; /* thousandths of an event that may still be published; below 0: a debt */
  int64_t filled_ms;   /* when spare_milli was right */
  char name[];
};

struct name_table {
  struct name_entry **heads; /* NULL until the first entry */
  size_t head_count;         /* a power of two */
  size_t count;
};

void name_table_finish(struct name_table *t); /* frees every entry */
struct name_entry *name_table_find(const struct name_table *t, const char *name);
/* A new zeroed entry; `name` must not be there. NULL when memory is out. */
struct name_entry *name_table_add(struct name_table *t, const char *name);
void name_table_remove(struct name_entry *e);
/* Removes every entry for which is_idle says so. */
void name_table_sweep(struct name_table *t, bool (*is_idle)(struct name_entry *e, void *user),
                      void *user);

#endif
