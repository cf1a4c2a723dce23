/* settings_rig: see settings_rig.h. It stands in for main.c (COMMANDS) and talk.c. */
#include "tests/fuzz/settings_rig.h"

#include "cli/talk.h"
#include "tests/fuzz/fuzz.h"
#include <councilws/units.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static int run_nothing(const struct options *o) {
  (void)o;
  return 0;
}

static const struct option_spec OPTIONS[] = {
    {"listen", 'l', OPTION_LIST, "ADDR", "127.0.0.1:8765", NULL, true, ""},
    {"store", 's', OPTION_STRING, "URI", NULL, NULL, true, ""},
    {"durability", 0, OPTION_CHOICE, "LEVEL", "full", "full|normal", true, ""},
    {"retention", 'r', OPTION_DURATION, "D", "24h", NULL, true, ""},
    {"max-event-bytes", 0, OPTION_SIZE, "S", "256k", NULL, true, ""},
    {"workers", 0, OPTION_INT, "N", "0", NULL, true, ""},
    {"ack", 'a', OPTION_FLAG, NULL, NULL, NULL, true, ""},
    {0},
};

const struct command RIG_COMMAND = {.name = "rig",
                                    .usage = "[X [Y]]",
                                    .options = OPTIONS,
                                    .is_client = true,
                                    .max_args = 2,
                                    .run = run_nothing};

const struct command *const COMMANDS[] = {&RIG_COMMAND, NULL};

/* ---- talk ---- */

struct buf rig_said;

static void say(const char *fmt, va_list args) {
  char text[4096];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  vsnprintf(text, sizeof text, fmt, args);
#pragma GCC diagnostic pop
  buf_add_str(&rig_said, text);
}

void talk_set_level(enum talk_level level) {
  (void)level;
}

void talk_error(const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  CHECK(rig_said.len == 0); /* one message, the first */
  say(fmt, args);
  va_end(args);
}

void talk(const char *fmt, ...) {
  (void)fmt;
}

void talk_more(const char *fmt, ...) {
  (void)fmt;
}

/* ---- the rig ---- */

void rig_init(const char *config) {
  static char *nothing[] = {NULL};
  static bool is_done;
  if (is_done)
    return;
  environ = nothing;
  CHECK(setenv("COUNCILWS_CONFIG", config, 1) == 0);
  is_done = true;
}

int rig_parse(int argc, char **argv, struct options **out) {
  *out = NULL;
  buf_finish(&rig_said);
  int code = options_parse(&RIG_COMMAND, argc, argv, out);
  CHECK((code == 0) == (*out != NULL));
  CHECK((code == 0) == (rig_said.len == 0));
  return code;
}

static void check_value(const struct option_spec *spec, const char *text) {
  int64_t v;
  switch (spec->kind) {
  case OPTION_FLAG:
    CHECK(strcmp(text, "true") == 0 || strcmp(text, "false") == 0);
    return;
  case OPTION_CHOICE:
    CHECK(text[0] != '\0' && strchr(text, '|') == NULL && strstr(spec->choices, text) != NULL);
    return;
  case OPTION_DURATION:
    CHECK(cws_duration_parse(text, &v, NULL) == 0);
    return;
  case OPTION_SIZE:
    CHECK(cws_size_parse(text, &v, NULL) == 0);
    return;
  case OPTION_INT:
    CHECK(cws_int_parse(text, 0, INT64_MAX, &v, NULL) == 0);
    return;
  case OPTION_STRING:
  case OPTION_LIST:
    return;
  }
}

void rig_check_values(const struct options *o) {
  for (size_t i = 0; i < o->count; i++) {
    const struct option_value *v = &o->values[i];
    CHECK(v->spec->kind == OPTION_LIST || v->count <= 1);
    CHECK(v->count > 0 || v->spec->fallback == NULL);
    for (size_t k = 0; k < v->count; k++)
      check_value(v->spec, v->items[k]);
  }
}

void rig_check_same(const struct options *a, const struct options *b) {
  CHECK(a->count == b->count && a->arg_count == b->arg_count);
  for (size_t i = 0; i < a->count; i++) {
    const struct option_value *x = &a->values[i], *y = &b->values[i];
    CHECK(x->count == y->count && x->source == y->source);
    for (size_t k = 0; k < x->count; k++)
      CHECK(strcmp(x->items[k], y->items[k]) == 0);
  }
  for (size_t i = 0; i < a->arg_count; i++)
    CHECK(strcmp(options_arg(a, i), options_arg(b, i)) == 0);
}
