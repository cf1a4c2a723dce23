/*
 * test_model ENGINE: random sequences of steps on a hub with the memory or sqlite store, each
 * answer held against a model. The hub runs in a child, so that a step can kill it and the next
 * child goes on with what is on the disk; the model lies in memory that they share.
 *
 * The seed is printed: CWS_MODEL_SEED repeats a run, CWS_MODEL_STEPS makes it longer. A sequence
 * that fails is made as short as it will go and printed.
 */
#include "tests/model/step.h"
#include "tests/unit/support/temp_folder.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  SEQUENCE = 250, /* steps of one hub's life */
  STEPS_MEMORY = 4000,
  STEPS_SQLITE = 2000, /* each commit waits for the disk */
  SHRINK_RUNS_MAX = 400,
  CHILD_SECONDS_MAX = 60,
  RETENTION_MS = 3600000
};

struct shared {
  struct model model;
  size_t at; /* the step under way */
};

struct sequence {
  struct step steps[SEQUENCE];
  size_t count;
  int64_t max_events;
};

static struct shared *shared;
static bool is_sqlite;

static bool is_crash(const struct step *s) {
  return is_sqlite && (s->kind == STEP_CRASH || s->kind == STEP_CRASH_PUBLISH);
}

/* ---- the child ---- */

static void open_hub(struct rig *rig, const struct temp_folder *folder, const struct sequence *q) {
  fixture_init(&rig->f);
  snprintf(rig->uri, sizeof rig->uri, "%s", is_sqlite ? folder->store : "memory:");
  rig->f.options.store_uri = rig->uri;
  rig->f.options.store.max_request_events = q->max_events;
  rig->f.options.store.retention_ms = RETENTION_MS;
  rig->f.options.tail_events = 16; /* so that pages are read, too */
  rig->f.wall_ms = shared->model.wall_ms;
  fixture_open(&rig->f);
}

static void run_rest(const struct temp_folder *folder, const struct sequence *q) {
  static struct rig rig;
  rig.model = &shared->model;
  rig.is_durable = is_sqlite;
  open_hub(&rig, folder, q);
  if (shared->at > 0) { /* the last step killed the one before */
    struct model_batch b;
    const struct step *last = &q->steps[shared->at - 1];
    step_batch(last, &b);
    step_settle_crash(&rig, last->kind == STEP_CRASH_PUBLISH ? &b : NULL);
  }
  while (shared->at < q->count) {
    const struct step *s = &q->steps[shared->at++];
    step_run(&rig, s);
  }
  const struct step last = {.kind = STEP_REOPEN}, settle = {.kind = STEP_SETTLE};
  step_run(&rig, &settle);
  step_run(&rig, &last);
  for (int i = 0; i < MODEL_REQUESTS; i++) {
    const struct step info = {.kind = STEP_INFO, .request = i};
    step_run(&rig, &info);
  }
  fixture_close(&rig.f);
}

static void begin_child(const struct temp_folder *folder, const struct sequence *q, bool is_quiet) {
  int null = is_quiet ? open("/dev/null", O_WRONLY) : -1;
  if (null >= 0) {
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
  }
  alarm(CHILD_SECONDS_MAX);
  run_rest(folder, q);
  exit(0);
}

/* ---- the parent ---- */

static bool run_children(const struct temp_folder *folder, const struct sequence *q,
                         bool is_quiet) {
  for (;;) {
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
      begin_child(folder, q, is_quiet);
    if (child < 0 || waitpid(child, &status, 0) != child)
      return false;
    bool was_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (!was_killed)
      return status == 0;
    if (shared->at == 0 || !is_crash(&q->steps[shared->at - 1]))
      return false;
  }
}

static bool run_sequence(const struct sequence *q, bool is_quiet) {
  struct temp_folder folder;
  temp_folder_make(&folder);
  shared->at = 0;
  model_init(&shared->model, q->max_events, RETENTION_MS, FIXTURE_START_MS);
  bool holds = run_children(&folder, q, is_quiet);
  temp_folder_remove(&folder);
  return holds;
}

/* Without `count` steps from `from` on. */
static struct sequence without(const struct sequence *q, size_t from, size_t count) {
  struct sequence shorter = {.max_events = q->max_events};
  for (size_t i = 0; i < q->count; i++) {
    if (i < from || i >= from + count)
      shorter.steps[shorter.count++] = q->steps[i];
  }
  return shorter;
}

static void shrink(struct sequence *q) {
  int runs = 0;
  if (shared->at < q->count)
    q->count = shared->at; /* what came after the failure does not matter */
  for (size_t piece = q->count / 2; piece > 0; piece /= 2) {
    for (size_t from = 0; from < q->count && runs < SHRINK_RUNS_MAX; runs++) {
      struct sequence shorter = without(q, from, piece);
      if (run_sequence(&shorter, true))
        from += piece;
      else
        *q = shorter;
    }
  }
}

static void report(struct sequence *q, uint64_t seed) {
  printf("failed at step %zu of %zu; it is being shortened\n", shared->at, q->count);
  fflush(stdout);
  shrink(q);
  printf("max_request_events %lld, %zu steps (CWS_MODEL_SEED=%llu):\n", (long long)q->max_events,
         q->count, (unsigned long long)seed);
  for (size_t i = 0; i < q->count; i++)
    step_print(&q->steps[i]);
  puts(run_sequence(q, false) ? "(this time it held: a race)" : "(as above)");
}

static uint64_t number_of(const char *variable, uint64_t otherwise) {
  const char *text = getenv(variable);
  return text != NULL && text[0] != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

int main(int argc, char **argv) {
  uint64_t seed = number_of("CWS_MODEL_SEED", (uint64_t)time(NULL) * 1000 + (uint64_t)getpid());
  uint64_t random = seed;
  setenv("CMOCKA_TEST_ABORT", "1",
         1); /* an assert says at once what is wrong, and ends the child */
  if (argc != 2)
    return 2;
  is_sqlite = strcmp(argv[1], "sqlite") == 0;
  size_t steps = (size_t)number_of("CWS_MODEL_STEPS", is_sqlite ? STEPS_SQLITE : STEPS_MEMORY);
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED)
    return 2;
  printf("%s, %zu steps; CWS_MODEL_SEED=%llu repeats them\n", argv[1], steps,
         (unsigned long long)seed);
  for (size_t done = 0, n = 0; done < steps; done += SEQUENCE, n++) {
    struct sequence q = {.count = SEQUENCE, .max_events = n % 2 == 0 ? 0 : 20};
    for (size_t i = 0; i < q.count; i++)
      q.steps[i] = step_draw(&random);
    if (run_sequence(&q, false))
      continue;
    report(&q, seed);
    return 1;
  }
  return 0;
}
