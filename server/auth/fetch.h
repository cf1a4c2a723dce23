/* fetch: gets a small text from an http or https URL. Blocks; knows nothing of what is in it. */
#ifndef CWS_AUTH_FETCH_H
#define CWS_AUTH_FETCH_H

#include <councilws/error.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define FETCH_TIMEOUT_MS 10000 /* in all, redirects included */
#define FETCH_CONNECT_MS 5000
#define FETCH_REDIRECTS 3 /* never from https to http */

/* The body of a 200 answer of at most max_bytes, to be freed with free(). Gives up within a second
 * or so once *stop is true (NULL: never). CWS_ECONNECT, CWS_ETIMEOUT, CWS_ETLS, CWS_ETOOLARGE,
 * CWS_EPROTOCOL (no 200, a redirect too many or to where none may lead), CWS_ECANCELED,
 * CWS_ENOMEM. */
int fetch_url(const char *url, size_t max_bytes, const atomic_bool *stop, char **out, size_t *len,
              struct cws_error *err);

bool fetch_is_url(const char *text);  /* whether it begins with http:// or https:// */
bool fetch_is_plain(const char *url); /* http:// to a host that is not this machine */
/* The URL as messages show it: without user, password and query. Cut to size. */
void fetch_url_label(const char *url, char *label, size_t size);

#endif
