/* reply: what an HTTP answer of the hub means as an error. Pure. */
#ifndef CWS_CLIENT_REPLY_H
#define CWS_CLIENT_REPLY_H

#include <councilws/error.h>
#include <stddef.h>

/* Fills *err from a status that is no success and the body of PROTOCOL "Errors"; from the status
 * alone where the body says nothing (a proxy answered, say). Returns the code. */
int reply_error(int status, const char *body, size_t len, struct cws_error *err);

#endif
