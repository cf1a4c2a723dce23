/* line: see line.h. */
#include "cli/picture/line.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/picture/text.h"

#define COMBINING_MAX 4 /* marks on one character: more than any script needs */

void line_init(struct line *l, int max_cells) {
  *l = (struct line){.max = max_cells};
}

void line_finish(struct line *l) {
  free(l->bytes);
  *l = (struct line){0};
}

static void add_bytes(struct line *l, const char *s, size_t len) {
  if (l->failed)
    return;
  if (l->len + len + 1 > l->cap) {
    size_t cap = (l->len + len + 1) * 2;
    char *bytes = realloc(l->bytes, cap);
    if (bytes == NULL) {
      l->failed = true;
      return;
    }
    l->bytes = bytes;
    l->cap = cap;
  }
  memcpy(l->bytes + l->len, s, len);
  l->len += len;
  l->bytes[l->len] = '\0';
}

void line_ink(struct line *l, enum ink ink) {
  char c = (char)ink;
  add_bytes(l, &c, 1);
}

static void add_mark(struct line *l) {
  add_bytes(l, l->is_ascii ? "~" : "…", l->is_ascii ? 1 : strlen("…"));
  l->cells++;
}

/* Takes back what lies behind the place for the mark, but for its inks. */
static void cut(struct line *l) {
  size_t kept = l->cut_at;
  for (size_t i = l->cut_at; i < l->len; i++) {
    if (l->bytes[i] <= INK_LAST && l->bytes[i] > 0)
      l->bytes[kept++] = l->bytes[i];
  }
  l->len = kept;
  l->cells = l->cut_cells;
  add_mark(l);
  l->is_cut = true;
}

static void add_glyph(struct line *l, const struct glyph *g) {
  if (l->is_cut || l->failed)
    return;
  if (g->cells == 0 && ++l->combining > COMBINING_MAX)
    return;
  if (g->cells > 0)
    l->combining = 0;
  if (l->max > 0 && l->cells + g->cells > l->max) {
    cut(l);
    return;
  }
  add_bytes(l, g->bytes, g->len);
  l->cells += g->cells;
  if (l->max == 0 || l->cells <= l->max - 1) {
    l->cut_at = l->len;
    l->cut_cells = l->cells;
  }
}

/* As this line shows it. False: not at all. */
static bool adapt(struct line *l, struct glyph *g) {
  static const struct glyph SPACE = {.bytes = " ", .len = 1, .cells = 1, .is_blank = true};
  if (l->is_folded && g->is_joiner)
    return false;
  if (l->is_folded && g->is_blank) {
    bool again = l->ended_blank;
    l->ended_blank = true;
    *g = SPACE;
    return !again;
  }
  l->ended_blank = false;
  if (l->is_ascii && (unsigned char)g->bytes[0] >= 0x80) {
    if (g->cells == 0)
      return false;
    *g = (struct glyph){.bytes = "?", .len = 1, .cells = 1};
  }
  return true;
}

void line_chars(struct line *l, const char *s, size_t len, size_t max_chars) {
  size_t chars = 0;
  l->ended_blank = false;
  while (len > 0 && !l->is_cut && !l->failed) {
    struct glyph g;
    size_t n = text_next(s, len, &g);
    if (adapt(l, &g)) {
      if (max_chars != 0 && chars++ == max_chars) {
        struct glyph mark = {.bytes = "…", .len = strlen("…"), .cells = 1};
        if (l->is_ascii)
          mark = (struct glyph){.bytes = "~", .len = 1, .cells = 1};
        add_glyph(l, &mark);
        return;
      }
      add_glyph(l, &g);
    }
    s += n;
    len -= n;
  }
}

void line_fit(struct line *l, const char *s, int cells) {
  struct line part;
  line_init(&part, cells);
  part.is_ascii = l->is_ascii;
  part.is_folded = l->is_folded;
  line_chars(&part, s, strlen(s), 0);
  if (part.bytes != NULL && cells > 0)
    line_add(l, part.bytes);
  line_finish(&part);
}

void line_add(struct line *l, const char *s) {
  size_t len = strlen(s);
  while (len > 0) {
    struct glyph g;
    size_t n = 1;
    if (*s <= INK_LAST && *s > 0) {
      line_ink(l, (enum ink) * s);
    } else {
      n = text_next(s, len, &g);
      add_glyph(l, &g);
    }
    s += n;
    len -= n;
  }
}

void line_addf(struct line *l, const char *fmt, ...) {
  char text[256];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  line_add(l, text);
}

void line_pad(struct line *l, int cells) {
  while (l->cells < cells && !l->is_cut && !l->failed)
    line_add(l, " ");
}

int line_cells(const char *s) {
  int cells = 0;
  for (size_t len = strlen(s); len > 0;) {
    struct glyph g;
    size_t n = 1;
    if (*s > INK_LAST || *s < 0) {
      n = text_next(s, len, &g);
      cells += g.cells;
    }
    s += n;
    len -= n;
  }
  return cells;
}
