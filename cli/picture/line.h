/*
 * line: one line for a terminal, built piece by piece and cut to a width, with a mark where it was
 * cut. Its bytes are text that is safe to write and, between the pieces, inks: single bytes below
 * 0x08, which no text contains, for whoever writes it out to turn into colours or to drop.
 */
#ifndef CLI_PICTURE_LINE_H
#define CLI_PICTURE_LINE_H

#include <councilws/error.h>
#include <stdbool.h>
#include <stddef.h>

enum ink {
  INK_PLAIN = 1,
  INK_BOLD,
  INK_DIM,
  INK_RED,
  INK_GREEN,
  INK_YELLOW,
  INK_BLUE,
};
#define INK_LAST INK_BLUE

struct line {
  char *bytes; /* NUL-terminated, once anything was added */
  size_t len, cap;
  int cells, max;   /* cells so far, and at most; max 0: any number */
  bool is_ascii;    /* what is not ASCII is shown as '?' */
  bool is_folded;   /* blanks become one space each run, joiners are left out */
  bool is_cut;      /* the mark is there: nothing is added any more */
  bool failed;      /* memory was out */
  bool ended_blank; /* the last glyph of the piece was a folded blank */
  int combining;    /* marks on the last character */
  size_t cut_at;    /* where the mark goes if more comes than fits */
  int cut_cells;
};

void line_init(struct line *l, int max_cells);
void line_finish(struct line *l);
void line_ink(struct line *l, enum ink ink);
/* Data: escaped. At most max_chars characters (0: all), then the mark. */
void line_chars(struct line *l, const char *s, size_t len, size_t max_chars);
/* Data: escaped. At most `cells` cells, the mark among them. */
void line_fit(struct line *l, const char *s, int cells);
/* Text of one's own, and lines that were built before: inks in it count. */
void line_add(struct line *l, const char *s);
void line_addf(struct line *l, const char *fmt, ...) CWS_PRINTF(2, 3);
void line_pad(struct line *l, int cells); /* with blanks, until the line has so many cells */
int line_cells(const char *s);            /* of text as line_add takes it */

#endif
