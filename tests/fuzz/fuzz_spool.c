/*
 * A spool's file. A line "K BODY" stands for the record of that kind with its checksum, one that
 * begins with '=' for what follows it as it is. What is taken ends with a record, holds together,
 * and read alone says the same and is whole; behind it there is nothing, or no record.
 */
#include "cli/spool_content.h"
#include "tests/fuzz/fuzz.h"
#include <stdlib.h>
#include <string.h>

static void write_line(FILE *to, const char *line, size_t len, bool is_whole) {
  if (len >= 2 && line[0] != '=' && line[1] == ' ' && is_whole)
    spool_record_write(to, line[0], line + 2, len - 2);
  else if (len > 0)
    fwrite(line + 1, 1, len - 1, to);
  if (is_whole && (len < 2 || line[0] == '=' || line[1] != ' '))
    fputc('\n', to);
}

static char *make_file(const char *data, size_t size, size_t *len) {
  char *bytes = NULL;
  FILE *to = open_memstream(&bytes, len);
  CHECK(to != NULL);
  while (size > 0) {
    const char *newline = memchr(data, '\n', size);
    size_t n = newline != NULL ? (size_t)(newline - data) : size;
    write_line(to, data, n, newline != NULL);
    n += newline != NULL ? 1 : 0;
    data += n;
    size -= n;
  }
  CHECK(fclose(to) == 0);
  return bytes;
}

static enum spool_ending read_file(struct spool_content *c, char *bytes, size_t len, off_t *end) {
  enum spool_ending ending = SPOOL_WHOLE;
  *end = 0;
  spool_content_init(c, "r");
  if (len == 0)
    return ending;
  FILE *in = fmemopen(bytes, len, "r");
  CHECK(in != NULL && spool_content_read(c, in, &ending, end) == 0);
  fclose(in);
  return ending;
}

static void check_content(const struct spool_content *c, const char *bytes, size_t len, off_t end) {
  CHECK(end >= 0 && (size_t)end <= len && (end == 0 || bytes[end - 1] == '\n'));
  CHECK(c->base <= end && c->dropped <= c->answered && c->answered <= c->added);
  CHECK(c->hash_count >= c->added - c->dropped && c->hash_count <= c->added);
  CHECK(c->has_head || (end == 0 && c->added == 0));
}

static void check_prefix(const struct spool_content *c, char *bytes, off_t end) {
  struct spool_content again;
  off_t end_again;
  CHECK(read_file(&again, bytes, (size_t)end, &end_again) == SPOOL_WHOLE && end_again == end);
  CHECK(again.added == c->added && again.answered == c->answered && again.dropped == c->dropped);
  CHECK(again.base == c->base && again.hash_count == c->hash_count);
  CHECK(c->hash_count == 0 ||
        memcmp(again.hashes, c->hashes, c->hash_count * sizeof *c->hashes) == 0);
  spool_content_finish(&again);
}

/* Nothing that was written whole is taken for a record that was cut off. */
static void check_cut(char *bytes, size_t len, off_t end) {
  for (size_t at = (size_t)end; at < len;) {
    const char *newline = memchr(bytes + at, '\n', len - at);
    size_t n = newline != NULL ? (size_t)(newline - bytes) + 1 - at : len - at;
    struct spool_record r;
    CHECK(!spool_record_read(bytes + at, n, &r));
    at += n;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct spool_content c;
  size_t len;
  off_t end;
  char *bytes = make_file((const char *)data, size, &len);
  enum spool_ending ending = read_file(&c, bytes, len, &end);
  check_content(&c, bytes, len, end);
  check_prefix(&c, bytes, end);
  CHECK((ending == SPOOL_WHOLE) == ((size_t)end == len));
  if (ending == SPOOL_CUT)
    check_cut(bytes, len, end);
  spool_content_finish(&c);
  free(bytes);
  return 0;
}
