/* doctor_net: see doctor_net.h. Blocking calls with a timeout; nothing else waits for them. */
#define _GNU_SOURCE /* strptime */
#include "cli/doctor_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_S 5
#define HEAD_MAX 16384

/* ---- the URL ---- */

static void copy_part(char *to, size_t size, const char *from, size_t len) {
  snprintf(to, size, "%.*s", (int)len, from);
}

void doctor_net_init(struct doctor_net *n, const char *url) {
  memset(n, 0, sizeof *n);
  n->fd = -1;
  if (strncmp(url, "unix:", 5) == 0) {
    n->is_unix = true;
    copy_part(n->path, sizeof n->path, url + 5, strlen(url + 5));
    snprintf(n->host, sizeof n->host, "localhost");
    return;
  }
  n->is_tls = strncmp(url, "https:", 6) == 0;
  const char *host = strstr(url, "://");
  host = host != NULL ? host + 3 : url;
  size_t len = strcspn(host, "/");
  copy_part(n->prefix, sizeof n->prefix, host + len, strlen(host + len));
  size_t prefix_len = strlen(n->prefix);
  if (prefix_len > 0 && n->prefix[prefix_len - 1] == '/')
    n->prefix[prefix_len - 1] = '\0';
  bool has_brackets = host[0] == '[';
  size_t name_len = has_brackets ? strcspn(host, "]") - 1 : strcspn(host, ":/");
  const char *name = has_brackets ? host + 1 : host;
  const char *behind = name + name_len + (has_brackets ? 1 : 0);
  copy_part(n->host, sizeof n->host, name, name_len);
  if (*behind == ':')
    copy_part(n->port, sizeof n->port, behind + 1, strcspn(behind + 1, "/"));
  else
    snprintf(n->port, sizeof n->port, "%s", n->is_tls ? "443" : "80");
}

void doctor_net_finish(struct doctor_net *n) {
  if (n->addresses != NULL)
    freeaddrinfo(n->addresses);
  SSL_free(n->ssl);
  SSL_CTX_free(n->ssl_context);
  if (n->fd >= 0)
    close(n->fd);
}

/* ---- name ---- */

static void address_text(const struct addrinfo *a, char out[INET6_ADDRSTRLEN]) {
  if (getnameinfo(a->ai_addr, a->ai_addrlen, out, INET6_ADDRSTRLEN, NULL, 0, NI_NUMERICHOST) != 0)
    snprintf(out, INET6_ADDRSTRLEN, "?");
}

