/*
 * A command line, one argument a line. What is taken has values that its options may have; written
 * anew, long options first, it reads as the same. What is not taken exits 64 and says why.
 */
#include "cli/exit_code.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/settings_rig.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARGS_MAX = 200 };

struct line {
  char *args[ARGS_MAX + 2];
  int count;
};

static void add(struct line *l, const char *text) {
  CHECK(l->count < ARGS_MAX + 1);
  l->args[l->count] = strdup(text);
  CHECK(l->args[l->count++] != NULL);
}

static void split(struct line *l, char *text) {
  add(l, "rig");
  for (char *rest = text; rest != NULL && l->count < ARGS_MAX / 2;) {
    char *end = strchr(rest, '\n');
    if (end != NULL)
      *end++ = '\0';
    add(l, rest);
    rest = end;
  }
}

static void line_finish(struct line *l) {
  for (int i = 0; i < l->count; i++)
    free(l->args[i]);
}

static void write_again(struct line *l, const struct options *o) {
  add(l, "rig");
  for (size_t i = 0; i < o->count; i++) {
    const struct option_value *v = &o->values[i];
    for (size_t k = 0; k < v->count && v->source == SOURCE_COMMAND_LINE; k++) {
      struct buf b;
      buf_init(&b);
      buf_addf(&b, v->spec->kind == OPTION_FLAG ? "--%s" : "--%s=%s", v->spec->name, v->items[k]);
      add(l, b.data);
      buf_finish(&b);
    }
  }
  add(l, "--");
  for (size_t i = 0; i < options_argc(o); i++)
    add(l, options_arg(o, i));
}

static void check_again(const struct options *o) {
  struct line l = {.count = 0};
  struct options *again;
  write_again(&l, o);
  CHECK(rig_parse(l.count, l.args, &again) == 0);
  rig_check_same(o, again);
  options_free(again);
  line_finish(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct line l = {.count = 0};
  struct options *o;
  char *text = strndup((const char *)data, size);
  CHECK(text != NULL);
  rig_init("/dev/null");
  split(&l, text);
  int code = rig_parse(l.count, l.args, &o);
  if (code == 0) {
    if (!options_flag(o, "help") && !options_flag(o, "version"))
      CHECK(options_argc(o) <= 2);
    rig_check_values(o);
    check_again(o);
  } else { /* 78: --config names a file that is none */
    CHECK(code == EXIT_USAGE ||
          (code == EXIT_CONFIG && strstr(rig_said.data, "cannot read '") != NULL));
  }
  options_free(o);
  line_finish(&l);
  buf_finish(&rig_said);
  free(text);
  return 0;
}
