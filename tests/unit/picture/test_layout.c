/*
 * layout: golden pictures of runs at several sizes, and what holds of every picture at every size.
 * A case is a folder of tests/data/picture: events.ndjson, or several, one a run; and for each size
 * a file WxH, and WxH-last (the last picture), WxH-keys, WxH-open (the first run in detail) or
 * WxH-fromN (its tree scrolled to that row).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <stdio.h>

#include "support.h"

static int by_name(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

/* The picture of a folder's events; its runs are named after the files. */
static void picture_from(struct picture *p, const char *folder) {
  struct dirent **entries;
  const char *ids[8];
  char names[8][64], path[1024];
  size_t count = 0;
  int n = scandir(folder, &entries, NULL, by_name);
  assert_true(n > 0);
  for (int i = 0; i < n; i++) {
    char *dot = strstr(entries[i]->d_name, ".ndjson");
    if (dot != NULL && count < 8) {
      snprintf(names[count], sizeof names[0], "%.*s", (int)(dot - entries[i]->d_name),
               entries[i]->d_name);
      ids[count] = names[count];
      count++;
    }
    free(entries[i]);
  }
  free(entries);
  assert_int_equal(picture_init(p, ids, count, strstr(folder, "ascii") != NULL), 0);
  for (size_t i = 0; i < count; i++) {
    snprintf(path, sizeof path, "%s/%s.ndjson", folder, names[i]);
    feed_file(p, i, path);
    run_link(p->runs[i], i == 1 ? RUN_LOST : RUN_LIVE, NOW_MS + 2500);
  }
}

static void check_size(struct picture *p, const char *folder, const char *name) {
  char path[1024];
  struct layout_view view = {.now_ms = NOW_MS,
                             .is_last = strstr(name, "-last") != NULL,
                             .has_keys = strstr(name, "-keys") || strstr(name, "-open")};
  if (sscanf(name, "%dx%d", &view.width, &view.height) != 2)
    return;
  const char *from = strstr(name, "-from");
  p->is_expanded = strstr(name, "-open") != NULL;
  p->is_scrolled = from != NULL;
  p->scroll = from != NULL ? strtoul(from + 5, NULL, 10) : 0;
  struct frame f;
  layout_picture(p, &view, &f);
  char *got = plain_frame(&f);
  frame_finish(&f);
  snprintf(path, sizeof path, "%s/%s", folder, name);
  char *wanted = file_text(path);
  if (getenv("CWS_TEST_WRITE") != NULL) { /* to be looked at before it is believed */
    FILE *out = fopen(path, "w");
    fputs(got, out);
    fclose(out);
  } else if (wanted == NULL || strcmp(got, wanted) != 0) {
    fail_msg("%s:\n%swanted:\n%s", path, got, wanted != NULL ? wanted : "");
  }
  free(wanted);
  free(got);
}

static int each_folder(void (*fn)(const char *folder)) {
  char path[600];
  snprintf(path, sizeof path, "%s/picture", getenv("CWS_TEST_DATA"));
  struct dirent **entries;
  int n = scandir(path, &entries, NULL, by_name), folders = 0;
  assert_true(n > 0);
  for (int i = 0; i < n; i++) {
    char folder[1000];
    snprintf(folder, sizeof folder, "%s/%s", path, entries[i]->d_name);
    if (entries[i]->d_name[0] != '.') {
      fn(folder);
      folders++;
    }
    free(entries[i]);
  }
  free(entries);
  return folders;
}

static void check_folder(const char *folder) {
  struct picture p;
  struct dirent **entries;
  picture_from(&p, folder);
  int n = scandir(folder, &entries, NULL, by_name);
  for (int i = 0; i < n; i++) {
    check_size(&p, folder, entries[i]->d_name);
    free(entries[i]);
  }
  free(entries);
  picture_finish(&p);
}

static void pictures_look_as_they_were_approved(void **state) {
  (void)state;
  assert_true(each_folder(check_folder) >= 5);
}

