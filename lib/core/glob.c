/* glob: request ids against the globs of a token. No recursion and no more than len(glob) * len(id)
 * steps. */
#include <councilws/token.h>

#include <stddef.h>

bool cws_glob_match(const char *glob, const char *id) {
  const char *star = NULL;   /* behind the last * seen */
  const char *resume = NULL; /* what that * has not swallowed yet */
  while (*id != '\0') {
    if (*glob == '*') {
      star = ++glob;
      resume = id;
    } else if (*glob == '?' || *glob == *id) {
      glob++;
      id++;
    } else if (star != NULL) {
      glob = star;
      id = ++resume;
    } else {
      return false;
    }
  }
  while (*glob == '*')
    glob++;
  return *glob == '\0';
}
