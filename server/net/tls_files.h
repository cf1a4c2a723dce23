/* tls_files: whether a certificate, its key and the clients' CAs can be used, before anything
 * depends on them. */
#ifndef CWS_NET_TLS_FILES_H
#define CWS_NET_TLS_FILES_H

#include <councilws/error.h>

/* client_ca may be NULL. CWS_ECONFIG names the file and what is wrong with it. */
int tls_files_check(const char *cert, const char *key, const char *client_ca,
                    struct cws_error *err);

#endif
