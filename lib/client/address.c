/* address: getaddrinfo by libuv; a unix socket's path passes through without a look-up. */
#define _GNU_SOURCE
#include "lib/client/address.h"

#include "lib/client/client.h"
#include "lib/client/timer.h"
#include "lib/core/err.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct address_query {
  uv_getaddrinfo_t request;
  struct timer *timer; /* for a unix socket: there is nothing to ask, but the answer comes later all
                          the same */
  struct cws_client *client;
  address_fn *on_done; /* NULL once canceled */
  void *user;
};

static void query_free(struct address_query *query) {
  timer_free(query->timer);
  free(query);
}

static void list_add(struct address_list *list, const struct addrinfo *info) {
  if (list->count == ADDRESS_MAX || (info->ai_family != AF_INET && info->ai_family != AF_INET6))
    return;
  struct address *a = &list->items[list->count];
  if (getnameinfo(info->ai_addr, info->ai_addrlen, a->text, sizeof(a->text), NULL, 0,
                  NI_NUMERICHOST) == 0)
    list->count++;
}

static void query_on_uv(uv_getaddrinfo_t *request, int status, struct addrinfo *result) {
  struct address_query *query = request->data;
  struct cws_client *client = query->client;
  struct address_list list = {.count = 0};
  for (const struct addrinfo *info = result; info != NULL; info = info->ai_next)
    list_add(&list, info);
  uv_freeaddrinfo(result);
  if (query->on_done != NULL && list.count > 0) {
    query->on_done(&list, NULL, query->user);
  } else if (query->on_done != NULL) {
    struct cws_error err = {0};
    err_set(&err, CWS_EHOST, "cannot find the host '%s': %s", client->url.host,
            status != 0 ? uv_strerror(status) : "it has no address");
    query->on_done(NULL, &err, query->user);
  }
  query_free(query);
  client_release(client);
}

static void query_on_unix(void *arg) {
  struct address_query *query = arg;
  struct address_list list = {.count = 1};
  list.items[0].text[0] = '+';
  strncpy(list.items[0].text + 1, query->client->url.unix_path, ADDRESS_TEXT_MAX - 2);
  query->on_done(&list, NULL, query->user);
  query_free(query);
}

static int query_start(struct address_query *query, struct cws_error *err) {
  struct cws_client *client = query->client;
  if (client->url.unix_path != NULL) {
    query->timer = timer_new(client, query_on_unix, query);
    if (query->timer == NULL)
      return err_set(err, CWS_ENOMEM, NULL);
    timer_start(query->timer, 0);
    return 0;
  }
  struct addrinfo hints = {
      .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
  query->request.data = query;
  int rc =
      uv_getaddrinfo(client->loop, &query->request, query_on_uv, client->url.host, NULL, &hints);
  if (rc != 0)
    return err_set(err, CWS_EHOST, "cannot look up '%s': %s", client->url.host, uv_strerror(rc));
  client_hold(client);
  return 0;
}

int address_find(struct cws_client *client, address_fn *on_done, void *user,
                 struct address_query **out, struct cws_error *err) {
  struct address_query *query = calloc(1, sizeof(*query));
  if (query == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  query->client = client;
  query->on_done = on_done;
  query->user = user;
  int rc = query_start(query, err);
  if (rc == 0)
    *out = query;
  else
    query_free(query);
  return rc;
}

void address_cancel(struct address_query *query) {
  if (query == NULL)
    return;
  query->on_done = NULL;
  if (query->client->url.unix_path != NULL)
    query_free(query);
  else
    uv_cancel((uv_req_t *)&query->request); /* query_on_uv runs in either case, and frees */
}

static int check_sockaddr(const struct sockaddr *sa, socklen_t len, int type) {
  int fd = socket(sa->sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return errno;
  int rc = connect(fd, sa, len) == 0 ? 0 : errno;
  close(fd);
  return rc;
}

/* Nothing less than connecting tells whether a socket that is bound is listened on already: a hub
 * binds before it has opened its store. */
static int check_unix(const char *path) {
  struct sockaddr_un sa = {.sun_family = AF_UNIX};
  strncpy(sa.sun_path, path, sizeof(sa.sun_path) - 1);
  return check_sockaddr((struct sockaddr *)&sa, sizeof(sa), SOCK_STREAM);
}

/* A datagram socket's connect(2) looks for a way there and sends nothing. */
static int check_ip(const char *text, int port) {
  struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *info;
  char service[8];
  snprintf(service, sizeof(service), "%d", port);
  if (getaddrinfo(text, service, &hints, &info) != 0)
    return EADDRNOTAVAIL;
  int rc = check_sockaddr(info->ai_addr, info->ai_addrlen, SOCK_DGRAM);
  freeaddrinfo(info);
  return rc == EAGAIN || rc == EINPROGRESS ? 0 : rc;
}

int address_check(const struct address *address, int port, struct cws_error *err) {
  bool is_unix = address->text[0] == '+';
  int rc = is_unix ? check_unix(address->text + 1) : check_ip(address->text, port);
  if (rc == 0)
    return 0;
  if (is_unix)
    return err_set_sys(err, CWS_ECONNECT, rc, "cannot connect to %s", address->text + 1);
  return err_set_sys(err, CWS_ECONNECT, rc, "cannot connect to %s port %d", address->text, port);
}
