/* pair: see pair.h. */
#include "tests/unit/store/pair.h"

#include "tests/unit/store/fake_log.h"

int pair_set_up(void **state) {
  struct pair *p = calloc(1, sizeof(*p));
  world_init(&p->a, "shared");
  world_init(&p->b, "shared");
  p->a.log = p->b.log = fake_log_new("log");
  p->a.owns_log = true;
  *state = p;
  return 0;
}

int pair_tear_down(void **state) {
  struct pair *p = *state;
  world_finish(&p->b);
  world_finish(&p->a);
  free(p);
  return 0;
}
