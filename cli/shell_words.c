/* shell_words: completion in the console: by the tables, with request ids from the hub and types
 * that were seen. */
#include <jansson.h>
#include <string.h>

#include "cli/shell.h"
#include "cli/split.h"
#include "cli/words.h"

#define REQUESTS 200 /* asked for */

static void on_requests(const struct cws_error *why, const char *json, size_t len, void *user) {
  struct shell *s = user;
  s->looking = NULL;
  json_t *answer = why == NULL ? json_loadb(json, len, 0, NULL) : NULL;
  size_t i;
  json_t *item;
  json_array_foreach(json_object_get(answer, "requests"), i, item) {
    const char *id = json_string_value(json_object_get(item, "request_id"));
    if (id != NULL)
      names_add(&s->requests, id);
  }
  json_decref(answer);
}

void shell_look_for_requests(struct shell *s) {
  if (s->looking == NULL &&
      cws_list(s->runner.client, NULL, REQUESTS, NULL, on_requests, s, &s->looking, NULL) != 0)
    s->looking = NULL;
}

static void offer_all(const struct names *names, struct console_offers *to) {
  for (size_t i = 0; i < names->count; i++)
    console_offer(to, names->items[i]);
}

static void offer_commands(struct console_offers *to) {
  for (const struct shell_command *c = SHELL_COMMANDS; c->command.name != NULL; c++)
    console_offer(to, c->command.name);
}

static void offer_choices(const char *choices, struct console_offers *to) {
  char word[64];
  while (*choices != '\0') {
    size_t len = strcspn(choices, "|");
    if (len < sizeof word) {
      memcpy(word, choices, len);
      word[len] = '\0';
      console_offer(to, word);
    }
    choices += len + (choices[len] == '|' ? 1 : 0);
  }
}

static bool offer_kind(struct shell *s, enum word_kind kind, const char *choices,
                       struct console_offers *to) {
  switch (kind) {
  case WORD_REQUEST:
    offer_all(&s->requests, to);
    shell_look_for_requests(s);
    return true;
  case WORD_TYPE:
    for (const char *const *t = WORD_TYPES; *t != NULL; t++)
      console_offer(to, *t);
    offer_all(&s->types, to);
    return true;
  case WORD_COMMAND:
    offer_commands(to);
    return true;
  case WORD_CHOICE:
    offer_choices(choices, to);
    return true;
  case WORD_FILE:
  case WORD_DIRECTORY:
    return false;
  default:
    return true;
  }
}

static const struct option_spec *find_option(const struct shell_command *c, const char *word) {
  for (const struct option_spec *s = c->command.options; s != NULL && s->name != NULL; s++) {
    if (strncmp(word, "--", 2) == 0 && strcmp(word + 2, s->name) == 0)
      return s;
  }
  return NULL;
}

static void offer_options(const struct shell_command *c, struct console_offers *to) {
  char word[80] = "--";
  for (const struct option_spec *s = c->command.options; s != NULL && s->name != NULL; s++) {
    strncpy(word + 2, s->name, sizeof word - 3);
    console_offer(to, word);
  }
}

/* At the word that begins at line[start], behind words[0…count-1]. */
static bool complete_at(struct shell *s, char **words, int count, const char *typed,
                        struct console_offers *to) {
  if (count == 0) {
    offer_commands(to);
    return true;
  }
  const struct shell_command *c = shell_command_find(words[0]);
  if (c == NULL)
    return true;
  const struct option_spec *before = count > 1 ? find_option(c, words[count - 1]) : NULL;
  if (before != NULL && before->kind != OPTION_FLAG)
    return offer_kind(s, word_kind_of_value(before), before->choices, to);
  if (typed[0] == '-') {
    offer_options(c, to);
    return true;
  }
  size_t argument = 0;
  for (int i = 1; i < count; i++) {
    const struct option_spec *o = find_option(c, words[i]);
    if (words[i][0] != '-')
      argument++;
    else if (o != NULL && o->kind != OPTION_FLAG)
      i++; /* its value */
  }
  return offer_kind(s, word_kind_of_argument(&c->command, argument), NULL, to);
}

bool shell_complete(const char *line, size_t start, struct console_offers *to, void *user) {
  struct shell *s = user;
  char *before = strndup(line, start);
  int count;
  bool is_open, is_done = true;
  char **words = before != NULL ? split_words(before, &count, &is_open) : NULL;
  if (words != NULL)
    is_done = complete_at(s, words, count, line + start, to);
  split_free(words);
  free(before);
  return is_done;
}