static void check_bounds(const struct picture *p, const struct layout_view *view) {
  struct frame f;
  layout_picture(p, view, &f);
  assert_false(f.failed);
  if (!view->is_last)
    assert_true(f.count <= (size_t)view->height);
  for (size_t i = 0; i < f.count; i++) {
    char *line = plain(f.lines[i]); /* fails on a control byte */
    if (line_cells(line) > view->width)
      fail_msg("%d cells in %d: %s", line_cells(line), view->width, line);
    free(line);
  }
  frame_finish(&f);
}

static void check_all_sizes(const char *folder) {
  struct picture p;
  picture_from(&p, folder);
  static const int WIDTHS[] = {1,  2,  3,  5,  9,  17, 39, 40, 41, 46,  50,  56,
                               60, 64, 69, 72, 76, 78, 79, 80, 81, 100, 120, 230};
  static const int HEIGHTS[] = {1, 2, 3, 4, 5, 8, 9, 10, 17, 24, 64};
  for (size_t i = 0; i < sizeof WIDTHS / sizeof WIDTHS[0]; i++) {
    for (size_t j = 0; j < sizeof HEIGHTS / sizeof HEIGHTS[0]; j++) {
      struct layout_view view = {
          .width = WIDTHS[i], .height = HEIGHTS[j], .now_ms = NOW_MS, .has_keys = i % 2 == 0};
      p.is_expanded = j % 2 == 0;
      check_bounds(&p, &view);
      view.is_last = true;
      check_bounds(&p, &view);
    }
  }
  picture_finish(&p);
}

static void no_picture_leaves_its_size_or_holds_a_control_byte(void **state) {
  (void)state;
  each_folder(check_all_sizes);
}

static void the_chosen_run_is_always_on_the_list(void **state) {
  (void)state;
  const char *ids[40];
  char names[40][16];
  struct picture p;
  for (int i = 0; i < 40; i++) {
    snprintf(names[i], sizeof names[i], "run-%d", i);
    ids[i] = names[i];
  }
  assert_int_equal(picture_init(&p, ids, 40, false), 0);
  struct layout_view view = {.width = 60, .height = 12, .now_ms = NOW_MS, .has_keys = true};
  for (int i = 0; i < 40; i++) {
    struct frame f;
    char wanted[24];
    layout_picture(&p, &view, &f);
    char *text = plain_frame(&f);
    snprintf(wanted, sizeof wanted, "▸ run-%d ", i);
    if (strstr(text, wanted) == NULL)
      fail_msg("no '%s' in\n%s", wanted, text);
    free(text);
    frame_finish(&f);
    picture_key(&p, PICTURE_DOWN);
  }
  picture_finish(&p);
}

static void a_note_takes_the_place_of_the_note_before_it(void **state) {
  (void)state;
  static const char *const IDS[] = {"r"};
  struct picture p;
  assert_int_equal(picture_init(&p, IDS, 1, false), 0);
  feed(&p, 0, "{\"type\":\"log\"}");
  for (int i = 0; i < 200; i++)
    picture_note(&p, 0, "r: lost; next attempt in 20.0 s");
  assert_int_equal(p.recent_count, 2);
  feed(&p, 0, "{\"type\":\"log\"}");
  picture_note(&p, 0, "r: lost");
  assert_int_equal(p.recent_count, 4);
  picture_finish(&p);
}

static void notes_are_among_the_latest_lines_of_their_run(void **state) {
  (void)state;
  static const char *const IDS[] = {"r"};
  struct picture p;
  assert_int_equal(picture_init(&p, IDS, 1, false), 0);
  picture_note(&p, 0, "r: lost\x1b; next attempt in 1.0 s");
  struct layout_view view = {.width = 60, .height = 10, .now_ms = NOW_MS};
  struct frame f;
  layout_picture(&p, &view, &f);
  char *text = plain_frame(&f);
  assert_non_null(strstr(text, "r: lost\\x1b; next attempt in 1.0 s\n"));
  free(text);
  frame_finish(&f);
  picture_finish(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pictures_look_as_they_were_approved),
      cmocka_unit_test(no_picture_leaves_its_size_or_holds_a_control_byte),
      cmocka_unit_test(the_chosen_run_is_always_on_the_list),
      cmocka_unit_test(a_note_takes_the_place_of_the_note_before_it),
      cmocka_unit_test(notes_are_among_the_latest_lines_of_their_run),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
