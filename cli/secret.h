/*
 * secret: the key of a hub that was given none: 32 random bytes in hex in the state directory,
 * readable by its owner only. Commands of the same user sign their own short-lived tokens with it.
 */
#ifndef CLI_SECRET_H
#define CLI_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#define SECRET_BYTES 64 /* hex digits: what signs */

/* Reads it, or makes it first. 0 or an exit code, after saying why. */
int secret_load_or_make(char out[SECRET_BYTES + 1]);
/* Reads it. False where there is none that can be read. */
bool secret_load(char out[SECRET_BYTES + 1]);
#define SECRET_TOKEN_TTL_S 3600 /* of the tokens that commands sign for themselves */

/* A token for this user with every right; NULL where there is no secret. free(). */
char *secret_sign_token(int ttl_s);
/* Who a token is for when nobody is named. */
const char *secret_user_name(void);

#endif
