/*
 * A configuration file. What is taken has values that its options may have; written anew as
 * "name=value" it reads as the same. What is not taken exits 78 and names file and line.
 */
#define _GNU_SOURCE /* memfd_create */
#include "cli/exit_code.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/settings_rig.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int file = -1;

static void open_file(void) {
  char path[40];
  if (file >= 0)
    return;
  file = memfd_create("config", 0);
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  CHECK(file >= 0);
  rig_init(path);
}

static int read_as_file(const void *bytes, size_t len, struct options **out) {
  char *argv[] = {"rig", NULL};
  CHECK(ftruncate(file, 0) == 0);
  CHECK(pwrite(file, bytes, len, 0) == (ssize_t)len);
  return rig_parse(1, argv, out);
}

static void check_again(const struct options *o) {
  struct options *again;
  struct buf b;
  buf_init(&b);
  for (size_t i = 0; i < o->count; i++) {
    const struct option_value *v = &o->values[i];
    for (size_t k = 0; k < v->count && v->source == SOURCE_FILE; k++)
      buf_addf(&b, "%s=%s\n", v->spec->name, v->items[k]);
  }
  CHECK(read_as_file(b.data, b.len, &again) == 0);
  rig_check_same(o, again);
  options_free(again);
  buf_finish(&b);
}

static void check_refusal(const uint8_t *data, size_t size) {
  unsigned line = 0, lines = 1;
  for (size_t i = 0; i < size; i++)
    lines += data[i] == '\n';
  CHECK(sscanf(rig_said.data, "/proc/self/fd/%*d:%u: ", &line) == 1);
  CHECK(line >= 1 && line <= lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct options *o;
  open_file();
  int code = read_as_file(data, size, &o);
  if (code == 0) {
    CHECK(memchr(data, '\0', size) == NULL);
    rig_check_values(o);
    check_again(o);
  } else {
    CHECK(code == EXIT_CONFIG);
    check_refusal(data, size);
  }
  options_free(o);
  buf_finish(&rig_said);
  return 0;
}
