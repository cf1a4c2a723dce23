/*
 * sign_in_link: the address that signs in to the dashboard: URL/#token=TOKEN. What is behind the #
 * stays in the browser: no request and no log of a hub or a proxy has it, and the page takes it out
 * of its address at once.
 */
#ifndef CLI_SIGN_IN_LINK_H
#define CLI_SIGN_IN_LINK_H

#include <stdbool.h>

/* Of the token in a link: a working day, since who looks at a dashboard is not to sign in again
 * over lunch. */
#define SIGN_IN_LINK_TTL_S (12 * 3600)

/* Whether a browser can open it: http:// or https://. */
bool sign_in_link_takes(const char *url);
/* free(); NULL when memory is out. */
char *sign_in_link_new(const char *url, const char *token);

#endif
