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
/* A token for this user with every right, good for an hour; NULL where there is no secret. free().
 */
char *secret_sign_token(void);

#endif
