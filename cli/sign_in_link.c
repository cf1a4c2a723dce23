/* sign_in_link: see sign_in_link.h. */
#include "cli/sign_in_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool sign_in_link_takes(const char *url) {
  return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
}

char *sign_in_link_new(const char *url, const char *token) {
  size_t len = strlen(url);
  while (len > 0 && url[len - 1] == '/')
    len--;
  size_t size = len + strlen(token) + sizeof "/#token=";
  char *link = malloc(size);
  if (link != NULL)
    snprintf(link, size, "%.*s/#token=%s", (int)len, url, token);
  return link;
}
