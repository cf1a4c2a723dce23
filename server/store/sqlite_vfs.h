/*
 * sqlite_vfs: SQLite's access to files, with the writes to its log gathered. SQLite writes each
 * page of a commit in two pieces, 24 bytes and 4096, each with a system call; here they are kept
 * until they are asked for (a sync, a read, a look at the size) and written as one. Readers, also
 * those of other programs, see a commit only after its sync, so nothing can be missed; only for a
 * connection that syncs with every commit (PRAGMA synchronous=FULL).
 */
#ifndef CWS_STORE_SQLITE_VFS_H
#define CWS_STORE_SQLITE_VFS_H

/* The name of the VFS for sqlite3_open_v2, on top of what is the default at the first call; NULL:
 * it could not be registered. Any thread. */
const char *sqlite_vfs_gathering(void);

#endif
