/* ws_deflate: see ws_deflate.h. */
#include "lib/core/ws_deflate.h"

#include "lib/core/ws_frame.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#define WINDOW_BITS (-15) /* raw, of 32 KiB: the largest, as a peer expects that names none */
#define MEMORY_LEVEL 8
#define LEVEL 6
#define INFLATE_STEP (16 * 1024)
#define OUT_KEPT (256 * 1024) /* of a deflater's memory, from one message to the next */

static const unsigned char tail[4] = {0x00, 0x00, 0xff, 0xff}; /* left out on the wire, 7.2.1 */

/* ---- offers ---- */

struct span {
  const char *at;
  size_t len;
};

static struct span trim(struct span s) {
  while (s.len > 0 && strchr(" \t", *s.at) != NULL)
    s.at++, s.len--;
  while (s.len > 0 && strchr(" \t", s.at[s.len - 1]) != NULL)
    s.len--;
  return s;
}

/* Takes what stands before `separator` off the front of `rest`. */
static struct span take_until(struct span *rest, char separator) {
  const char *end = rest->len > 0 ? memchr(rest->at, separator, rest->len) : NULL;
  struct span first = {rest->at, end != NULL ? (size_t)(end - rest->at) : rest->len};
  size_t used = first.len + (end != NULL ? 1 : 0);
  rest->at += used;
  rest->len -= used;
  return trim(first);
}

static bool is_word(struct span s, const char *word) {
  return s.len == strlen(word) && strncasecmp(s.at, word, s.len) == 0;
}

/* 8 to 15, plain or in quotes; 0: neither. */
static int window_bits(struct span s) {
  if (s.len >= 2 && s.at[0] == '"' && s.at[s.len - 1] == '"')
    s = (struct span){s.at + 1, s.len - 2};
  if (s.len == 1 && (*s.at == '8' || *s.at == '9'))
    return *s.at - '0';
  if (s.len == 2 && s.at[0] == '1' && s.at[1] >= '0' && s.at[1] <= '5')
    return 10 + s.at[1] - '0';
  return 0;
}

/* Which parameter it is, as a bit; 0: one that cannot be agreed to. */
static unsigned parameter(struct span text) {
  bool has_value = text.len > 0 && memchr(text.at, '=', text.len) != NULL;
  struct span name = take_until(&text, '='), value = trim(text);
  if (is_word(name, "server_no_context_takeover"))
    return has_value ? 0 : 1;
  if (is_word(name, "client_no_context_takeover"))
    return has_value ? 0 : 2;
  if (is_word(name, "server_max_window_bits"))
    return window_bits(value) == 15 ? 4 : 0;
  if (is_word(name, "client_max_window_bits"))
    return !has_value || window_bits(value) != 0 ? 8 : 0;
  return 0;
}

static bool can_take(struct span offer) {
  unsigned seen = 0;
  if (!is_word(take_until(&offer, ';'), "permessage-deflate"))
    return false;
  while (offer.len > 0) {
    unsigned bit = parameter(take_until(&offer, ';'));
    if (bit == 0 || (seen & bit) != 0)
      return false;
    seen |= bit;
  }
  return true;
}

bool ws_deflate_is_offered(const char *header) {
  struct span rest = {header, header != NULL ? strlen(header) : 0};
  while (rest.len > 0) {
    if (can_take(take_until(&rest, ',')))
      return true;
  }
  return false;
}

/* ---- out ---- */

struct ws_deflater {
  z_stream z;
  struct buf out;
};

