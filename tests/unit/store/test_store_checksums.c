#include "tests/unit/store/support.h"

#include "server/store/crc32c.h"
#include "server/store/siphash.h"

/* RFC 3720, appendix B.4. */
static void test_crc32c_gives_the_values_of_the_rfc(void **state) {
  (void)state;
  uint8_t bytes[32];
  memset(bytes, 0, sizeof(bytes));
  assert_int_equal(crc32c(0, bytes, 32), 0x8a9136aau);
  memset(bytes, 0xff, sizeof(bytes));
  assert_int_equal(crc32c(0, bytes, 32), 0x62a8ab43u);
  for (int i = 0; i < 32; i++)
    bytes[i] = (uint8_t)i;
  assert_int_equal(crc32c(0, bytes, 32), 0x46dd794eu);
  assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u);
}

static void test_crc32c_goes_on_where_it_stopped(void **state) {
  (void)state;
  const char *text = "The quick brown fox jumps over the lazy dog";
  size_t len = strlen(text);
  for (size_t cut = 0; cut <= len; cut++)
    assert_int_equal(crc32c(crc32c(0, text, cut), text + cut, len - cut), crc32c(0, text, len));
  assert_int_equal(crc32c(0, "", 0), 0);
}

static void test_crc32c_is_the_same_on_every_processor(void **state) {
  (void)state;
  uint8_t bytes[300];
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (uint8_t)(i * 37 + i / 7);
  for (size_t len = 0; len + 8 <= sizeof bytes; len++)
    assert_int_equal(crc32c(7, bytes + len % 8, len), crc32c_portable(7, bytes + len % 8, len));
  assert_int_equal(crc32c_portable(0, "123456789", 9), 0xe3069283u);
}

/* The reference vectors: key 00…0f, input 00 01 02 …; the first four and that of 15 bytes. */
static void test_siphash_gives_the_reference_values(void **state) {
  (void)state;
  const struct siphash_key key = {{0x0706050403020100u, 0x0f0e0d0c0b0a0908u}};
  static const struct {
    size_t len;
    uint8_t out[16];
  } vectors[] = {
      {0,
       {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02,
        0x93}},
      {1,
       {0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc,
        0x45}},
      {2,
       {0x81, 0x77, 0x22, 0x8d, 0xa4, 0xa4, 0x5d, 0xc7, 0xfc, 0xa3, 0x8b, 0xde, 0xf6, 0x0a, 0xff,
        0xe4}},
      {3,
       {0x9c, 0x70, 0xb6, 0x0c, 0x52, 0x67, 0xa9, 0x4e, 0x5f, 0x33, 0xb6, 0xb0, 0x29, 0x85, 0xed,
        0x51}},
  };
  uint8_t input[16];
  for (int i = 0; i < 16; i++)
    input[i] = (uint8_t)i;
  for (size_t v = 0; v < COUNT_OF(vectors); v++) {
    struct siphash h = siphash_of(&key, input, vectors[v].len);
    for (int i = 0; i < 16; i++)
      assert_int_equal((uint8_t)(h.word[i / 8] >> (i % 8 * 8)), vectors[v].out[i]);
  }
}

static void test_every_key_gives_other_hashes(void **state) {
  (void)state;
  struct siphash_key a, b;
  siphash_key_init(&a);
  siphash_key_init(&b);
  struct siphash x = siphash_of(&a, "request", 7), y = siphash_of(&b, "request", 7);
  assert_false(x.word[0] == y.word[0] && x.word[1] == y.word[1]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_crc32c_gives_the_values_of_the_rfc),
      cmocka_unit_test(test_crc32c_goes_on_where_it_stopped),
      cmocka_unit_test(test_crc32c_is_the_same_on_every_processor),
      cmocka_unit_test(test_siphash_gives_the_reference_values),
      cmocka_unit_test(test_every_key_gives_other_hashes),
  };
  return cmocka_run_group_tests_name("checksums", tests, NULL, NULL);
}
