/* web: what the hub serves to browsers as it is: files that are built into the binary. */
#ifndef CWS_WEB_WEB_H
#define CWS_WEB_WEB_H

#include <stddef.h>

struct web_file {
  const char *path; /* "/councilws.js" */
  const char *content_type;
  const char *etag; /* "\"0a1b…\"": changes with the bytes */
  const unsigned char *bytes;
  size_t len;
};

/* Made by cmake/embed.cmake from the files that CMakeLists.txt names. */
extern const struct web_file web_files[];
extern const size_t web_file_count;

/* The file with that path, or NULL. */
const struct web_file *web_file_find(const char *path);

#endif
