/* spool_file: where the files of spools are, and how they are locked and made durable. */
#ifndef CLI_SPOOL_FILE_H
#define CLI_SPOOL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "cli/paths.h"

/* False where it is too long. */
bool spool_file_path(const char *dir, const char *request_id, int slot, char out[PATH_BUF]);
/* The file that takes its place, while it is written. */
bool spool_file_path_new(const char *path, char out[PATH_BUF]);
/* Makes each missing directory, and its name durable in the one above. 0 or errno. */
int spool_file_make_dir(const char *dir);
int spool_file_sync_dir(const char *dir);
/* Opens or makes it, locked against others: EWOULDBLOCK where one has it. 0 or errno. */
int spool_file_open(const char *path, int *out);
/* One without a name, gone with its descriptor. 0 or errno. */
int spool_file_open_nameless(int *out);
int spool_file_write(int fd, const char *bytes, size_t len, off_t at);

#endif
