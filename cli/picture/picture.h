/*
 * picture: the state behind the live picture: the runs that are watched, their latest events and
 * notes as lines, and what the person at the keys has chosen to see. Pure.
 */
#ifndef CLI_PICTURE_PICTURE_H
#define CLI_PICTURE_PICTURE_H

#include "cli/picture/run.h"

#define PICTURE_RECENT 128 /* lines that are kept: no terminal shows more */

struct picture_recent {
  char *text; /* with inks, as line_add takes it */
  size_t run;
  bool is_note;
};

struct picture {
  struct run **runs;
  size_t count;
  struct picture_recent recent[PICTURE_RECENT]; /* a ring */
  uint64_t recent_count;                        /* lines ever */
  size_t selected;
  bool is_expanded; /* with several runs: the selected one in detail */
  bool is_scrolled; /* the tree of the run in detail: from row `scroll` on, instead of a choice */
  size_t scroll;
  size_t scroll_max, scroll_page; /* as the last frame was laid out */
  bool is_ascii;                  /* the terminal takes nothing else */
};

enum picture_key {
  PICTURE_UP, /* another run, or a line of the tree where there is only one */
  PICTURE_DOWN,
  PICTURE_PAGE_UP, /* of the tree */
  PICTURE_PAGE_DOWN,
  PICTURE_FIRST,
  PICTURE_LAST,
  PICTURE_TOGGLE,
  PICTURE_CLOSE, /* the scrolling, then the run */
};

int picture_init(struct picture *p, const char *const *request_ids, size_t count, bool is_ascii);
void picture_finish(struct picture *p);
/* is_shown: among the latest lines, too. */
void picture_event(struct picture *p, size_t run, const struct cws_event *event, bool is_shown,
                   int64_t now_ms);
/* Takes the place of the line before it if that is a note of the same run, too: a hub that is away
 * for long is not to drive the events from the picture. */
void picture_note(struct picture *p, size_t run, const char *text);
void picture_key(struct picture *p, enum picture_key key);
/* What the layout found out about the tree: how far it can be scrolled. */
void picture_drawn(struct picture *p, size_t scroll_max, size_t scroll_page);
void picture_select(struct picture *p, size_t run); /* and expands it; again: not */

#endif
