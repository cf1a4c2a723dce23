/* split: see split.h. All words share one copy of the line, which words[-1] keeps. */
#include "cli/split.h"

#include <stdlib.h>
#include <string.h>

/* Takes one word from *from, unquoted, to `to`; returns what is behind it. False: a quote is open.
 */
static bool take_word(const char **from, char **to) {
  char quote = '\0';
  const char *p = *from;
  for (; *p != '\0'; p++) {
    bool is_escape = *p == '\\' && quote != '\'' && p[1] != '\0' &&
                     (quote == '\0' || p[1] == '"' || p[1] == '\\');
    if (is_escape)
      *(*to)++ = *++p;
    else if (quote != '\0' && *p == quote)
      quote = '\0';
    else if (quote == '\0' && (*p == '\'' || *p == '"'))
      quote = *p;
    else if (quote == '\0' && (*p == ' ' || *p == '\t'))
      break;
    else
      *(*to)++ = *p;
  }
  *(*to)++ = '\0';
  *from = p;
  return quote == '\0';
}

char **split_words(const char *line, int *count, bool *is_open) {
  size_t len = strlen(line);
  char *copy = malloc(2 * len + 2); /* a NUL for each word, too */
  char **words = calloc(len + 3, sizeof *words);
  *count = 0;
  *is_open = false;
  if (copy == NULL || words == NULL) {
    free(copy);
    free(words);
    return NULL;
  }
  *words++ = copy;
  char *to = copy;
  while (!*is_open) {
    line += strspn(line, " \t");
    if (*line == '\0' || *line == '#')
      return words;
    words[(*count)++] = to;
    *is_open = !take_word(&line, &to);
  }
  split_free(words);
  return NULL;
}

void split_free(char **words) {
  if (words == NULL)
    return;
  free(words[-1]);
  free(words - 1);
}
