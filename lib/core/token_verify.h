/* token_verify: what the hub asks of a token beyond the public header. */
#ifndef CWS_CORE_TOKEN_VERIFY_H
#define CWS_CORE_TOKEN_VERIFY_H

#include <councilws/token.h>

/* Whether the token names a key ("kid") that the set lacks: reason to look for newer keys. */
bool token_names_unknown_key(const struct cws_keys *keys, const char *token, size_t len);

#endif
