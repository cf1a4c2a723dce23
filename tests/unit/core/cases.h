/*
 * cases: the files of tests/data, one case each. A case NAME.json may have its answer beside it, as
 * NAME.error. The line break at the end of a file is not part of it. Also what the tests of this
 * folder ask of every error.
 */
#ifndef TESTS_UNIT_CORE_CASES_H
#define TESTS_UNIT_CORE_CASES_H

#include "lib/core/buf.h"
#include <councilws/error.h>
#include <stddef.h>

struct test_case {
  char path[600]; /* without the extension */
  char *text;     /* len bytes and no NUL */
  size_t len;
};

/* Calls fn for each file FOLDER/….EXT; fails if there are fewer than `at_least`. */
void each_case(const char *folder, const char *ext, int at_least,
               void (*fn)(const struct test_case *c));
/* The case's answer, to be freed; NULL if there is no such file. *len may be NULL. */
char *case_answer(const struct test_case *c, const char *ext, size_t *len);
/* One file of tests/data, to be freed; fails if it is not there. */
char *data_file(const char *name, size_t *len);

/* Fails, and says in which case, unless got is wanted. */
void check_text(const struct test_case *c, const char *got, const char *wanted);
/* The same for an error: NAME.error holds "bad_json: line 1 …". */
void check_error(const struct test_case *c, int rc, const struct cws_error *err);
/* Appends bytes so that they can be read: what is not printable ASCII as \x1f. */
void add_printable(struct buf *b, const char *bytes, size_t len);

#endif
