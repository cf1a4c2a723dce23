/*
 * How modules inside the library fill a struct cws_error. The table itself is
 * public, in councilws/error.h.
 */
#ifndef CWS_CORE_ERR_H
#define CWS_CORE_ERR_H

#include <councilws/error.h>

/* Fills *err (NULL is fine) unless it already holds an error; returns `code`, so that a
 * failing path reads `return err_set(err, CWS_E…, "…", …)`. A NULL fmt uses the table's text. */
int err_set(struct cws_error *err, int code, const char *fmt, ...) CWS_PRINTF(3, 4);

/* err_set with ": " and the text of the errno value `sys` at the end. */
int err_set_sys(struct cws_error *err, int code, int sys, const char *fmt, ...) CWS_PRINTF(4, 5);

#endif
