/* near_end: see near_end.h. */
#define _GNU_SOURCE /* memmem */
#include "tests/unit/net/near_end.h"

#include <string.h>

static void on_data(struct connection *c, const char *bytes, size_t len, void *user) {
  struct near_end *near = user;
  assert_ptr_equal(c, near->c);
  assert_int_equal(near->closes, 0);
  assert_true(len > 0);
  buf_add(&near->in, bytes, len);
  near->datas++;
  if (near->on_data != NULL)
    near->on_data(near);
}

static void on_drain(struct connection *c, void *user) {
  struct near_end *near = user;
  assert_ptr_equal(c, near->c);
  assert_int_equal(near->closes, 0);
  near->drains++;
  if (near->on_drain != NULL)
    near->on_drain(near);
}

static void on_close(struct connection *c, void *user) {
  struct near_end *near = user;
  assert_ptr_equal(c, near->c);
  near->closes++;
  assert_int_equal(near->closes, 1);
  near->c = NULL;
}

void near_adopt(struct near_end *near, struct rig *rig, int fd, bool tls) {
  static const struct connection_handlers handlers = {
      .on_data = on_data, .on_drain = on_drain, .on_close = on_close};
  memset(near, 0, sizeof *near);
  buf_init(&near->in);
  assert_int_equal(connection_adopt(rig->loop, fd, tls, &handlers, near, &near->c), 0);
}

void near_open(struct near_end *near, struct rig *rig, enum far_kind kind, bool tls,
               struct far_end *far) {
  int fd;
  far_pair(kind, &fd, far);
  near_adopt(near, rig, fd, tls);
}

void near_free(struct near_end *near) {
  buf_finish(&near->in);
}

bool near_has(const struct near_end *near, const char *text) {
  return near->in.len > 0 && memmem(near->in.data, near->in.len, text, strlen(text)) != NULL;
}

void far_send(struct far_end *far, struct rig *rig, const void *bytes, size_t len) {
  for (size_t done = 0; done < len;) {
    size_t n = 0;
    WAIT_FOR(rig, (n = far_send_some(far, (const char *)bytes + done, len - done)) > 0);
    done += n;
  }
}

void settle(struct rig *rig) {
  for (int i = 0; i < 20; i++)
    rig_turn(rig);
}
