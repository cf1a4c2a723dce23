/* paths: where the command keeps things, by the XDG base directory specification. */
#ifndef CLI_PATHS_H
#define CLI_PATHS_H

#include <stdbool.h>
#include <stddef.h>

#define PATH_BUF 4096

/* Each writes to out[PATH_BUF]; false where there is no home directory or the path is too long. */
bool paths_config(char out[PATH_BUF]);                  /* $XDG_CONFIG_HOME/councilws/config */
bool paths_state(const char *name, char out[PATH_BUF]); /* $XDG_STATE_HOME/councilws/NAME */
bool paths_exists(const char *path);
/* Makes the state directory (0700) if it is missing. 0 or errno. */
int paths_make_state(void);

/* A whole file into memory (NUL behind it), at most max bytes. 0 or errno (EFBIG); *out is free()d
 * by the caller. "-" is standard input. */
int paths_read_file(const char *path, size_t max, char **out, size_t *len);

#endif
