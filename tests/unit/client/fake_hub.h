/*
 * fake_hub: a hub that does what a test's script says, byte for byte where need
 * be: it accepts, refuses, sends, cuts, falls silent. One thread, blocking sockets, one connection
 * after the other. It shares nothing with the client but the frame codec.
 */
#ifndef CWS_TEST_FAKE_HUB_H
#define CWS_TEST_FAKE_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fake_hub;
struct fake_conn;

/* Runs on the hub's thread for connection `index` (0, 1, …), whose first request has been read. The
 * connection is closed when it returns. */
typedef void fake_script(struct fake_conn *c, int index, void *user);

struct fake_options {
  const char *unix_path;            /* or NULL: TCP on a free port of 127.0.0.1 */
  const char *cert_file, *key_file; /* TLS, or NULL */
  const char *client_ca_file;       /* clients have to show a certificate of this CA; or NULL */
};

struct fake_hub *fake_hub_start(const struct fake_options *options, fake_script *script,
                                void *user);
const char *fake_hub_url(const struct fake_hub *hub);
int fake_hub_connections(struct fake_hub *hub); /* accepted so far */
void fake_hub_stop(struct fake_hub *hub);

/* ---- inside a script ---- */
const char *fake_head(const struct fake_conn *c); /* of the request, with its blank line */
const char *fake_body(const struct fake_conn *c);
/* The query parameter as a number, or `fallback`. */
int64_t fake_query(const struct fake_conn *c, const char *name, int64_t fallback);
bool fake_has(const struct fake_conn *c, const char *text); /* somewhere in the head */
/* Reads the next request of the same connection; false at its end. */
bool fake_next_request(struct fake_conn *c);
void fake_reply(struct fake_conn *c, int status, const char *extra_headers, const char *body);
void fake_raw(struct fake_conn *c, const void *bytes, size_t len);

void fake_upgrade(struct fake_conn *c);
void fake_text(struct fake_conn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void fake_hello(struct fake_conn *c, const char *epoch, int64_t resume_from, int heartbeat_s);
void fake_event(struct fake_conn *c, int64_t id);
void fake_replay_complete(struct fake_conn *c, int64_t last);
void fake_bye(struct fake_conn *c, int code, bool reconnect, int64_t retry_after_ms);
void fake_close(struct fake_conn *c, int code);
void fake_ping(struct fake_conn *c);
/* The client's next text message, to be freed; NULL when it has closed or gone. */
char *fake_next_text(struct fake_conn *c);
int fake_close_code(const struct fake_conn *c); /* the client's, 0 for none */
int fake_pongs(const struct fake_conn *c);
/* From now on only `bytes` more bytes go out, then the connection is reset. */
void fake_cut_after(struct fake_conn *c, size_t bytes);
bool fake_is_cut(const struct fake_conn *c);
void fake_wait_end(struct fake_conn *c); /* reads until the client has gone */
void fake_hang_up(struct fake_conn *c);  /* ends the connection so that all that was sent arrives */

#endif
