/* mailbox: a list under a mutex and one uv_async; see mailbox.h. */
#include "server/net/mailbox.h"

#include <councilws/error.h>
#include <stdbool.h>
#include <stdlib.h>

struct mailbox {
  uv_async_t async;
  uv_mutex_t mutex;
  struct mail *first, **last;
};

static struct mail *take_all(struct mailbox *mailbox) {
  uv_mutex_lock(&mailbox->mutex);
  struct mail *mail = mailbox->first;
  mailbox->first = NULL;
  mailbox->last = &mailbox->first;
  uv_mutex_unlock(&mailbox->mutex);
  return mail;
}

/* What a run posts meanwhile is left for the next turn, so that sockets get theirs, too. */
static void run_all(struct mail *mail) {
  while (mail != NULL) {
    struct mail *next = mail->next;
    mail->run(mail);
    mail = next;
  }
}

static void on_wake(uv_async_t *async) {
  run_all(take_all(async->data));
}

int mailbox_open(uv_loop_t *loop, struct mailbox **out) {
  struct mailbox *mailbox = calloc(1, sizeof *mailbox);
  if (mailbox == NULL)
    return CWS_ENOMEM;
  mailbox->last = &mailbox->first;
  if (uv_mutex_init(&mailbox->mutex) != 0) {
    free(mailbox);
    return CWS_ENOMEM;
  }
  if (uv_async_init(loop, &mailbox->async, on_wake) != 0) {
    uv_mutex_destroy(&mailbox->mutex);
    free(mailbox);
    return CWS_ESYSTEM;
  }
  mailbox->async.data = mailbox;
  *out = mailbox;
  return 0;
}

void mailbox_post(struct mailbox *mailbox, struct mail *mail) {
  mail->next = NULL;
  uv_mutex_lock(&mailbox->mutex);
  bool was_empty = mailbox->first == NULL;
  *mailbox->last = mail;
  mailbox->last = &mail->next;
  uv_mutex_unlock(&mailbox->mutex);
  if (was_empty)
    uv_async_send(&mailbox->async);
}

static void on_closed(uv_handle_t *handle) {
  struct mailbox *mailbox = handle->data;
  uv_mutex_destroy(&mailbox->mutex);
  free(mailbox);
}

void mailbox_close(struct mailbox *mailbox) {
  struct mail *mail;
  while ((mail = take_all(mailbox)) != NULL)
    run_all(mail);
  uv_close((uv_handle_t *)&mailbox->async, on_closed);
}
