/*
 * settings: values from the environment and from the configuration file: one long option a line,
 * "name value" or "name = value", # begins a comment. A key that no command knows is an error that
 * names file and line.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/options_values.h"
#include "cli/paths.h"
#include "cli/talk.h"

/* ---- environment ---- */

void settings_variable(const char *option, char *out, size_t size) {
  size_t n = (size_t)snprintf(out, size, "COUNCILWS_");
  for (; *option != '\0' && n + 1 < size; option++)
    out[n++] = *option == '-' ? '_' : (char)toupper((unsigned char)*option);
  out[n] = '\0';
}

static int add_list(struct option_value *v, char *text, enum option_source source,
                    struct cws_error *err) {
  char *rest = text;
  for (char *item; (item = strtok_r(rest, ",", &rest)) != NULL;) {
    int rc = option_value_add(v, item, source, err);
    if (rc != 0)
      return rc;
  }
  return 0;
}

static int apply_variable(struct option_value *v) {
  char name[80];
  settings_variable(v->spec->name, name, sizeof name);
  const char *text = getenv(name);
  if (text == NULL || text[0] == '\0')
    return 0;
  struct cws_error err = {0};
  int rc;
  if (v->spec->kind == OPTION_LIST) {
    char *copy = strdup(text);
    rc = copy != NULL ? add_list(v, copy, SOURCE_ENVIRONMENT, &err) : CWS_ENOMEM;
    free(copy);
  } else {
    rc = option_value_add(v, text, SOURCE_ENVIRONMENT, &err);
  }
  if (rc == 0)
    return 0;
  talk_error("%s: %s", name, err.message);
  return EXIT_CONFIG;
}

/* ---- configuration file ---- */

static bool table_has_setting(const struct option_spec *s, const char *key) {
  for (; s != NULL && s->name != NULL; s++) {
    if (s->is_setting && strcmp(s->name, key) == 0)
      return true;
  }
  return false;
}

static bool is_known_setting(const char *key) {
  if (table_has_setting(OPTIONS_COMMON, key) || table_has_setting(OPTIONS_CLIENT, key) ||
      table_has_setting(OPTIONS_NATS, key))
    return true;
  for (const struct command *const *c = COMMANDS; *c != NULL; c++) {
    if (table_has_setting((*c)->options, key))
      return true;
  }
  return false;
}

static char *trim(char *s) {
  while (isspace((unsigned char)*s))
    s++;
  size_t len = strlen(s);
  while (len > 0 && isspace((unsigned char)s[len - 1]))
    s[--len] = '\0';
  return s;
}

/* Splits "name value", "name = value", "name=value"; a comment begins a line or follows a blank. */
static void split_line(char *line, char **key, char **value) {
  for (char *p = line; *p != '\0'; p++) {
    if (*p == '#' && (p == line || isspace((unsigned char)p[-1]))) {
      *p = '\0';
      break;
    }
  }
  *key = trim(line);
  if (strncmp(*key, "--", 2) == 0)
    *key += 2;
  size_t n = strcspn(*key, "= \t");
  *value = *key + n;
  if (**value == '\0')
    return;
  bool was_equals = **value == '=';
  *(*value)++ = '\0';
  *value = trim(*value);
  if (!was_equals && **value == '=')
    *value = trim(*value + 1);
}

static int apply_line(struct options *o, const char *path, unsigned number, char *line) {
  char *key, *text;
  split_line(line, &key, &text);
  if (*key == '\0')
    return 0;
  if (!is_known_setting(key)) {
    talk_error("%s:%u: unknown setting '%s'", path, number, key);
    return EXIT_CONFIG;
  }
  struct option_value *v = option_value_find(o, key);
  if (v == NULL || !v->spec->is_setting || v->source > SOURCE_FILE)
    return 0; /* another command's, or given with more weight */
  if (*text == '\0' && v->spec->kind != OPTION_FLAG) {
    talk_error("%s:%u: '%s' needs a value", path, number, key);
    return EXIT_CONFIG;
  }
  struct cws_error err = {0};
  if (option_value_add(v, *text == '\0' ? "true" : text, SOURCE_FILE, &err) != 0) {
    talk_error("%s:%u: %s: %s", path, number, key, err.message);
    return EXIT_CONFIG;
  }
  return 0;
}

static int apply_file(struct options *o, const char *path, bool must_exist) {
  FILE *f = fopen(path, "re");
  if (f == NULL) {
    if (errno == ENOENT && !must_exist)
      return 0;
    talk_error("cannot read '%s': %s", path, strerror(errno));
    return EXIT_CONFIG;
  }
  talk_more("settings from %s", path);
  char *line = NULL;
  size_t size = 0;
  unsigned number = 0;
  int code = 0;
  ssize_t len;
  while (code == 0 && (len = getline(&line, &size, f)) >= 0) {
    number++;
    if (strlen(line) == (size_t)len) {
      code = apply_line(o, path, number, line);
    } else { /* what is behind it would be dropped in silence */
      talk_error("%s:%u: a NUL byte", path, number);
      code = EXIT_CONFIG;
    }
  }
  if (code == 0 && ferror(f)) {
    talk_error("cannot read '%s': %s", path, strerror(errno));
    code = EXIT_CONFIG;
  }
  free(line);
  fclose(f);
  return code;
}

static int apply_config(struct options *o) {
  const char *given = options_string(o, "config");
  if (given == NULL)
    given = getenv("COUNCILWS_CONFIG");
  if (given != NULL && given[0] != '\0')
    return apply_file(o, given, true);
  char path[PATH_BUF];
  if (paths_config(path) && paths_exists(path))
    return apply_file(o, path, false);
  return apply_file(o, "/etc/councilws/config", false);
}

int settings_apply(struct options *o) {
  for (size_t i = 0; i < o->count; i++) {
    struct option_value *v = &o->values[i];
    if (!v->spec->is_setting || v->source == SOURCE_COMMAND_LINE)
      continue;
    int code = apply_variable(v);
    if (code != 0)
      return code;
  }
  return apply_config(o);
}
