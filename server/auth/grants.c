/* grants: see grants.h. */
#include "server/auth/grants.h"

#include <stdlib.h>
#include <string.h>

struct grants *grants_new(struct cws_claims_owned *claims, const char *token) {
  struct grants *g = calloc(1, sizeof *g);
  const struct cws_claims *view = cws_claims_view(claims);
  if (g != NULL) {
    atomic_init(&g->refs, 1);
    g->claims = claims;
    g->sub = strdup(view->sub);
    g->token = strdup(token);
    g->exp_s = view->exp;
    if (g->sub != NULL && g->token != NULL)
      return g;
    grants_free(g);
    return NULL;
  }
  cws_claims_free(claims);
  return NULL;
}

struct grants *grants_ref(struct grants *g) {
  atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
  return g;
}

void grants_free(struct grants *g) {
  if (g == NULL || atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) > 1)
    return;
  cws_claims_free(g->claims);
  free(g->sub);
  free(g->token);
  free(g);
}

static bool any_matches(const char *const *globs, const char *request_id) {
  for (; *globs != NULL; globs++) {
    if (cws_glob_match(*globs, request_id))
      return true;
  }
  return false;
}

bool grants_may_watch(const struct grants *g, const char *request_id, const char *owner) {
  const struct cws_claims *c = cws_claims_view(g->claims);
  if (c->has_rights)
    return c->admin || any_matches(c->subscribe, request_id);
  return owner == NULL || owner[0] == '\0' || strcmp(owner, g->sub) == 0;
}

bool grants_may_publish(const struct grants *g, const char *request_id) {
  const struct cws_claims *c = cws_claims_view(g->claims);
  return c->has_rights && (c->admin || any_matches(c->publish, request_id));
}

bool grants_is_admin(const struct grants *g) {
  const struct cws_claims *c = cws_claims_view(g->claims);
  return c->has_rights && c->admin;
}
