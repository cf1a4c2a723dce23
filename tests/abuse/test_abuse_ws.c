/* Whoever may watch and breaks the rules of WebSocket, or keeps to them only to do harm. */
#include "tests/abuse/bystander.h"

#include <string.h>
#include <unistd.h>

#include "lib/core/ws_frame.h"

#define KEY "\0\0\0\0" /* a mask that changes nothing */

struct broken {
  const char *what, *bytes;
  size_t len;
  int code;
};

#define BROKEN(what, bytes, code)                                                                  \
  { what, bytes, sizeof(bytes) - 1, code }

static const struct broken BROKEN_FRAMES[] = {
    BROKEN("unmasked", "\x81\x02{}", 1002),
    BROKEN("a reserved bit, as if compressed", "\xc1\x82" KEY "{}", 1002),
    BROKEN("a reserved opcode", "\x83\x80" KEY, 1002),
    BROKEN("a length that is not in its shortest form", "\x81\xfe\x00\x02" KEY "{}", 1002),
    BROKEN("a length of 63 bits", "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff" KEY, 1009),
    BROKEN("a length of 64 bits", "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff" KEY, 1002),
    BROKEN("more than a publish may have", "\x81\xff\x00\x00\x00\x00\x00\x10\x00\x00" KEY, 1009),
    BROKEN("a continuation of nothing", "\x80\x80" KEY, 1002),
    BROKEN("a message within a message",
           "\x01\x81" KEY "{"
           "\x81\x81" KEY "}",
           1002),
    BROKEN("a ping in pieces", "\x09\x80" KEY, 1002),
    BROKEN("a ping of 126 bytes", "\x89\xfe\x00\x7e" KEY, 1002),
    BROKEN("binary", "\x82\x81" KEY "x", 1003),
    BROKEN("bad UTF-8", "\x81\x82" KEY "\xc3\x28", 1007),
    BROKEN("UTF-8 cut short", "\x81\x81" KEY "\xc3", 1007),
    BROKEN("a surrogate", "\x81\x83" KEY "\xed\xa0\x80", 1007),
    BROKEN("a close of one byte", "\x88\x81" KEY "\x03", 1002),
    BROKEN("a close with 1005", "\x88\x82" KEY "\x03\xed", 1002),
    BROKEN("a close with 999", "\x88\x82" KEY "\x03\xe7", 1002),
    BROKEN("a close with bad UTF-8", "\x88\x83" KEY "\x03\xe8\xff", 1007),
};

static struct raw_ws *attack(struct bystander *b, const char *request_id) {
  struct raw_ws *ws = raw_ws_open(b->port, request_id, b->token, NULL);
  raw_ws_next(ws, "connection_established");
  return ws;
}

static void broken_frames_end_their_session_with_the_right_code(void **state) {
  struct bystander *b = *state;
  for (size_t i = 0; i < sizeof BROKEN_FRAMES / sizeof BROKEN_FRAMES[0]; i++) {
    const struct broken *f = &BROKEN_FRAMES[i];
    struct raw_ws *ws = attack(b, "attacked");
    raw_send(raw_ws_fd(ws), f->bytes, f->len);
    int code = raw_ws_close_code(ws);
    if (code != f->code)
      fail_msg("%s: %d instead of %d", f->what, code, f->code);
    raw_ws_free(ws);
  }
  bystander_works(b);
  bystander_is_light(b);
}

/* Sends `bytes` over and over, many at a time, until the hub has had enough; the code it says. */
static int flood(struct bystander *b, const char *bytes, size_t len, int rounds) {
  struct buf many;
  struct raw_ws *ws = attack(b, "flooded");
  buf_init(&many);
  while (many.len < 16384)
    buf_add(&many, bytes, len);
  for (int i = 0; i < rounds && send_now(raw_ws_fd(ws), many.data, many.len); i++) {
    if (i % 50 == 0)
      bystander_works(b);
  }
  buf_finish(&many);
  bystander_works(b);
  int code = raw_ws_close_code(ws);
  raw_ws_free(ws);
  return code;
}

