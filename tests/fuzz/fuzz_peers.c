/*
 * What another hub tells of its watchers. What is taken is what a hub writes, byte for byte, and
 * counts; what is not taken changes nothing.
 */
#include "server/hub/peers.h"
#include "server/hub/peers_message.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

enum { NOW = 1000 };
#define SELF UINT64_C(0)

static void keep(const void *bytes, size_t len, void *user) {
  buf_add(user, bytes, len);
}

/* The requests named, as a hub would write them; the last of them in request_id. */
static size_t write_again(struct peers_reader *r, struct buf *out,
                          char request_id[CWS_REQUEST_ID_MAX + 1], uint32_t *watchers) {
  struct peers_writer w;
  size_t named = 0;
  peers_writer_init(&w, r->hub, keep, out);
  if (r->is_leaving)
    peers_writer_leave(&w);
  for (; peers_reader_next(r, request_id, watchers); named++) {
    CHECK(cws_request_id_check(request_id, strlen(request_id), NULL) == 0);
    CHECK(*watchers <= PEERS_WATCHERS_MAX);
    peers_writer_add(&w, request_id, *watchers);
  }
  peers_writer_finish(&w);
  return named;
}

static void check_taken(struct peers *p, const uint8_t *data, size_t size) {
  struct peers_reader r;
  struct buf out;
  char request_id[CWS_REQUEST_ID_MAX + 1];
  uint32_t watchers = 0;
  buf_init(&out);
  CHECK(peers_reader_init(&r, data, size));
  bool is_own = r.hub == SELF;
  size_t named = write_again(&r, &out, request_id, &watchers);
  CHECK(p->count <= (is_own ? 0 : named));
  CHECK(is_own || named == 0 || peers_watchers(p, request_id, NOW) == watchers);
  if (named > 0 || out.len > 0) /* a hub tells of one at least, or ends */
    CHECK(out.len == size && memcmp(out.data, data, size) == 0);
  buf_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct peers p;
  peers_init(&p, SELF);
  if (peers_take(&p, data, size, NOW))
    check_taken(&p, data, size);
  else
    CHECK(p.count == 0);
  for (int i = 0; i < PEERS_TOLD_EVERY_S; i++)
    peers_sweep(&p, NOW + PEERS_FORGET_MS);
  CHECK(p.count == 0);
  peers_finish(&p);
  return 0;
}
