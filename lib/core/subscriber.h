/* subscriber: the name behind an acknowledged position: a token's sub, or sub/NAME. Pure. PROTOCOL
 * "Nouns". */
#ifndef CWS_CORE_SUBSCRIBER_H
#define CWS_CORE_SUBSCRIBER_H

#include <councilws/error.h>

#define SUBSCRIBER_NAME_MAX 64 /* characters, beside the token's sub */

/* 0 if `name` is 1–64 of A-Z a-z 0-9 . _ ~ : - , else CWS_EBADREQUEST. */
int subscriber_name_check(const char *name, struct cws_error *err);
/* `name` NULL: none. '/' and '%' in `sub` are percent-escaped, so that no two pairs meet in one
 * name. *out is the caller's, free with free(). CWS_EBADREQUEST (longer than CWS_SUBSCRIBER_MAX),
 * CWS_ENOMEM. */
int subscriber_format(const char *sub, const char *name, char **out, struct cws_error *err);

#endif
