/* spool_content: see spool_content.h. */
#include "cli/spool_content.h"

#include <councilws/event.h>
#include <councilws/units.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_MAX (INT64_C(1) << 53) /* as of message_ids */
#define HEX "0123456789abcdef"

void spool_content_init(struct spool_content *c, const char *request_id) {
  *c = (struct spool_content){.request_id = request_id};
}

void spool_content_finish(struct spool_content *c) {
  free(c->hashes);
  c->hashes = NULL;
}

static int keep_hash(struct spool_content *c, uint64_t hash) {
  if (c->hash_count == c->hash_cap) {
    size_t cap = c->hash_cap > 0 ? 2 * c->hash_cap : 64;
    uint64_t *more = realloc(c->hashes, cap * sizeof *more);
    if (more == NULL)
      return ENOMEM;
    c->hashes = more;
    c->hash_cap = cap;
  }
  c->hashes[c->hash_count++] = hash;
  return 0;
}

/* SPOOL_HASH_DIGITS of HEX at `text`. */
static uint64_t read_hash(const char *text) {
  char digits[SPOOL_HASH_DIGITS + 1];
  memcpy(digits, text, SPOOL_HASH_DIGITS);
  digits[SPOOL_HASH_DIGITS] = '\0';
  return strtoull(digits, NULL, 16);
}

static bool read_count(const struct spool_record *r, uint64_t *out) {
  int64_t n = 0;
  bool is_count =
      strlen(r->body) == r->body_len && cws_int_parse(r->body, 0, COUNT_MAX, &n, NULL) == 0;
  *out = (uint64_t)n;
  return is_count;
}

/* The head names the request as well: a file that was copied to another's name is not taken. */
static bool take_head(struct spool_content *c, const struct spool_record *r) {
  char request_id[CWS_REQUEST_ID_MAX + 1];
  int version = 0;
  c->has_head = sscanf(r->body, "%d %128s %16s", &version, request_id, c->job) == 3 &&
                version == 1 && strcmp(request_id, c->request_id) == 0;
  return c->has_head;
}

static bool take_event(struct spool_content *c, const struct spool_record *r, int *failed) {
  if (r->body_len < SPOOL_HASH_DIGITS + 2 || r->body[SPOOL_HASH_DIGITS] != ' ' ||
      strspn(r->body, HEX) != SPOOL_HASH_DIGITS || c->added >= COUNT_MAX)
    return false;
  c->added++;
  *failed = keep_hash(c, read_hash(r->body));
  return true;
}

static void drop(struct spool_content *c, uint64_t count) {
  c->dropped += count;
  c->added = c->answered = c->dropped;
}

static bool take_dropped(struct spool_content *c, const struct spool_record *r) {
  uint64_t count;
  if (c->added > c->dropped || !read_count(r, &count) || c->dropped + count > COUNT_MAX)
    return false;
  drop(c, count);
  return true;
}

static bool take_hashes(struct spool_content *c, const struct spool_record *r, int *failed) {
  size_t count = r->body_len / SPOOL_HASH_DIGITS;
  if (c->added > c->dropped || count == 0 || r->body_len % SPOOL_HASH_DIGITS != 0 ||
      strspn(r->body, HEX) != r->body_len || c->dropped + count > COUNT_MAX)
    return false;
  for (size_t i = 0; i < count && *failed == 0; i++)
    *failed = keep_hash(c, read_hash(r->body + i * SPOOL_HASH_DIGITS));
  drop(c, count);
  return true;
}

static bool take_answered(struct spool_content *c, const struct spool_record *r) {
  uint64_t count;
  if (!read_count(r, &count) || count > c->added)
    return false;
  c->answered = count > c->answered ? count : c->answered;
  return true;
}

/* False: it does not belong there. */
static bool take(struct spool_content *c, const struct spool_record *r, int *failed) {
  if (!c->has_head)
    return r->kind == 'S' && take_head(c, r);
  switch (r->kind) {
  case 'D':
    return take_dropped(c, r);
  case 'H':
    return take_hashes(c, r, failed);
  case 'E':
    return take_event(c, r, failed);
  case 'A':
    return take_answered(c, r);
  default:
    return false;
  }
}

/* Whether a whole record follows: then it is no record that was cut off which cannot be read. */
static bool is_record_ahead(FILE *in, char **line, size_t *cap) {
  struct spool_record r;
  ssize_t len;
  while ((len = getline(line, cap, in)) > 0) {
    if (spool_record_read(*line, (size_t)len, &r))
      return true;
  }
  return false;
}

int spool_content_read(struct spool_content *c, FILE *in, enum spool_ending *ending, off_t *end) {
  char *line = NULL;
  size_t cap = 0;
  ssize_t len;
  int failed = 0;
  *ending = SPOOL_WHOLE;
  *end = 0;
  while (failed == 0 && *ending == SPOOL_WHOLE && (len = getline(&line, &cap, in)) > 0) {
    struct spool_record r;
    if (!spool_record_read(line, (size_t)len, &r))
      *ending = is_record_ahead(in, &line, &cap) ? SPOOL_DAMAGED : SPOOL_CUT;
    else if (!take(c, &r, &failed))
      *ending = SPOOL_DAMAGED;
    else
      *end += len;
    if (*ending == SPOOL_WHOLE && c->added == c->dropped)
      c->base = *end;
  }
  if (failed == 0 && ferror(in))
    failed = errno;
  free(line);
  return failed;
}
