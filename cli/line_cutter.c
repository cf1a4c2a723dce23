/* line_cutter: see line_cutter.h. */
#include "cli/line_cutter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TAKE_MAX 65536 /* bytes that are looked at at a time */

int line_cutter_init(struct line_cutter *c, size_t max, line_cutter_fn *on_line, void *user) {
  *c = (struct line_cutter){.max = max, .on_line = on_line, .user = user};
  c->bytes = malloc(max + TAKE_MAX + 1);
  return c->bytes != NULL ? 0 : ENOMEM;
}

void line_cutter_finish(struct line_cutter *c) {
  free(c->bytes);
  c->bytes = NULL;
}

size_t line_cutter_fit(const char *bytes, size_t len, size_t max) {
  if (len <= max)
    return len;
  size_t cut = max;
  while (cut > max - 3 && ((unsigned char)bytes[cut] & 0xc0) == 0x80)
    cut--;
  return cut;
}

static void give(const struct line_cutter *c, char *line, size_t len, bool continues) {
  char kept = line[len];
  line[len] = '\0';
  c->on_line(line, len, continues, c->user);
  line[len] = kept;
}

/* Gives out pieces until what is left is no longer than one. */
static char *give_pieces(const struct line_cutter *c, char *line, const char *end) {
  while ((size_t)(end - line) > c->max) {
    size_t n = line_cutter_fit(line, (size_t)(end - line), c->max);
    give(c, line, n, true);
    line += n;
  }
  return line;
}

static void give_line(const struct line_cutter *c, char *line, const char *end) {
  line = give_pieces(c, line, end);
  size_t len = (size_t)(end - line);
  if (len > 0 && line[len - 1] == '\r')
    len--;
  give(c, line, len, false);
}

static void give_lines(struct line_cutter *c) {
  char *start = c->bytes, *end = c->bytes + c->len, *newline;
  while ((newline = memchr(start, '\n', (size_t)(end - start))) != NULL) {
    give_line(c, start, newline);
    start = newline + 1;
  }
  start = give_pieces(c, start, end);
  c->len = (size_t)(end - start);
  memmove(c->bytes, start, c->len);
}

void line_cutter_take(struct line_cutter *c, const char *bytes, size_t len) {
  while (len > 0) {
    size_t n = len < TAKE_MAX ? len : TAKE_MAX; /* fits: `max` at most are left of before */
    memcpy(c->bytes + c->len, bytes, n);
    c->len += n;
    give_lines(c);
    bytes += n;
    len -= n;
  }
}

void line_cutter_end(struct line_cutter *c) {
  if (c->len > 0)
    give_line(c, c->bytes, c->bytes + c->len);
  c->len = 0;
}
