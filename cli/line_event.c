/* line_event: see line_event.h. */
#include "cli/line_event.h"

#include <stdlib.h>
#include <string.h>

/* ---- UTF-8 (RFC 3629) ---- */

/* The length of the valid character at `s`, or 0. */
static size_t character(const unsigned char *s, size_t len) {
  if (s[0] < 0x80)
    return 1;
  size_t n = s[0] >= 0xc2 && s[0] <= 0xdf ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : 4;
  if (s[0] < 0xc2 || s[0] > 0xf4 || n > len)
    return 0;
  for (size_t i = 1; i < n; i++) {
    if ((s[i] & 0xc0) != 0x80)
      return 0;
  }
  bool is_long = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
  bool is_surrogate = s[0] == 0xed && s[1] > 0x9f;
  bool is_beyond = s[0] == 0xf4 && s[1] > 0x8f;
  return is_long || is_surrogate || is_beyond ? 0 : n;
}

static void write_escaped(FILE *to, unsigned char c) {
  if (c == '"' || c == '\\')
    fprintf(to, "\\%c", c);
  else if (c == '\t')
    fputs("\\t", to);
  else
    fprintf(to, "\\u%04x", c);
}

void line_event_string(FILE *to, const char *bytes, size_t len) {
  const unsigned char *s = (const unsigned char *)bytes;
  fputc('"', to);
  while (len > 0) {
    size_t n = character(s, len);
    if (n == 0)
      fputs("\xef\xbf\xbd", to);
    else if (n == 1 && (s[0] < 0x20 || s[0] == 0x7f || s[0] == '"' || s[0] == '\\'))
      write_escaped(to, s[0]);
    else
      fwrite(s, 1, n, to);
    n = n > 0 ? n : 1;
    s += n;
    len -= n;
  }
  fputc('"', to);
}

/* ---- events ---- */

static struct cws_event_owned *own_event(const char *line, size_t len) {
  struct cws_event_owned *event = NULL;
  if (line[strspn(line, " \t\r")] != '{' || cws_event_parse(line, len, 0, &event, NULL) != 0)
    return NULL;
  return event;
}

static struct cws_event_owned *log_event(const char *stream, const char *line, size_t len,
                                         bool continues) {
  char *text = NULL;
  size_t text_len;
  FILE *to = open_memstream(&text, &text_len);
  if (to == NULL)
    return NULL;
  fprintf(to, "{\"type\":\"log\",\"data\":{\"stream\":\"%s\",\"message\":", stream);
  line_event_string(to, line, len);
  fputs(continues ? ",\"continues\":true}}" : "}}", to);
  struct cws_event_owned *event = NULL;
  if (fclose(to) == 0)
    cws_event_parse(text, text_len, 0, &event, NULL);
  free(text);
  return event;
}

struct cws_event_owned *line_event(const char *stream, const char *line, size_t len,
                                   bool continues) {
  struct cws_event_owned *event = !continues && len > 0 ? own_event(line, len) : NULL;
  return event != NULL ? event : log_event(stream, line, len, continues);
}