bool doctor_net_resolve(struct doctor_net *n, char said[DOCTOR_SAID], const char **advice) {
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  int rc = getaddrinfo(n->host, n->port, &hints, &n->addresses);
  if (rc != 0) {
    snprintf(said, DOCTOR_SAID, "'%s': %s", n->host,
             rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
    *advice = "is the name in --url right? If it is: 'getent hosts NAME' asks as this does";
    return false;
  }
  int used = snprintf(said, DOCTOR_SAID, "%s is", n->host);
  for (const struct addrinfo *a = n->addresses; a != NULL && used < DOCTOR_SAID - 64;
       a = a->ai_next) {
    char text[INET6_ADDRSTRLEN];
    address_text(a, text);
    used += snprintf(said + used, (size_t)(DOCTOR_SAID - used), "%s %s",
                     a == n->addresses ? "" : ",", text);
  }
  return true;
}

/* ---- TCP ---- */

static void set_timeouts(int fd) {
  struct timeval limit = {.tv_sec = TIMEOUT_S};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

/* 0 or errno. SO_SNDTIMEO holds for connect, too, which then says EINPROGRESS (socket(7)). */
static int connect_to(int family, const struct sockaddr *address, socklen_t len, int *out) {
  int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return errno;
  set_timeouts(fd);
  if (connect(fd, address, len) == 0) {
    *out = fd;
    return 0;
  }
  int failed = errno == EINPROGRESS || errno == EAGAIN ? ETIMEDOUT : errno;
  close(fd);
  return failed;
}

static bool connect_unix(struct doctor_net *n, char said[DOCTOR_SAID], const char **advice) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  memcpy(to.sun_path, n->path, strlen(n->path));
  int failed = connect_to(AF_UNIX, (const struct sockaddr *)&to, sizeof to, &n->fd);
  snprintf(said, DOCTOR_SAID, "%s: %s", n->path, failed == 0 ? "connected" : strerror(failed));
  *advice = failed == EACCES
                ? "this user may not write to the socket: see its mode and its directory's"
                : "start the hub with --listen unix:PATH, or mend --url";
  return failed == 0;
}

static const char *advice_of(int failed) {
  switch (failed) {
  case ECONNREFUSED:
    return "nobody listens there: is the hub running, on this port and address? ('councilws serve "
           "--listen ADDR:PORT')";
  case ETIMEDOUT:
    return "nobody answers: a firewall may drop it, or the address is wrong";
  default:
    return "see the route to that address";
  }
}

bool doctor_net_connect(struct doctor_net *n, char said[DOCTOR_SAID], const char **advice) {
  if (n->is_unix)
    return connect_unix(n, said, advice);
  int failed = ENOENT;
  char text[INET6_ADDRSTRLEN] = "";
  for (const struct addrinfo *a = n->addresses; a != NULL && failed != 0; a = a->ai_next) {
    address_text(a, text);
    failed = connect_to(a->ai_family, a->ai_addr, a->ai_addrlen, &n->fd);
  }
  snprintf(said, DOCTOR_SAID, "%s port %s: %s", text, n->port,
           failed == 0 ? "connected" : strerror(failed));
  *advice = advice_of(failed);
  return failed == 0;
}

/* ---- TLS ---- */

static const char *last_tls_error(void) {
  unsigned long code = ERR_peek_last_error();
  const char *text = code != 0 ? ERR_reason_error_string(code) : NULL;
  return text != NULL ? text : errno == EAGAIN ? "no answer in time" : "the connection was lost";
}

static const char *advice_of_certificate(long result) {
  switch (result) {
  case X509_V_ERR_CERT_HAS_EXPIRED:
    return "renew the hub's certificate (then SIGHUP reloads it); if it is good, this machine's "
           "clock "
           "is wrong";
  case X509_V_ERR_CERT_NOT_YET_VALID:
    return "this machine's clock may be wrong";
  case X509_V_ERR_HOSTNAME_MISMATCH:
  case X509_V_ERR_IP_ADDRESS_MISMATCH:
    return "use a name in --url that the certificate is for";
  default:
    return "give the CA that signed the hub's certificate with --cacert";
  }
}

static bool is_address(const char *host) {
  struct in6_addr any;
  return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

static bool set_up_tls(struct doctor_net *n) {
  n->ssl_context = SSL_CTX_new(TLS_client_method());
  if (n->ssl_context == NULL)
    return false;
  const char *key = n->key_file != NULL ? n->key_file : n->cert_file;
  bool ok = SSL_CTX_set_default_verify_paths(n->ssl_context) == 1 &&
            SSL_CTX_set_min_proto_version(n->ssl_context, TLS1_2_VERSION) == 1;
  if (ok && n->ca_file != NULL)
    ok = SSL_CTX_load_verify_locations(n->ssl_context, n->ca_file, NULL) == 1;
  if (ok && n->cert_file != NULL)
    ok = SSL_CTX_use_certificate_chain_file(n->ssl_context, n->cert_file) == 1 &&
         SSL_CTX_use_PrivateKey_file(n->ssl_context, key, SSL_FILETYPE_PEM) == 1;
  n->ssl = ok ? SSL_new(n->ssl_context) : NULL;
  if (n->ssl == NULL)
    return false;
  if (is_address(n->host))
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(n->ssl), n->host) == 1;
  return SSL_set_tlsext_host_name(n->ssl, n->host) == 1 && SSL_set1_host(n->ssl, n->host) == 1;
}

/* Seconds from now to notAfter. */
static int64_t seconds_left(const X509 *certificate) {
  int days = 0, seconds = 0;
  if (certificate == NULL ||
      ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)) != 1)
    return 0;
  return (int64_t)days * 86400 + seconds;
}

/* The handshake goes through whatever the certificate is, so that what is wrong with it can be
 * told; nothing is sent before it was found good. */
