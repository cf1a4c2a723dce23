/* sqlite_pool: the reading connections, opened when first needed, lent to one thread at a time. */
#include "lib/core/err.h"
#include "server/store/sqlite.h"

int sqlite_pool_init(struct sqlite_pool *pool) {
  *pool = (struct sqlite_pool){0};
  if (pthread_mutex_init(&pool->lock, NULL) != 0)
    return CWS_ENOMEM;
  if (pthread_cond_init(&pool->freed, NULL) == 0)
    return 0;
  pthread_mutex_destroy(&pool->lock);
  return CWS_ENOMEM;
}

void sqlite_pool_finish(struct sqlite_pool *pool) {
  for (int i = 0; i < pool->idle_count; i++)
    sqlite_conn_close(pool->idle[i]);
  pthread_cond_destroy(&pool->freed);
  pthread_mutex_destroy(&pool->lock);
}

static void put_back(struct sqlite_pool *pool, struct sqlite_conn *c) {
  pthread_mutex_lock(&pool->lock);
  pool->idle[pool->idle_count++] = c;
  pthread_cond_signal(&pool->freed);
  pthread_mutex_unlock(&pool->lock);
}

/* One that is free, maybe not open yet. */
static struct sqlite_conn *take_any(struct sqlite_pool *pool) {
  struct sqlite_conn *c;
  pthread_mutex_lock(&pool->lock);
  while (pool->idle_count == 0 && pool->open_count == SQLITE_STORE_READERS)
    pthread_cond_wait(&pool->freed, &pool->lock);
  if (pool->idle_count > 0)
    c = pool->idle[--pool->idle_count];
  else
    c = &pool->conns[pool->open_count++];
  pthread_mutex_unlock(&pool->lock);
  return c;
}

int sqlite_pool_take(struct sqlite_engine *e, struct sqlite_conn **out, struct cws_error *err) {
  struct sqlite_conn *c = take_any(&e->pool);
  int code = 0;
  if (c->db == NULL)
    code = sqlite_conn_open(c, e->path, SQLITE_CONN_READER, err);
  if (code == 0)
    code = sqlite_do(c, SQL_BEGIN_READ, err);
  if (code != 0) {
    put_back(&e->pool, c);
    return code;
  }
  *out = c;
  return 0;
}

void sqlite_pool_give(struct sqlite_engine *e, struct sqlite_conn *c) {
  /* Ending a read cannot lose anything; should it fail, the connection is made anew. */
  if (sqlite_do(c, SQL_COMMIT, NULL) != 0)
    sqlite_conn_close(c);
  put_back(&e->pool, c);
}
