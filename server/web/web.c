/* web: see web.h. */
#include "server/web/web.h"

#include <string.h>

const struct web_file *web_file_find(const char *path) {
  for (size_t i = 0; i < web_file_count; i++) {
    if (strcmp(web_files[i].path, path) == 0)
      return &web_files[i];
  }
  return NULL;
}