bool doctor_net_tls(struct doctor_net *n, char said[DOCTOR_SAID], const char **advice,
                    int64_t *left_s) {
  ERR_clear_error();
  if (!set_up_tls(n)) {
    snprintf(said, DOCTOR_SAID, "cannot set TLS up: %s", last_tls_error());
    *advice = "see the files of --cacert, --cert and --key";
    return false;
  }
  SSL_set_verify(n->ssl, SSL_VERIFY_NONE, NULL);
  SSL_set_fd(n->ssl, n->fd);
  if (SSL_connect(n->ssl) != 1) {
    snprintf(said, DOCTOR_SAID, "the handshake failed: %s", last_tls_error());
    *advice = "does the hub speak TLS on this port? If not, the URL is http://";
    return false;
  }
  X509 *certificate = SSL_get0_peer_certificate(n->ssl);
  *left_s = seconds_left(certificate);
  long result = SSL_get_verify_result(n->ssl);
  if (result != X509_V_OK) {
    snprintf(said, DOCTOR_SAID, "the hub's certificate: %s", X509_verify_cert_error_string(result));
    *advice = advice_of_certificate(result);
    return false;
  }
  snprintf(said, DOCTOR_SAID, "%s, the certificate is good for %lld days", SSL_get_version(n->ssl),
           (long long)(*left_s / 86400));
  return true;
}

/* ---- HTTP ---- */

static int send_some(struct doctor_net *n, const char *bytes, size_t len) {
  return n->ssl != NULL ? SSL_write(n->ssl, bytes, (int)len) : (int)send(n->fd, bytes, len, 0);
}

static int receive_some(struct doctor_net *n, char *bytes, size_t len) {
  return n->ssl != NULL ? SSL_read(n->ssl, bytes, (int)len) : (int)recv(n->fd, bytes, len, 0);
}

/* The head and what came with it, NUL behind it. */
static bool ask(struct doctor_net *n, char head[HEAD_MAX + 1]) {
  char request[1024];
  bool is_v6 = strchr(n->host, ':') != NULL;
  int len = snprintf(
      request, sizeof request,
      "GET %s/healthz/ready HTTP/1.1\r\nHost: %s%s%s%s%s\r\nConnection: close\r\n\r\n", n->prefix,
      is_v6 ? "[" : "", n->host, is_v6 ? "]" : "", n->port[0] != '\0' ? ":" : "", n->port);
  size_t got = 0;
  head[0] = '\0';
  if (len >= (int)sizeof request || send_some(n, request, (size_t)len) != len)
    return false;
  while (got < HEAD_MAX && strstr(head, "\r\n\r\n") == NULL) {
    int more = receive_some(n, head + got, HEAD_MAX - got);
    if (more <= 0)
      return false;
    got += (size_t)more;
    head[got] = '\0';
  }
  return true;
}

static bool read_date(const char *head, int64_t *skew_s) {
  const char *date = strstr(head, "\r\nDate: ");
  struct tm tm = {0};
  if (date == NULL || strptime(date + 8, "%a, %d %b %Y %H:%M:%S GMT", &tm) == NULL)
    return false;
  *skew_s = (int64_t)timegm(&tm) - (int64_t)time(NULL);
  return true;
}

bool doctor_net_http(struct doctor_net *n, char said[DOCTOR_SAID], const char **advice,
                     bool *has_date, int64_t *skew_s) {
  char head[HEAD_MAX + 1];
  int status = 0;
  ERR_clear_error();
  errno = 0;
  *has_date = false;
  *advice = "does a councilws hub listen there, and is a proxy in between that changes the path?";
  if (!ask(n, head) || sscanf(head, "HTTP/1.%*d %d", &status) != 1) {
    snprintf(said, DOCTOR_SAID, "no answer by HTTP: %s",
             head[0] != '\0'  ? "it speaks something else"
             : n->ssl != NULL ? last_tls_error()
                              : "the connection was closed or stayed silent");
    if (n->is_tls)
      *advice = "a hub that asks its clients for certificates wants --cert and --key";
    else if (!n->is_unix)
      *advice = "if the hub speaks TLS on this port, the URL is https://";
    return false;
  }
  *has_date = read_date(head, skew_s);
  snprintf(said, DOCTOR_SAID, status == 200 ? "the hub is ready" : "the hub answers with status %d",
           status);
  if (status == 503)
    *advice = "the hub drains, or cannot write to its store: see its log";
  return status == 200;
}
