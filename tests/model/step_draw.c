/* step_draw: which steps there are, how often each comes, and what it is called when it is printed.
 */
#include "tests/model/step.h"
#include <stdio.h>
#include <string.h>

static const struct {
  const char *name;
  int weight;
} KINDS[STEP_KINDS] = {
    [STEP_PUBLISH] = {"publish", 14},
    [STEP_PUBLISH_IDS] = {"publish with event ids", 18},
    [STEP_PUBLISH_OTHER] = {"publish with used ids and other content", 5},
    [STEP_PUBLISH_KEY] = {"publish with a key", 6},
    [STEP_READ] = {"read", 8},
    [STEP_INFO] = {"info", 6},
    [STEP_WATCH] = {"watch", 6},
    [STEP_UNWATCH] = {"unwatch", 4},
    [STEP_ACK] = {"ack", 12},
    [STEP_POSITION] = {"position", 6},
    [STEP_SETTLE] = {"settle", 4},
    [STEP_DELETE] = {"delete", 2},
    [STEP_SWEEP] = {"sweep", 2},
    [STEP_LIST] = {"list", 2},
    [STEP_EVICT] = {"evict", 3},
    [STEP_SAVE] = {"save", 2},
    [STEP_REOPEN] = {"reopen", 2},
    [STEP_CRASH] = {"crash", 1},
    [STEP_CRASH_PUBLISH] = {"crash in a publish", 2},
};

static uint64_t next(uint64_t *random) { /* splitmix64 */
  uint64_t v = *random += 0x9e3779b97f4a7c15u;
  v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9u;
  v = (v ^ (v >> 27)) * 0x94d049bb133111ebu;
  return v ^ (v >> 31);
}

static int below(uint64_t *random, int n) {
  return (int)(next(random) % (uint64_t)n);
}

static enum step_kind draw_kind(uint64_t *random) {
  int total = 0, at;
  for (int i = 0; i < STEP_KINDS; i++)
    total += KINDS[i].weight;
  at = below(random, total);
  int kind = 0;
  while (at >= KINDS[kind].weight)
    at -= KINDS[kind++].weight;
  return (enum step_kind)kind;
}

struct step step_draw(uint64_t *random) {
  struct step s = {.kind = draw_kind(random)};
  s.request = below(random, MODEL_REQUESTS);
  s.who = below(random, STEP_WATCHERS);
  s.n = below(random, 60);
  s.count = below(random, 4) == 0 ? 1 + below(random, MODEL_BATCH) : 1 + below(random, 3);
  return s;
}

void step_print(const struct step *s) {
  printf("  %s: request r%d, who %d, n %d, count %d\n", KINDS[s->kind].name, s->request, s->who,
         s->n, s->count);
}

static void event_id(const struct step *s, int i, struct model_event *e) {
  int id = 1 + (s->n + i) % 50;
  int variant = s->kind == STEP_PUBLISH_OTHER ? 1 : 0;
  *e = (struct model_event){.data = id * 10 + variant, .id = id, .content = id * 10 + variant};
}

/* Event i of a key has an id of its own; the first one stands for the whole batch. */
static void key_id(const struct step *s, int i, struct model_event *e) {
  int key = 1 + s->n % 20;
  int data = key * 100 + i;
  *e = (struct model_event){.data = data, .id = 1000 + data, .content = data};
  if (i == 0)
    e->content = data + s->count * 100000;
}

void step_batch(const struct step *s, struct model_batch *b) {
  memset(b, 0, sizeof *b);
  b->request = s->request;
  b->count = s->count;
  b->key = s->kind == STEP_PUBLISH_KEY ? 1 + s->n % 20 : 0;
  for (int i = 0; i < s->count; i++) {
    if (s->kind == STEP_PUBLISH)
      b->events[i] = (struct model_event){.data = 1000000 + s->n * 100 + i};
    else if (s->kind == STEP_PUBLISH_KEY)
      key_id(s, i, &b->events[i]);
    else
      event_id(s, i, &b->events[i]);
  }
}
