/*
 * store_epochs: remembers the epochs of the streams that were removed last, so that a request that
 * begins again with one of them gets another. For the writer's thread only.
 */
#include "server/store/store_front.h"

#include <stdio.h>
#include <string.h>

#define EPOCH_SUFFIX 3 /* characters that may be put behind a wish */

void store_epochs_add(struct store_epochs *epochs, struct siphash request, const char *epoch) {
  size_t i = epochs->next;
  epochs->gone[i].request = request;
  snprintf(epochs->gone[i].epoch, sizeof(epochs->gone[i].epoch), "%s", epoch);
  epochs->next = (i + 1) % STORE_EPOCHS_KEPT;
}

static bool is_gone(const struct store_epochs *epochs, struct siphash request, const char *epoch) {
  for (size_t i = 0; i < STORE_EPOCHS_KEPT; i++)
    if (epochs->gone[i].request.word[0] == request.word[0] &&
        epochs->gone[i].request.word[1] == request.word[1] &&
        strcmp(epochs->gone[i].epoch, epoch) == 0)
      return true;
  return false;
}

void store_epochs_choose(const struct store_epochs *epochs, struct siphash request,
                         const char *wish, char out[CWS_EPOCH_MAX + 1]) {
  static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
  snprintf(out, CWS_EPOCH_MAX + 1, "%s", wish);
  size_t at = strlen(out);
  if (at > CWS_EPOCH_MAX - EPOCH_SUFFIX)
    at = CWS_EPOCH_MAX - EPOCH_SUFFIX;
  /* There are more suffixes (36³) than epochs are kept, so this ends. */
  for (unsigned n = 1; is_gone(epochs, request, out); n++) {
    unsigned rest = n;
    for (size_t i = 0; i < EPOCH_SUFFIX; i++, rest /= 36)
      out[at + i] = digits[rest % 36];
    out[at + EPOCH_SUFFIX] = '\0';
  }
}
