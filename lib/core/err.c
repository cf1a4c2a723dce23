/* err: the table of errors and how modules fill a struct cws_error. */
#include "lib/core/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/utf8.h"

struct error_row {
  int code;
  const char *name;
  int status;
  bool is_temporary;
  const char *text;
};

static const struct error_row ROWS[] = {
#define ERROR_ROW(symbol, value, name, status, temporary, text)                                    \
  {symbol, name, status, temporary, text},
    CWS_ERROR_TABLE(ERROR_ROW)
#undef ERROR_ROW
};

static const struct error_row *row_of(int code) {
  for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
    if (ROWS[i].code == code)
      return &ROWS[i];
  }
  return NULL;
}

const char *cws_error_name(int code) {
  const struct error_row *row = row_of(code);
  return row != NULL ? row->name : "unknown";
}

const char *cws_error_text(int code) {
  const struct error_row *row = row_of(code);
  return row != NULL ? row->text : "unknown error";
}

int cws_error_http_status(int code) {
  const struct error_row *row = row_of(code);
  return row != NULL && row->status != 0 ? row->status : 500;
}

bool cws_error_is_temporary(int code) {
  const struct error_row *row = row_of(code);
  return row != NULL && row->is_temporary;
}

int cws_error_from_name(const char *name) {
  for (size_t i = 0; name != NULL && i < sizeof ROWS / sizeof ROWS[0]; i++) {
    if (strcmp(ROWS[i].name, name) == 0)
      return ROWS[i].code;
  }
  return CWS_EINTERNAL;
}

/* A message is one line of UTF-8, whatever was formatted into it and wherever it was cut. */
static void clean(char *s) {
  char *to = s;
  for (size_t left = strlen(s); left > 0;) {
    size_t n = utf8_char((const uint8_t *)s, left);
    bool is_control = n == 1 && ((unsigned char)*s < 0x20 || *s == 0x7f);
    if (is_control)
      *to++ = ' ';
    else
      memmove(to, s, n);
    to += is_control ? 0 : n;
    n += n == 0; /* a byte that is no UTF-8 is left out */
    s += n;
    left -= n;
  }
  *to = '\0';
}

static bool takes_error(const struct cws_error *err) {
  return err != NULL && err->code == CWS_OK;
}

int err_set(struct cws_error *err, int code, const char *fmt, ...) {
  if (!takes_error(err))
    return code;
  err->code = code;
  if (fmt == NULL) {
    snprintf(err->message, sizeof err->message, "%s", cws_error_text(code));
    return code;
  }
  va_list args;
  va_start(args, fmt);
  vsnprintf(err->message, sizeof err->message, fmt, args);
  va_end(args);
  clean(err->message);
  return code;
}

int err_set_sys(struct cws_error *err, int code, int sys, const char *fmt, ...) {
  if (!takes_error(err))
    return code;
  err->code = code;
  va_list args;
  va_start(args, fmt);
  int n = vsnprintf(err->message, sizeof err->message, fmt, args);
  va_end(args);
  char text[128] = "";
  if (strerror_r(sys, text, sizeof text) != 0)
    snprintf(text, sizeof text, "error %d", sys);
  if (n >= 0 && (size_t)n < sizeof err->message)
    snprintf(err->message + n, sizeof err->message - (size_t)n, ": %s", text);
  clean(err->message);
  return code;
}
