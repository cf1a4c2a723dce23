#include "tests/unit/hub/store_gate.h"

#include "lib/core/err.h"
#include "server/store/store.h"
#include <pthread.h>
#include <stdbool.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct {
  enum { OPEN, ARMED, OCCUPIED } state;
  int reads;
} gates[GATE_PLACES];
static int next_info_code;

void gate_arm(enum gate_place place) {
  pthread_mutex_lock(&lock);
  gates[place].state = ARMED;
  pthread_mutex_unlock(&lock);
}

void gate_wait(enum gate_place place) {
  pthread_mutex_lock(&lock);
  while (gates[place].state != OCCUPIED)
    pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
}

void gate_open(enum gate_place place) {
  pthread_mutex_lock(&lock);
  gates[place].state = OPEN;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

int gate_reads(enum gate_place place) {
  pthread_mutex_lock(&lock);
  int reads = gates[place].reads;
  pthread_mutex_unlock(&lock);
  return reads;
}

void gate_fail_info(int code) {
  pthread_mutex_lock(&lock);
  next_info_code = code;
  pthread_mutex_unlock(&lock);
}

static void pass(enum gate_place place) {
  pthread_mutex_lock(&lock);
  gates[place].reads++;
  if (gates[place].state == ARMED) {
    gates[place].state = OCCUPIED;
    pthread_cond_broadcast(&changed);
    while (gates[place].state == OCCUPIED)
      pthread_cond_wait(&changed, &lock);
  }
  pthread_mutex_unlock(&lock);
}

static int take_info_code(void) {
  pthread_mutex_lock(&lock);
  int code = next_info_code;
  next_info_code = 0;
  pthread_mutex_unlock(&lock);
  return code;
}

int __real_store_info(struct store *s, const char *request_id, struct store_info *out,
                      struct cws_error *err);
int __real_store_read(struct store *s, const char *request_id, const struct store_range *range,
                      struct store_page **out, struct cws_error *err);
int __real_store_get_position(struct store *s, const char *request_id, const char *subscriber,
                              int64_t *message_id, struct cws_error *err);
int __wrap_store_info(struct store *s, const char *request_id, struct store_info *out,
                      struct cws_error *err);
int __wrap_store_read(struct store *s, const char *request_id, const struct store_range *range,
                      struct store_page **out, struct cws_error *err);
int __wrap_store_get_position(struct store *s, const char *request_id, const char *subscriber,
                              int64_t *message_id, struct cws_error *err);

int __wrap_store_info(struct store *s, const char *request_id, struct store_info *out,
                      struct cws_error *err) {
  int code = take_info_code();
  if (code)
    return err_set(err, code, "made to fail");
  code = __real_store_info(s, request_id, out, err);
  pass(GATE_INFO);
  return code;
}

int __wrap_store_read(struct store *s, const char *request_id, const struct store_range *range,
                      struct store_page **out, struct cws_error *err) {
  pass(GATE_BEFORE_READ);
  int code = __real_store_read(s, request_id, range, out, err);
  pass(GATE_READ);
  return code;
}

int __wrap_store_get_position(struct store *s, const char *request_id, const char *subscriber,
                              int64_t *message_id, struct cws_error *err) {
  int code = __real_store_get_position(s, request_id, subscriber, message_id, err);
  pass(GATE_POSITION);
  return code;
}
