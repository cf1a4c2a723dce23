/* key_server: an HTTP server on a free port of 127.0.0.1 that gives one text, which can be changed.
 */
#ifndef CWS_TEST_AUTH_KEY_SERVER_H
#define CWS_TEST_AUTH_KEY_SERVER_H

#include <pthread.h>

struct fake_hub;

struct key_server {
  struct fake_hub *hub;
  pthread_mutex_t mutex; /* of the two below */
  int status;
  const char *body; /* borrowed */
  char url[192];    /* ".../keys" */
};

void key_server_start(struct key_server *s, const char *body); /* with the status 200 */
void key_server_set(struct key_server *s, int status, const char *body);
int key_server_requests(struct key_server *s);
void key_server_stop(struct key_server *s);

#endif
