/* doctor_net: the way to a hub step by step: its name, a connection, TLS, and an answer by HTTP. It
 * must not know verdicts; it says what it saw. */
#ifndef CLI_DOCTOR_NET_H
#define CLI_DOCTOR_NET_H

#include <stdbool.h>
#include <stdint.h>

struct doctor_net {
  bool is_tls, is_unix;
  char host[256], port[8], prefix[256], path[108]; /* path: of a unix socket */
  const char *ca_file, *cert_file, *key_file;      /* or NULL */
  struct addrinfo *addresses;
  int fd;
  struct ssl_st *ssl;
  struct ssl_ctx_st *ssl_context;
};

/* Takes a URL that the client has accepted. */
void doctor_net_init(struct doctor_net *n, const char *url);
void doctor_net_finish(struct doctor_net *n);

/* Each returns whether it went well, and writes to `said` (a line) what it saw; *advice is what to
 * do about a failure, or NULL. They come in this order. */
#define DOCTOR_SAID 512
bool doctor_net_resolve(struct doctor_net *n, char said[DOCTOR_SAID], const char **advice);
bool doctor_net_connect(struct doctor_net *n, char said[DOCTOR_SAID], const char **advice);
/* *left_s: seconds until the hub's certificate expires. */
bool doctor_net_tls(struct doctor_net *n, char said[DOCTOR_SAID], const char **advice,
                    int64_t *left_s);
/* Asks whether the hub is ready. *skew_s: by how much its clock is ahead of ours; *has_date false:
 * it did not say. */
bool doctor_net_http(struct doctor_net *n, char said[DOCTOR_SAID], const char **advice,
                     bool *has_date, int64_t *skew_s);

#endif
