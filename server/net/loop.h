/*
 * loop: one worker's thread: a libuv loop, the libwebsockets context on it, a timer
 * wheel, a mailbox. Everything a loop owns is touched on its thread only.
 */
#ifndef CWS_NET_LOOP_H
#define CWS_NET_LOOP_H

#include "lib/core/log.h"
#include "server/net/mailbox.h"
#include "server/net/timer_wheel.h"
#include <councilws/error.h>
#include <stdint.h>
#include <uv.h>

struct loop;

struct loop_options {
  int index; /* 0 … workers-1 */
  struct log *log;
  /* TLS for connections adopted with it; NULL for none. Files are read at loop_new and
   * loop_reload_tls. */
  const char *tls_cert_file, *tls_key_file, *tls_client_ca_file;
};

/* Makes the loop on the calling thread; one after another, before the first connection
 * (libwebsockets). */
int loop_new(const struct loop_options *options, struct loop **out, struct cws_error *err);
/* Runs until loop_stop; on the thread that will own it from now on. */
void loop_run(struct loop *loop);
/* Any thread: loop_run returns soon. */
void loop_stop(struct loop *loop);
/* After loop_run has returned, on any thread: closes what is left and frees. NULL is fine. */
void loop_free(struct loop *loop);

int loop_index(const struct loop *loop);
uv_loop_t *loop_uv(struct loop *loop);
struct mailbox *loop_mailbox(struct loop *loop);
struct timer_wheel *loop_wheel(struct loop *loop);
struct log *loop_log(struct loop *loop);
void loop_post(struct loop *loop, struct mail *mail); /* any thread */

/* On the loop's thread. Checks the files first: a broken pair changes nothing. */
int loop_reload_tls(struct loop *loop, struct cws_error *err);

#endif
