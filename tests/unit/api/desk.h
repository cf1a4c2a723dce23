/*
 * desk: one hub for the tests of a file, tokens of several people, and the last answer. Each test
 * uses requests of its own.
 */
#ifndef CWS_TEST_API_DESK_H
#define CWS_TEST_API_DESK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/support/live_hub.h"
#include "tests/unit/support/raw_http.h"

#define NDJSON "Content-Type: application/x-ndjson\r\n"

struct desk {
  struct cws_server *hub;
  int port;
  char *ann;     /* may watch and publish everything */
  char *reader;  /* may watch everything */
  char *visitor; /* has a login token without rights of ours */
  char *admin;
  struct raw_reply reply; /* to the last question */
};

/* Group fixtures: a hub that allows https://app.example, and events of 4 KiB, batches of 5. */
int desk_open(void **state);
int desk_close(void **state);

/* `method` NULL: GET. The answer is in d->reply. */
void ask(struct desk *d, const char *method, const char *path, const char *token);
void ask_with(struct desk *d, const char *method, const char *path, const char *token,
              const char *headers);
/* Publishes as ann; headers may be NULL. */
void post(struct desk *d, const char *request_id, const char *headers, const char *body);
void post_to(struct desk *d, const char *path, const char *token, const char *headers,
             const char *body);

void expect_json(const struct desk *d, int status, const char *json);
void expect_error(const struct desk *d, int status, const char *code, const char *part);
/* Of the last publish. */
void expect_published(const struct desk *d, int64_t first, int64_t last, bool duplicate);
void expect_header(const struct desk *d, const char *name, const char *value); /* NULL: none */

#endif
