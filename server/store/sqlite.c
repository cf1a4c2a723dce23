/*
 * sqlite: the embedded engine, one file in WAL mode. This is its table of operations:
 *   sqlite_open.c    opening and closing     sqlite_write.c  transactions and what is added
 *   sqlite_files.c   directory, lock, room   sqlite_sweep.c  what is taken away
 *   sqlite_schema.c  identity and versions   sqlite_read.c   reads
 *   sqlite_conn.c    one connection          sqlite_pool.c   the reading connections
 *   sqlite_row.c     rows as both sides see them
 *   sqlite_notes.c   what the front notes
 *   sqlite_maintain.c  looking through it and copying it, from outside
 *   sqlite_aside.c   another name for it, when it is no longer the state of its log
 */
#include "server/store/sqlite.h"

const struct store_ops store_sqlite_ops = {
    .name = "sqlite",
    .open = sqlite_open,
    .close = sqlite_close,
    .find = sqlite_find,
    .each_event_id = sqlite_each_event_id,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .create = sqlite_create,
    .add = sqlite_add,
    .trim = sqlite_trim,
    .remove = sqlite_remove,
    .set_summary = sqlite_set_summary,
    .set_position = sqlite_set_position,
    .list_expired = sqlite_list_expired,
    .collect = sqlite_collect,
    .renew = sqlite_renew,
    .set_note = sqlite_set_note,
    .get_note = sqlite_get_note,
    .each_note = sqlite_each_note,
    .read_notes = sqlite_read_notes,
    .drop_notes = sqlite_drop_notes,
    .is_empty = sqlite_is_empty,
    .tidy = sqlite_tidy,
    .probe = sqlite_probe,
    .info = sqlite_info,
    .read = sqlite_read,
    .position = sqlite_position,
    .positions = sqlite_positions,
    .list = sqlite_list,
    .verify = sqlite_verify,
    .backup = sqlite_backup,
    .set_aside = sqlite_set_aside,
    .find_aside = sqlite_find_aside,
    .replace = sqlite_replace,
    .drop_aside = sqlite_drop_aside,
};
