/* out: see out.h. stdio's buffer is the only one; out_flush is called after each event. */
#include "cli/out.h"

#include "cli/exit_code.h"
#include "cli/picture/line.h"
#include "cli/picture/table.h"
#include "cli/talk.h"
#include "cli/tty.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int first_errno;
static bool is_reported; /* once is enough */
static bool has_color;

static void note_failure(void) {
  if (first_errno == 0)
    first_errno = errno != 0 ? errno : EIO;
}

void out_write(const char *bytes, size_t len) {
  if (fwrite(bytes, 1, len, stdout) != len)
    note_failure();
}

void out_printf(const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  if (vprintf(fmt, args) < 0)
    note_failure();
  va_end(args);
}

/* C0, DEL, and C1 in UTF-8 (0xC2 0x80–0x9F): what a terminal would act on. */
static size_t control_length(const char *s) {
  unsigned char c = (unsigned char)s[0];
  if (c < 0x20 || c == 0x7f)
    return 1;
  unsigned char d = c == 0xc2 ? (unsigned char)s[1] : 0;
  return d >= 0x80 && d <= 0x9f ? 2 : 0;
}

static void write_control(const char *s, size_t len) {
  unsigned char c = (unsigned char)s[len - 1];
  if (c == '\n')
    out_write("\\n", 2);
  else if (c == '\t')
    out_write("\\t", 2);
  else
    out_printf("\\x%02x", c);
}

void out_escaped(const char *s, size_t max_chars) {
  size_t chars = 0;
  const char *plain = s;
  while (*s != '\0') {
    if (max_chars != 0 && ((unsigned char)*s & 0xc0) != 0x80 && chars++ == max_chars) {
      out_write(plain, (size_t)(s - plain));
      out_write("…", strlen("…"));
      return;
    }
    size_t control = control_length(s);
    if (control == 0) {
      s++;
      continue;
    }
    out_write(plain, (size_t)(s - plain));
    write_control(s, control);
    s += control;
    plain = s;
  }
  out_write(plain, (size_t)(s - plain));
}

int out_flush(void) {
  if (first_errno == 0 && fflush(stdout) != 0)
    note_failure();
  if (first_errno == 0)
    return 0;
  if (first_errno == EPIPE)
    return EXIT_SIGNAL(SIGPIPE);
  if (!is_reported)
    talk_error("cannot write to standard output: %s", strerror(first_errno));
  is_reported = true;
  return EXIT_IO;
}

void out_set_color(enum out_color when) {
  const char *term = getenv("TERM");
  const char *no_color = getenv("NO_COLOR");
  bool wanted = isatty(STDOUT_FILENO) && (no_color == NULL || no_color[0] == '\0') &&
                term != NULL && strcmp(term, "dumb") != 0;
  has_color = when == OUT_COLOR_ALWAYS || (when == OUT_COLOR_AUTO && wanted);
}

void out_style(enum out_style style) {
  static const char *const CODES[] = {"\x1b[0m",  "\x1b[1m",  "\x1b[2m", "\x1b[31m",
                                      "\x1b[32m", "\x1b[33m", "\x1b[34m"};
  if (has_color)
    out_write(CODES[style], strlen(CODES[style]));
}

void out_inked(const char *line) {
  _Static_assert(INK_PLAIN == OUT_PLAIN + 1 && INK_BLUE == OUT_BLUE + 1, "the same colours");
  while (*line != '\0') {
    size_t n = strcspn(line, "\x01\x02\x03\x04\x05\x06\x07");
    out_write(line, n);
    line += n;
    if (*line == '\0')
      break;
    if (*line != INK_PLAIN)
      out_style(OUT_PLAIN); /* an ink takes the place of the one before */
    out_style((enum out_style)(*line++ - INK_PLAIN));
  }
}

void out_fail(void) {
  errno = ENOMEM;
  note_failure();
}

void out_table(const struct table *t) {
  int columns, lines;
  tty_size(&columns, &lines);
  if (t->failed)
    out_fail();
  for (size_t row = 0; row < table_rows(t) + 1 && !t->failed; row++) {
    struct line l;
    table_line(t, row, columns, &l);
    if (l.failed)
      out_fail();
    else
      out_inked(l.bytes);
    out_write("\n", 1);
    line_finish(&l);
  }
}
