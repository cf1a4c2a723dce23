/* metrics: the table as Prometheus text; see metrics.h. */
#include "server/base/metrics.h"

static void append_one(struct buf *b, const char *name, const char *type, const char *help,
                       int64_t value) {
  buf_addf(b, "# HELP councilws_%s %s\n# TYPE councilws_%s %s\ncouncilws_%s %lld\n", name, help,
           name, type, name, (long long)value);
}

void metrics_append(const struct metrics *m, struct buf *b) {
#define METRICS_LINE(name, type, help)                                                             \
  append_one(b, #name, type, help, atomic_load_explicit(&m->name, memory_order_relaxed));
  METRICS_TABLE(METRICS_LINE)
#undef METRICS_LINE
}
