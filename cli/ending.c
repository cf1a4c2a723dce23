/* ending: see ending.h. */
#include "cli/ending.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exit_code.h"
#include "cli/talk.h"

#define CODE_MAX 63 /* what --exit-from may give, clear of the table of exit codes */

void ending_init(struct ending *e, const char *const *until, const char *exit_from) {
  e->until = until;
  e->exit_from = exit_from;
}

static bool is_until(const struct ending *e, const char *type) {
  for (const char *const *t = e->until; *t != NULL; t++) {
    if (strcmp(*t, type) == 0)
      return true;
  }
  return false;
}

static const json_t *at_path(const json_t *value, const char *path) {
  while (*path != '\0' && value != NULL) {
    char key[128];
    size_t n = strcspn(path, ".");
    if (n >= sizeof key)
      return NULL;
    memcpy(key, path, n);
    key[n] = '\0';
    value = json_is_array(value) ? json_array_get(value, strtoul(key, NULL, 10))
                                 : json_object_get(value, key);
    path += n + (path[n] == '.' ? 1 : 0);
  }
  return value;
}

static int code_from(const struct ending *e, const json_t *data) {
  const json_t *value = at_path(data, e->exit_from);
  if (json_is_boolean(value))
    return json_is_true(value) ? EXIT_DONE : EXIT_FAILED;
  if (!json_is_number(value)) {
    talk_error("--exit-from: no number at '%s' in the ending event's data", e->exit_from);
    return EXIT_DATA;
  }
  double number = json_number_value(value);
  if (number == 0)
    return EXIT_DONE;
  return number < 1 ? 1 : number > CODE_MAX ? CODE_MAX : (int)number;
}

/* Whether the request has ended by itself: 0 no, 1 well, -1 badly. */
static int own_end(const char *type, const json_t *data) {
  if (strcmp(type, "final_response") == 0)
    return json_is_false(json_object_get(data, "success")) ? -1 : 1;
  if (strcmp(type, "error") == 0)
    return json_is_true(json_object_get(data, "retrying")) ? 0 : -1;
  return 0;
}

bool ending_reached(const struct ending *e, const struct cws_event *event, int *exit_code) {
  bool is_asked = is_until(e, event->type);
  if (!is_asked && strcmp(event->type, "final_response") != 0 && strcmp(event->type, "error") != 0)
    return false;
  json_t *data = json_loadb(event->data, event->data_len,
                            JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
  if (data == NULL) { /* as a number beyond any double: whether it ended well cannot be told */
    talk_error("the data of the '%s' event cannot be read", event->type);
    *exit_code = EXIT_DATA;
    return true;
  }
  int own = own_end(event->type, data);
  bool reached = is_asked || own != 0;
  if (reached && e->until[0] != NULL && !is_asked)
    *exit_code = EXIT_ENDED;
  else if (reached && e->exit_from != NULL)
    *exit_code = code_from(e, data);
  else if (reached)
    *exit_code = is_asked || own > 0 ? EXIT_DONE : EXIT_FAILED;
  json_decref(data);
  return reached;
}

bool ending_needs_event(const struct ending *e) {
  return e->until[0] == NULL && e->exit_from != NULL;
}

int ending_of_status(const struct ending *e, const char *status) {
  if (e->until[0] != NULL)
    return EXIT_ENDED;
  return strcmp(status, "failed") == 0 ? EXIT_FAILED : EXIT_DONE;
}

int ending_without(const struct ending *e) {
  return e->until[0] != NULL ? EXIT_ENDED : EXIT_DONE;
}