struct ws_deflater *ws_deflater_new(void) {
  struct ws_deflater *d = calloc(1, sizeof *d);
  if (d == NULL)
    return NULL;
  buf_init(&d->out);
  if (deflateInit2(&d->z, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    free(d);
    return NULL;
  }
  return d;
}

void ws_deflater_free(struct ws_deflater *d) {
  if (d == NULL)
    return;
  deflateEnd(&d->z);
  buf_finish(&d->out);
  free(d);
}

/* Room for what is shorter than the message, and for the tail that is cut off. */
bool ws_deflate(struct ws_deflater *d, const void *payload, size_t len, const char **out,
                size_t *out_len) {
  size_t room = len + sizeof tail;
  if (d->out.cap > OUT_KEPT && room < OUT_KEPT)
    buf_finish(&d->out);
  buf_reset(&d->out);
  if (len > UINT_MAX - sizeof tail || buf_reserve(&d->out, room) != 0)
    return false;
  deflateReset(&d->z);
  d->z.next_in = (Bytef *)(uintptr_t)payload;
  d->z.avail_in = (uInt)len;
  d->z.next_out = (Bytef *)d->out.data;
  d->z.avail_out = (uInt)room;
  /* Room that is left over says that all of it was written, and that it is shorter. */
  if (deflate(&d->z, Z_SYNC_FLUSH) != Z_OK || d->z.avail_in > 0 || d->z.avail_out == 0)
    return false;
  *out = d->out.data;
  *out_len = room - d->z.avail_out - sizeof tail;
  return true;
}

void ws_deflate_append_frame(struct ws_deflater *d, struct buf *b, const void *payload,
                             size_t len) {
  uint8_t header[WS_HEADER_MAX];
  const char *deflated;
  size_t deflated_len;
  if (!ws_deflate(d, payload, len, &deflated, &deflated_len)) {
    ws_frame_append(b, WS_TEXT, payload, len);
    return;
  }
  size_t header_len = ws_frame_header(header, WS_TEXT, deflated_len);
  header[0] |= WS_RSV1;
  buf_add(b, header, header_len);
  buf_add(b, deflated, deflated_len);
}

/* ---- in ---- */

struct inflating {
  z_stream z;
  struct buf out;
  size_t max;
};

static int fail(int code, const char *text, const char **reason) {
  if (reason != NULL)
    *reason = text;
  return code;
}

/* 0: all of the bytes are taken in. */
static int inflate_piece(struct inflating *in, const void *bytes, size_t len, const char **reason) {
  in->z.next_in = (Bytef *)(uintptr_t)bytes;
  in->z.avail_in = (uInt)len;
  do {
    size_t room = in->max + 1 - in->out.len;
    if (room > INFLATE_STEP)
      room = INFLATE_STEP;
    if (buf_reserve(&in->out, room) != 0)
      return fail(WS_CLOSE_INTERNAL, "out of memory", reason);
    in->z.next_out = (Bytef *)in->out.data + in->out.len;
    in->z.avail_out = (uInt)room;
    int rc = inflate(&in->z, Z_SYNC_FLUSH);
    in->out.len += room - in->z.avail_out;
    if (in->out.len > in->max)
      return fail(WS_CLOSE_TOO_BIG, "the message is too big", reason);
    if (rc == Z_MEM_ERROR)
      return fail(WS_CLOSE_INTERNAL, "out of memory", reason);
    if (rc == Z_STREAM_END) /* a last block: a new one may follow, 7.2.3.5 */
      rc = inflateReset(&in->z);
    if (rc != Z_OK && rc != Z_BUF_ERROR)
      return fail(WS_CLOSE_BAD_DATA, "a compressed message cannot be read", reason);
  } while (in->z.avail_in > 0 || in->z.avail_out == 0);
  return 0;
}

int ws_inflate(const void *payload, size_t len, size_t max, char **out, size_t *out_len,
               const char **reason) {
  struct inflating in = {.max = max};
  buf_init(&in.out);
  if (len > UINT_MAX)
    return fail(WS_CLOSE_TOO_BIG, "the message is too big", reason);
  if (inflateInit2(&in.z, WINDOW_BITS) != Z_OK)
    return fail(WS_CLOSE_INTERNAL, "out of memory", reason);
  int code = inflate_piece(&in, payload, len, reason);
  if (code == 0)
    code = inflate_piece(&in, tail, sizeof tail, reason);
  inflateEnd(&in.z);
  if (code == 0)
    in.out.data[in.out.len] = '\0';
  if (code == 0 && (*out = buf_take(&in.out, out_len)) == NULL)
    code = fail(WS_CLOSE_INTERNAL, "out of memory", reason);
  buf_finish(&in.out);
  return code;
}
