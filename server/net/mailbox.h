/*
 * mailbox: how threads meet. Any thread posts, the owner's loop runs the mail in the
 * order of posting. Mail is embedded in what it carries, so posting cannot fail.
 */
#ifndef CWS_NET_MAILBOX_H
#define CWS_NET_MAILBOX_H

#include "server/base/mail.h"
#include <uv.h>

struct mailbox;

/* On the loop's thread. 0 or a CWS_E code. */
int mailbox_open(uv_loop_t *loop, struct mailbox **out);
/* Any thread. After mailbox_close has begun the mail is never run: close only when nobody posts. */
void mailbox_post(struct mailbox *mailbox, struct mail *mail);
/* On the loop's thread: runs what is left, then closes; frees itself as the loop turns. */
void mailbox_close(struct mailbox *mailbox);

#endif
