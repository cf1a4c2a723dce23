/* route_status: how the hub is: for front ends, for balancers, for Prometheus. */
#include <councilws/version.h>
#include <string.h>

#include "server/api/route.h"

static bool is_admin(struct call *call) {
  const char *token = bearer_of(call->request);
  struct cws_error e = {0};
  if (token == NULL || auth_check(call->api->auth, token, &call->grants, &e) != 0)
    return false; /* the plain answer is for everyone */
  return grants_is_admin(call->grants);
}

static void add_details(struct call *call, struct buf *b) {
  struct api *api = call->api;
  struct hub_totals totals;
  struct cws_error why = {0};
  hub_totals(api->hub, &totals);
  bool is_writable = store_is_writable(hub_store(api->hub), &why);
  buf_addf(b, ",\"version\":\"%s\",\"uptime_s\":%lld,\"workers\":%d", cws_version(),
           (long long)((clock_wall_ms(api->clock) - api->started_ms) / 1000), api->workers);
  buf_addf(b, ",\"store\":\"%s\",\"store_writable\":%s,\"draining\":%s",
           store_name(hub_store(api->hub)), is_writable ? "true" : "false",
           atomic_load(&api->is_draining) ? "true" : "false");
  buf_addf(b, ",\"streams\":%lld,\"events_published\":%lld,\"connections\":%lld",
           (long long)totals.streams, (long long)totals.published,
           (long long)quota_connections(api->quota));
}

void route_status(struct call *call) {
  struct buf b;
  buf_init(&b);
  buf_addf(&b, "{\"active_connections\":%lld,\"status\":\"operational\"",
           (long long)atomic_load(&call->api->metrics->watchers));
  if (is_admin(call))
    add_details(call, &b);
  buf_add_char(&b, '}');
  call_reply(call, 200, &b);
  buf_finish(&b);
}

void route_live(struct call *call) {
  struct buf b;
  buf_init(&b);
  buf_add_str(&b, "{\"status\":\"ok\"}");
  call_reply(call, 200, &b);
  buf_finish(&b);
}

static void add_log_kept(struct buf *b, const struct store *store) {
  struct store_log_kept kept;
  if (store_log_kept(store, &kept))
    buf_addf(b, ",\"log\":{\"replicas\":%d,\"storage\":\"%s\"}", kept.replicas,
             kept.is_in_memory ? "memory" : "file");
}

void route_ready(struct call *call) {
  struct cws_error why = {0};
  struct buf b;
  buf_init(&b);
  int status = 200;
  if (atomic_load(&call->api->is_draining)) {
    status = 503;
    buf_add_str(&b, "{\"status\":\"draining\"}");
  } else if (!store_is_writable(hub_store(call->api->hub), &why)) {
    status = 503;
    buf_add_str(&b, "{\"status\":\"store_unavailable\",\"message\":");
    buf_add_json_str(&b, why.message, strlen(why.message));
    buf_add_char(&b, '}');
  } else {
    buf_add_str(&b, "{\"status\":\"ready\"");
    add_log_kept(&b, hub_store(call->api->hub));
    buf_add_char(&b, '}');
  }
  call_reply(call, status, &b);
  buf_finish(&b);
}

void route_metrics(struct call *call) {
  struct buf b;
  buf_init(&b);
  atomic_store(&call->api->metrics->connections, quota_connections(call->api->quota));
  metrics_append(call->api->metrics, &b);
  call_reply_as(call, "text/plain; version=0.0.4", &b);
  buf_finish(&b);
}
