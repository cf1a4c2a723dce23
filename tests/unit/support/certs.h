/* certs: a CA of the test's own and server certificates signed by it, as PEM files in a new folder.
 */
#ifndef CWS_TEST_CERTS_H
#define CWS_TEST_CERTS_H

#include <stdbool.h>

struct certs {
  char folder[64], ca[96], cert[96], key[96];
};

/* `names` is a subjectAltName: "IP:127.0.0.1,DNS:localhost". valid_days < 0: expired that long ago.
 */
void certs_make(struct certs *c, const char *names, int valid_days);
void certs_remove(struct certs *c);

#endif
