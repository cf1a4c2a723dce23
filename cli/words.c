/* words: see words.h. */
#include "cli/words.h"

#include <ctype.h>
#include <string.h>

const char *const WORD_TYPES[] = {
    "processing_started",
    "analysis_started",
    "analysis_complete",
    "decomposition_complete",
    "routing_complete",
    "execution_progress",
    "arbitration_decision",
    "synthesis_progress",
    "final_response",
    "error",
    NULL,
};

const char *word_kind_name(enum word_kind kind) {
  static const char *const NAMES[] = {"none",      "request", "type",    "file",
                                      "directory", "command", "program", "choice"};
  return NAMES[kind];
}

/* By what help calls it; `len` bytes in capitals, perhaps with a number or more behind them. */
static enum word_kind kind_of(const char *name, size_t len) {
  static const struct {
    const char *name;
    enum word_kind kind;
  } KINDS[] = {{"REQUEST", WORD_REQUEST}, {"TYPE", WORD_TYPE},   {"FILE", WORD_FILE},
               {"DIR", WORD_DIRECTORY},   {"CMD", WORD_PROGRAM}, {"COMMAND", WORD_COMMAND}};
  for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
    size_t n = strlen(KINDS[i].name);
    if (len >= n && strncmp(name, KINDS[i].name, n) == 0 && !isupper((unsigned char)name[n]))
      return KINDS[i].kind;
  }
  return WORD_NONE;
}

enum word_kind word_kind_of_value(const struct option_spec *s) {
  if (s->kind == OPTION_CHOICE)
    return WORD_CHOICE;
  return s->arg != NULL ? kind_of(s->arg, strlen(s->arg)) : WORD_NONE;
}

/* The next word of the usage's first line, without brackets; false at its end. */
static bool next_word(const char **p, const char **word, size_t *len) {
  *p += strspn(*p, " [|");
  *word = *p;
  *len = strcspn(*p, " ]\n");
  *p += *len;
  *p += strspn(*p, "]");
  return *len > 0;
}

/* Finds positional `index`; *count is how many there are. */
static enum word_kind find_argument(const struct command *c, size_t index, size_t *count) {
  const char *p = c->usage, *word;
  size_t len;
  enum word_kind found = WORD_NONE, last = WORD_NONE;
  bool is_repeated = false;
  *count = 0;
  while (next_word(&p, &word, &len)) {
    if (strncmp(word, "...", 3) == 0) { /* of the word before it */
      is_repeated = true;
      break;
    }
    if (len == 2 && strncmp(word, "--", 2) == 0)
      continue;
    if (word[0] == '-') { /* an option and its value */
      if (*p == ' ' && isupper((unsigned char)p[1]))
        next_word(&p, &word, &len);
      continue;
    }
    last = kind_of(word, len);
    is_repeated = len > 3 && (strncmp(word + len - 3, "...", 3) == 0);
    if ((*count)++ == index)
      found = last;
    if (last == WORD_NONE)
      break; /* k=v and the like: nothing behind it has a kind of its own */
  }
  return index >= *count && (is_repeated || last == WORD_PROGRAM) ? last : found;
}

enum word_kind word_kind_of_argument(const struct command *c, size_t index) {
  size_t count;
  return find_argument(c, index, &count);
}

size_t word_argument_count(const struct command *c) {
  size_t count;
  find_argument(c, 0, &count);
  return count + 1;
}
