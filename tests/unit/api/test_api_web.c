/* route_web: the files for browsers, as they are in the sources. */
#include "tests/unit/api/desk.h"

#include <stdio.h>

static void expect_file(struct desk *d, const char *source) {
  char path[512], *bytes = calloc(1, 1 << 20);
  snprintf(path, sizeof path, "%s/%s", CWS_SOURCE_DIR, source);
  FILE *f = fopen(path, "rb");
  assert_non_null(f);
  size_t len = fread(bytes, 1, 1 << 20, f);
  fclose(f);
  assert_true(len > 0);
  assert_int_equal(d->reply.len, len);
  assert_memory_equal(d->reply.body, bytes, len);
  free(bytes);
}

static void the_client_is_served_to_pages_of_any_origin(void **state) {
  struct desk *d = *state;
  ask_with(d, NULL, "/councilws.js", NULL, "Origin: https://anywhere.example\r\n");
  assert_int_equal(d->reply.status, 200);
  expect_header(d, "content-type", "text/javascript; charset=utf-8");
  expect_header(d, "x-content-type-options", "nosniff");
  expect_header(d, "access-control-allow-origin", "*");
  expect_file(d, "server/web/client/councilws.js");
}

static void head_has_its_length(void **state) {
  struct desk *d = *state;
  ask(d, NULL, "/councilws.js", NULL);
  char len[32];
  snprintf(len, sizeof len, "%zu", d->reply.len);
  ask(d, "HEAD", "/councilws.js", NULL);
  assert_int_equal(d->reply.status, 200);
  expect_header(d, "content-length", len);
}

static void its_path_is_written_in_one_way(void **state) {
  struct desk *d = *state;
  static const char *const PATHS[] = {"/councilws.mjs", "/client/councilws.js", "/councilws%2ejs"};
  for (size_t i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++) {
    ask(d, NULL, PATHS[i], NULL);
    expect_error(d, 404, "unknown_route", "");
  }
  ask(d, "DELETE", "/councilws.js", NULL);
  assert_int_equal(d->reply.status, 405);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_client_is_served_to_pages_of_any_origin),
      cmocka_unit_test(head_has_its_length),
      cmocka_unit_test(its_path_is_written_in_one_way),
  };
  return cmocka_run_group_tests(tests, desk_open, desk_close);
}
