/* mail: something to be done on another thread's loop; embedded in what it carries. See
 * net/mailbox.h. */
#ifndef CWS_BASE_MAIL_H
#define CWS_BASE_MAIL_H

struct mail {
  struct mail *next;              /* the mailbox's */
  void (*run)(struct mail *mail); /* on the owner's loop; may free or post the mail again */
};

#endif
