/* mutate: see mutate.h. Each change is a small one that parsers are known to trip over. */
#include "tests/fuzz/mutate.h"

#include <string.h>

enum { CHANGES_MAX = 4, PIECE_MAX = 40 };

uint64_t mutate_random(uint64_t *state) {
  uint64_t v = *state += 0x9e3779b97f4a7c15u;
  v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9u;
  v = (v ^ (v >> 27)) * 0x94d049bb133111ebu;
  return v ^ (v >> 31);
}

/* From 0 to below n; 0 for n = 0. */
static size_t below(uint64_t *state, size_t n) {
  return n > 0 ? (size_t)(mutate_random(state) % n) : 0;
}

static const struct buf *any_of(const struct corpus *corpus, uint64_t *state) {
  return &corpus->items[below(state, corpus->count)].bytes;
}

/* In place of `gone` bytes at `at` come `len` others, which must not lie in `b`. */
static void splice(struct buf *b, size_t at, size_t gone, const char *bytes, size_t len) {
  struct buf made;
  buf_init(&made);
  buf_add(&made, b->data, at);
  buf_add(&made, bytes, len);
  buf_add(&made, b->data + at + gone, b->len - at - gone);
  buf_finish(b);
  *b = made;
}

static void change_byte(struct buf *b, uint64_t *state) {
  static const char edges[] = "\x00\x7f\x80\xff\r\n\t \"'\\{}[]:;,=%#&?/-+.0919azAZ";
  if (b->len == 0)
    return;
  size_t at = below(state, b->len);
  if (below(state, 2) == 0)
    b->data[at] = (char)(b->data[at] ^ (1 << below(state, 8)));
  else
    b->data[at] = edges[below(state, sizeof edges - 1)];
}

static void add_bytes(struct buf *b, uint64_t *state) {
  char bytes[PIECE_MAX];
  size_t len = 1 + below(state, 4);
  bool are_same = below(state, 4) == 0;
  if (are_same)
    len = 1 + below(state, sizeof bytes);
  char first = (char)mutate_random(state);
  for (size_t i = 0; i < len; i++)
    bytes[i] = are_same ? first : (char)mutate_random(state);
  splice(b, below(state, b->len + 1), 0, bytes, len);
}

static void take_away(struct buf *b, uint64_t *state) {
  if (b->len == 0)
    return;
  size_t at = below(state, b->len);
  size_t rest = b->len - at;
  splice(b, at, 1 + below(state, rest < PIECE_MAX ? rest : PIECE_MAX), "", 0);
}

/* A piece of this or another input, over or between what is there. */
static void copy_piece(struct buf *b, const struct buf *from, uint64_t *state) {
  char piece[PIECE_MAX * 8];
  size_t start = below(state, from->len);
  size_t len = from->len - start < sizeof piece ? from->len - start : sizeof piece;
  len = below(state, len + 1);
  if (len > 0)
    memcpy(piece, from->data + start, len);
  size_t at = below(state, b->len + 1);
  size_t gone = below(state, 2) == 0 ? 0 : b->len - at < len ? b->len - at : len;
  splice(b, at, gone, piece, len);
}

static void change_number(struct buf *b, uint64_t *state) {
  static const char *const numbers[] = {"0",
                                        "1",
                                        "-1",
                                        "255",
                                        "65535",
                                        "65536",
                                        "2147483648",
                                        "4294967296",
                                        "9223372036854775807",
                                        "9223372036854775808",
                                        "18446744073709551616",
                                        "1e308",
                                        "00"};
  size_t at = below(state, b->len), len = 0;
  while (at < b->len && !(b->data[at] >= '0' && b->data[at] <= '9'))
    at++;
  while (at + len < b->len && b->data[at + len] >= '0' && b->data[at + len] <= '9')
    len++;
  const char *number = numbers[below(state, sizeof numbers / sizeof *numbers)];
  splice(b, at, len, number, strlen(number));
}

static void change(struct buf *b, const struct corpus *corpus, const struct corpus *words,
                   uint64_t *state) {
  switch (below(state, 8)) {
  case 0:
  case 1:
    change_byte(b, state);
    return;
  case 2:
    add_bytes(b, state);
    return;
  case 3:
    take_away(b, state);
    return;
  case 4:
    copy_piece(b, b, state);
    return;
  case 5:
    copy_piece(b, any_of(corpus, state), state);
    return;
  case 6:
    change_number(b, state);
    return;
  default:
    copy_piece(b, any_of(words->count > 0 ? words : corpus, state), state);
  }
}

void mutate_make(struct buf *out, const struct corpus *corpus, const struct corpus *words,
                 size_t max, uint64_t *state) {
  const struct buf *from = any_of(corpus, state);
  buf_reset(out);
  buf_add(out, from->data, from->len);
  for (size_t n = 1 + below(state, CHANGES_MAX); n > 0; n--)
    change(out, corpus, words, state);
  if (out->len > max)
    out->len = max;
}
