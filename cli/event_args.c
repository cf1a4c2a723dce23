/* event_args: see event_args.h. */
#include "cli/event_args.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exit_code.h"
#include "cli/paths.h"
#include "cli/talk.h"

#define DATA_MAX (64 * 1024 * 1024) /* bytes read; the hub's own limit is far below */

static bool is_json(const char *text, size_t len, json_error_t *error) {
  json_t *value = json_loadb(
      text, len,
      JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, error);
  json_decref(value);
  return value != NULL;
}

static void write_string(FILE *to, const char *s, size_t len) {
  json_t *value = json_stringn(s, len); /* NULL where it is not UTF-8 */
  if (value == NULL)
    value = json_string("");
  json_dumpf(value, to, JSON_ENCODE_ANY);
  json_decref(value);
}

static int write_pair(FILE *to, const char *arg) {
  const char *equals = strchr(arg, '=');
  if (equals == NULL || equals == arg || (equals == arg + 1 && arg[0] == ':')) {
    talk_error("'%s' is neither k=v nor k:=JSON", arg);
    return EXIT_USAGE;
  }
  bool is_raw = equals[-1] == ':';
  json_error_t error;
  json_t *utf8 = json_string(arg);
  json_decref(utf8);
  if (utf8 == NULL) {
    talk_error("an argument is not UTF-8");
    return EXIT_DATA;
  }
  if (is_raw && !is_json(equals + 1, strlen(equals + 1), &error)) {
    talk_error("'%s' is not JSON after ':=': %s", arg, error.text);
    return EXIT_DATA;
  }
  write_string(to, arg, (size_t)(equals - arg) - (is_raw ? 1 : 0));
  fputc(':', to);
  if (is_raw)
    fputs(equals + 1, to);
  else
    write_string(to, equals + 1, strlen(equals + 1));
  return 0;
}

static int pairs(const struct options *o, size_t first, char **out, size_t *len) {
  FILE *to = open_memstream(out, len);
  if (to == NULL)
    return EXIT_OS;
  int code = 0;
  fputc('{', to);
  for (size_t i = first; code == 0 && i < options_argc(o); i++) {
    if (i > first)
      fputc(',', to);
    code = write_pair(to, options_arg(o, i));
  }
  fputc('}', to);
  if (fclose(to) != 0 && code == 0)
    code = EXIT_OS;
  return code;
}

static int whole(const char *given, char **out, size_t *len) {
  if (given[0] != '@' && strcmp(given, "-") != 0) {
    *out = strdup(given);
    *len = strlen(given);
    return *out != NULL ? 0 : EXIT_OS;
  }
  const char *path = given[0] == '@' ? given + 1 : given;
  int failed = paths_read_file(path, DATA_MAX, out, len);
  if (failed == 0)
    return 0;
  *out = NULL;
  talk_error("cannot read '%s': %s", path, strerror(failed));
  return failed == ENOENT ? EXIT_NOINPUT : EXIT_IO;
}

int event_args_data(const struct options *o, size_t first, char **out, size_t *len) {
  const char *given = options_string(o, "data");
  *out = NULL;
  if (given != NULL && options_argc(o) > first) {
    talk_error("give either --data or k=v, not both");
    return EXIT_USAGE;
  }
  int code = given != NULL ? whole(given, out, len) : pairs(o, first, out, len);
  json_error_t error = {0};
  if (code == 0 && !is_json(*out, *len, &error)) {
    talk_error("the data is not valid JSON: line %d column %d: %s", error.line, error.column,
               error.text);
    code = EXIT_DATA;
  }
  if (code != 0) {
    free(*out);
    *out = NULL;
  }
  return code;
}

int event_args_event(const struct options *o, struct cws_event *out, char **data) {
  size_t len;
  int code = event_args_data(o, 2, data, &len);
  if (code == 0)
    *out = (struct cws_event){.type = options_arg(o, 1),
                              .timestamp = options_string(o, "timestamp"),
                              .data = *data,
                              .data_len = len,
                              .event_id = options_string(o, "event-id")};
  return code;
}
