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

/* Each of the other policies is missing a line that a page could do harm without. */
static void the_dashboard_is_a_page_that_may_load_its_own_files_only(void **state) {
  struct desk *d = *state;
  ask(d, NULL, "/", NULL);
  assert_int_equal(d->reply.status, 200);
  expect_header(d, "content-type", "text/html; charset=utf-8");
  expect_header(d, "content-security-policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
                "require-trusted-types-for 'script'; trusted-types 'none'");
  expect_header(d, "cross-origin-opener-policy", "same-origin");
  expect_file(d, "server/web/dashboard/index.html");
}

static void each_file_of_the_dashboard_has_its_type(void **state) {
  struct desk *d = *state;
  static const struct {
    const char *path, *type;
  } FILES[] = {{"/dashboard/app.js", "text/javascript; charset=utf-8"},
               {"/dashboard/dark.css", "text/css; charset=utf-8"},
               {"/dashboard/icon.svg", "image/svg+xml"}};
  for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
    char source[256];
    ask(d, NULL, FILES[i].path, NULL);
    assert_int_equal(d->reply.status, 200);
    expect_header(d, "content-type", FILES[i].type);
    expect_header(d, "x-content-type-options", "nosniff");
    expect_header(d, "content-security-policy", "default-src 'none'; frame-ancestors 'none'");
    snprintf(source, sizeof source, "server/web%s", FILES[i].path);
    expect_file(d, source);
  }
}

/* Another hub, or this one after an update, has other files under the same paths. */
static void a_browser_keeps_a_file_and_asks_whether_it_is_still_the_same(void **state) {
  struct desk *d = *state;
  char etag[64], headers[128];
  ask(d, NULL, "/dashboard/app.js", NULL);
  expect_header(d, "cache-control", "no-cache");
  snprintf(etag, sizeof etag, "%s", raw_header(&d->reply, "etag"));
  static const char *const BEFORE[] = {"", "W/", "\"other\", "};
  for (size_t i = 0; i < sizeof BEFORE / sizeof BEFORE[0]; i++) {
    snprintf(headers, sizeof headers, "If-None-Match: %s%s\r\n", BEFORE[i], etag);
    ask_with(d, NULL, "/dashboard/app.js", NULL, headers);
    assert_int_equal(d->reply.status, 304);
    assert_int_equal(d->reply.len, 0);
    expect_header(d, "etag", etag);
    expect_header(d, "cache-control", "no-cache");
  }
  ask_with(d, NULL, "/dashboard/list.js", NULL, headers);
  assert_int_equal(d->reply.status, 200);
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
  static const char *const PATHS[] = {
      "/councilws.mjs", "/client/councilws.js", "/councilws%2ejs",       "/dashboard",
      "/dashboard/",    "/index.html",          "/dashboard/index.html", "//"};
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
      cmocka_unit_test(the_dashboard_is_a_page_that_may_load_its_own_files_only),
      cmocka_unit_test(each_file_of_the_dashboard_has_its_type),
      cmocka_unit_test(a_browser_keeps_a_file_and_asks_whether_it_is_still_the_same),
      cmocka_unit_test(head_has_its_length),
      cmocka_unit_test(its_path_is_written_in_one_way),
  };
  return cmocka_run_group_tests(tests, desk_open, desk_close);
}