static void floods_of_messages_are_4013(void **state) {
  struct bystander *b = *state;
  static const char PING[] = "\x89\x80" KEY, PONG[] = "\x8a\x80" KEY;
  static const char BEAT[] = "\x81\x9d" KEY "{\"type\":\"heartbeat_response\"}";
  static const char ACK[] = "\x81\x9e" KEY "{\"type\":\"ack\",\"message_id\": 0}";
  assert_int_equal(flood(b, PING, sizeof PING - 1, 1000), 4013);
  assert_int_equal(flood(b, PONG, sizeof PONG - 1, 1000), 4013);
  assert_int_equal(flood(b, BEAT, sizeof BEAT - 1, 1000), 4013);
  assert_int_equal(flood(b, ACK, sizeof ACK - 1, 1000), 4013);
  bystander_is_light(b);
}

static void floods_of_nonsense_are_4509(void **state) {
  struct bystander *b = *state;
  static const char EMPTY[] = "\x81\x80" KEY, WORD[] = "\x81\x81" KEY "x";
  assert_int_equal(flood(b, EMPTY, sizeof EMPTY - 1, 1000), 4509);
  assert_int_equal(flood(b, WORD, sizeof WORD - 1, 1000), 4509);
  bystander_is_light(b);
}

/* One large message, then pieces of nothing: none of them has the hub look at all of it again, and
 * in the end it is heard. */
static void a_message_of_endless_empty_pieces_holds_up_nobody(void **state) {
  struct bystander *b = *state;
  enum { LEN = 200000, PIECES = 20000 };
  struct buf large, pieces;
  struct raw_ws *ws = attack(b, "flooded");
  raw_ws_next(ws, "replay_complete");
  buf_init(&large);
  buf_init(&pieces);
  buf_add(&large, "\x01\xff\0\0\0\0\0\x03\x0d\x40" KEY, 14);
  while (large.len < LEN + 14)
    buf_add(&large, "\xc3\xa4", 2); /* no ASCII, which is quickly looked at */
  for (int i = 0; i < PIECES; i++)
    buf_add(&pieces, "\x00\x80" KEY, 6);
  raw_send(raw_ws_fd(ws), large.data, large.len);
  raw_send(raw_ws_fd(ws), pieces.data, pieces.len);
  for (int i = 0; i < 3; i++)
    bystander_works(b);
  raw_send(raw_ws_fd(ws), "\x80\x81" KEY "x", 7);
  raw_ws_next(ws, "protocol_error");
  buf_finish(&large);
  buf_finish(&pieces);
  raw_ws_free(ws);
  bystander_works(b);
  bystander_is_light(b);
}

/* One that grows by a byte a frame ends at the size that a publish may have. */
static void a_message_of_endless_tiny_pieces_is_1009(void **state) {
  struct bystander *b = *state;
  struct buf pieces;
  struct raw_ws *ws = attack(b, "flooded");
  raw_send(raw_ws_fd(ws), "\x01\x81" KEY "{", 7);
  buf_init(&pieces);
  for (int i = 0; i < 300000; i++)
    buf_add(&pieces, "\x00\x81" KEY "x", 7);
  raw_send(raw_ws_fd(ws), pieces.data, pieces.len);
  buf_finish(&pieces);
  bystander_works(b);
  assert_int_equal(raw_ws_close_code(ws), 1009);
  raw_ws_free(ws);
  bystander_is_light(b);
}

static void compression_is_not_agreed_to(void **state) {
  struct bystander *b = *state;
  struct raw_reply reply;
  int fd = raw_connect(b->port);
  raw_sendf(fd,
            "GET /api/v1/ws/attacked HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer %s\r\n\r\n",
            b->token);
  raw_read_reply(fd, false, &reply);
  assert_int_equal(reply.status, 101);
  assert_null(raw_header(&reply, "sec-websocket-extensions"));
  raw_reply_free(&reply);
  close(fd);
  bystander_works(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ABUSE(broken_frames_end_their_session_with_the_right_code),
      ABUSE(floods_of_messages_are_4013),
      ABUSE(floods_of_nonsense_are_4509),
      ABUSE(a_message_of_endless_empty_pieces_holds_up_nobody),
      ABUSE(a_message_of_endless_tiny_pieces_is_1009),
      ABUSE(compression_is_not_agreed_to),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
