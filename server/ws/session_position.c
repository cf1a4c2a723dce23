/* session_position: see session_position.h. */
#include "server/ws/session_position.h"

#include <string.h>

static int64_t lesser(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static void choose_after(const struct position_wish *wish, const struct stream_info *info,
                         struct position *out) {
  bool has_epoch = wish->epoch[0] != '\0';
  bool is_same = has_epoch && strcmp(wish->epoch, info->epoch) == 0;
  bool is_ahead = wish->after > info->last_id; /* it was shown more at another hub */
  if (wish->after == 0 || (!is_ahead && !has_epoch) ||
      (is_same && (!is_ahead || info->is_shared))) {
    out->resume_from = wish->after;
    out->ack_floor = is_same ? 0 : wish->after;
    return;
  }
  out->is_other_epoch = true;
}

void position_choose(const struct position_wish *wish, int64_t acked,
                     const struct stream_info *info, struct position *out) {
  memset(out, 0, sizeof(*out));
  if (wish->after >= 0) {
    choose_after(wish, info, out);
    return;
  }
  switch (wish->from) {
  case POSITION_FROM_START:
    break;
  case POSITION_FROM_NEW:
    out->resume_from = out->ack_floor = info->last_id;
    break;
  case POSITION_FROM_ACKED:
    out->resume_from = out->ack_floor = lesser(acked, info->last_id);
    break;
  }
}
