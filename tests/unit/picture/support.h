/* support: pictures from events written as JSON lines, and lines without their inks. */
#ifndef TESTS_UNIT_PICTURE_SUPPORT_H
#define TESTS_UNIT_PICTURE_SUPPORT_H

#include "cli/picture/layout.h"

#define NOW_MS 2000000000000 /* long after every timestamp: nothing is "of today" */

/* One event for a run; fails if it is none. `id` 0: the next one. */
void feed_run(struct run *r, int64_t id, const char *json);
/* The same for run `index` of a picture; it is among the latest lines. */
void feed(struct picture *p, size_t index, const char *json);
/* All lines of a file of NDJSON. */
void feed_file(struct picture *p, size_t index, const char *path);
/* The line without inks; to be freed. Fails if a byte in it could drive a terminal. */
char *plain(const char *line);
/* All lines of a frame, each ended by \n; to be freed. */
char *plain_frame(const struct frame *f);
/* A file's text, to be freed; NULL if there is none. */
char *file_text(const char *path);

#endif
