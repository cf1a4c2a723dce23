/* cases: see cases.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "tests/unit/core/cases.h"
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_path(const char *path, size_t *len) {
  struct buf b;
  char piece[4096];
  size_t n;
  FILE *file = fopen(path, "rb");
  if (file == NULL)
    return NULL;
  buf_init(&b);
  while ((n = fread(piece, 1, sizeof piece, file)) > 0)
    buf_add(&b, piece, n);
  fclose(file);
  if (b.len > 0 && b.data[b.len - 1] == '\n')
    b.data[--b.len] = '\0';
  return buf_take(&b, len);
}

char *data_file(const char *name, size_t *len) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", getenv("CWS_TEST_DATA"), name);
  char *text = read_path(path, len);
  if (text == NULL)
    fail_msg("cannot read %s", path);
  return text;
}

static bool ends_in(const char *name, const char *ext) {
  const char *dot = strrchr(name, '.');
  return dot != NULL && strcmp(dot + 1, ext) == 0;
}

/* The text lies in a block of exactly its size, so that a sanitizer sees a read past its end. */
static void run_case(const char *folder, const char *name, void (*fn)(const struct test_case *c)) {
  struct test_case c;
  size_t len;
  snprintf(c.path, sizeof c.path, "%s/%s/%s", getenv("CWS_TEST_DATA"), folder, name);
  char *text = read_path(c.path, &len);
  assert_non_null(text);
  c.text = malloc(len > 0 ? len : 1);
  assert_non_null(c.text);
  memcpy(c.text, text, len);
  c.len = len;
  *strrchr(c.path, '.') = '\0';
  fn(&c);
  free(c.text);
  free(text);
}

void each_case(const char *folder, const char *ext, int at_least,
               void (*fn)(const struct test_case *c)) {
  char path[600];
  struct dirent *entry;
  int n = 0;
  snprintf(path, sizeof path, "%s/%s", getenv("CWS_TEST_DATA"), folder);
  DIR *dir = opendir(path);
  assert_non_null(dir);
  while ((entry = readdir(dir)) != NULL) {
    if (entry->d_name[0] == '.' || !ends_in(entry->d_name, ext))
      continue;
    run_case(folder, entry->d_name, fn);
    n++;
  }
  closedir(dir);
  assert_true(n >= at_least);
}

char *case_answer(const struct test_case *c, const char *ext, size_t *len) {
  char path[sizeof c->path + 20];
  snprintf(path, sizeof path, "%s.%s", c->path, ext);
  return read_path(path, len);
}

void check_text(const struct test_case *c, const char *got, const char *wanted) {
  if (got == NULL || wanted == NULL || strcmp(got, wanted) != 0)
    fail_msg("%s:\n  got    %s\n  wanted %s", c->path, got != NULL ? got : "nothing",
             wanted != NULL ? wanted : "nothing");
}

void check_error(const struct test_case *c, int rc, const struct cws_error *err) {
  char got[sizeof err->message + 64];
  char *wanted = case_answer(c, "error", NULL);
  if (rc == 0)
    fail_msg("%s: was taken, wanted %s", c->path, wanted != NULL ? wanted : "nothing");
  assert_int_equal(rc, err->code);
  snprintf(got, sizeof got, "%s: %s", cws_error_name(rc), err->message);
  check_text(c, got, wanted);
  free(wanted);
}

void add_printable(struct buf *b, const char *bytes, size_t len) {
  for (size_t i = 0; i < len; i++) {
    if (bytes[i] >= ' ' && bytes[i] <= '~' && bytes[i] != '\\')
      buf_add_char(b, bytes[i]);
    else
      buf_addf(b, "\\x%02x", (unsigned char)bytes[i]);
  }
}
