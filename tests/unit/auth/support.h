/*
 * support: what the tests of server/auth share: secrets, tokens made by hand, a folder of files, a
 * clock that stands still, a log that is kept.
 */
#ifndef CWS_TEST_AUTH_SUPPORT_H
#define CWS_TEST_AUTH_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include "lib/core/log.h"
#include "server/base/clock.h"
#include <councilws/error.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DEADLINE_MS 20000 /* of every wait */
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Two secrets of 32 bytes, and the JWKs of them with the kids "a" and "b". */
#define SECRET "0123456789abcdef0123456789abcdef"
#define OTHER_SECRET "fedcba9876543210fedcba9876543210"
#define JWK_A                                                                                      \
  "{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}"
#define JWK_B                                                                                      \
  "{\"kty\":\"oct\",\"kid\":\"b\",\"k\":\"ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA\"}"

/* ---- time ---- */

#define NOW_S 1800000000
struct fake_time {
  _Atomic int64_t wall_ms, mono_ms;
  struct clock clock;
};
void fake_time_init(struct fake_time *t); /* at NOW_S */
void fake_time_pass(struct fake_time *t, int64_t ms);

/* ---- tokens ---- */

/* A JWS of these JSON texts, signed with HMAC-SHA256 whatever the header says. To be freed. */
char *token_craft(const char *header, const char *claims, const char *secret);
/* One of "ann" that expires an hour after NOW_S; kid may be NULL. To be freed. */
char *token_of_ann(const char *secret, const char *kid);
/* A new P-256 key as PEM texts. Both are to be freed. */
void pem_make(char **private_pem, char **public_pem);

/* ---- files ---- */

struct folder {
  char path[64];
};
struct path {
  char text[128];
};
void folder_init(struct folder *f);
void folder_finish(struct folder *f); /* with the files in it */
struct path folder_at(const struct folder *f, const char *name);
struct path folder_put(const struct folder *f, const char *name, const char *text);
struct path folder_put_bytes(const struct folder *f, const char *name, const void *bytes,
                             size_t len);

/* ---- log ---- */

struct log_lines {
  pthread_mutex_t mutex;
  char text[8192]; /* a line each */
  struct log *log;
};
void log_lines_init(struct log_lines *l);
void log_lines_finish(struct log_lines *l);
bool log_lines_have(struct log_lines *l, const char *part);

/* Fails, and shows the text, where it lacks the part. */
void assert_contains(const char *text, const char *part);

#endif
