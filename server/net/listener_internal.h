/* listener_internal: an address as the kernel takes it; shared by listener.c and
 * listener_address.c. */
#ifndef CWS_NET_LISTENER_INTERNAL_H
#define CWS_NET_LISTENER_INTERNAL_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "server/net/listener.h"

struct listener_socket {
  struct sockaddr_storage address;
  socklen_t len;
  int fd; /* inherited, or -1 */
  bool is_dual_stack;
};

int listener_socket_parse(const char *text, struct listener_socket *s, struct cws_error *err);
void listener_socket_format(const struct sockaddr_storage *address, char *out, size_t size);

#endif
