/*
 * replay_main: runs a driver over every file of the folders given and over random changes of them,
 * so that a short round is part of the ordinary tests and needs no clang.
 *
 *   fuzz_X_replay [-n RUNS] [-d DICTIONARY] FOLDER…   the corpus, then RUNS changes of it
 *   fuzz_X_replay -o DIR FOLDER…                      writes a corpus for libFuzzer into DIR
 *   fuzz_X_replay -f FILE                             one input, as it is
 *
 * The seed is printed; CWS_FUZZ_SEED repeats a run, CWS_FUZZ_RUNS makes it longer. The driver runs
 * in a child: when that dies or takes too long, the input it was at is kept as fuzz_failed.NAME.
 */
#include "tests/fuzz/corpus.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { INPUT_MAX = 1 << 16, SECONDS_MAX = 20 };

/* Shared with the child: what it is at. */
struct at {
  size_t number; /* of the change; 0 while it replays the corpus */
  size_t len;
  uint8_t input[INPUT_MAX];
};

struct plan {
  struct corpus corpus, words;
  uint64_t seed;
  size_t runs;
  const char *out, *file;
};

/* In a block of exactly its size, so that a sanitizer sees a read past its end. */
static void run(struct at *at, const struct buf *b) {
  uint8_t *exact = malloc(b->len > 0 ? b->len : 1);
  CHECK(exact != NULL);
  at->len = b->len < INPUT_MAX ? b->len : INPUT_MAX;
  if (b->len > 0) {
    memcpy(exact, b->data, b->len);
    memcpy(at->input, b->data, at->len);
  }
  alarm(SECONDS_MAX);
  LLVMFuzzerTestOneInput(exact, b->len);
  alarm(0);
  free(exact);
}

/* The child: leaves by exit, so that what it lost is reported. */
static void run_all(struct plan *plan, struct at *at) {
  struct buf changed;
  uint64_t state = plan->seed;
  buf_init(&changed);
  for (size_t i = 0; i < plan->corpus.count; i++)
    run(at, &plan->corpus.items[i].bytes);
  while (at->number < plan->runs) {
    at->number++;
    mutate_make(&changed, &plan->corpus, &plan->words, INPUT_MAX, &state);
    run(at, &changed);
  }
  buf_finish(&changed);
}

static void keep_input(const struct at *at, char *program) {
  char path[300];
  snprintf(path, sizeof path, "fuzz_failed.%s", basename(program));
  FILE *file = fopen(path, "wb");
  bool is_kept = file != NULL && fwrite(at->input, 1, at->len, file) == at->len;
  if (file != NULL)
    is_kept = fclose(file) == 0 && is_kept;
  printf("%s: %s (try it again with -f)\n", is_kept ? "the input is in" : "cannot write", path);
}

static int run_in_child(struct plan *plan, char *program) {
  int status = 0;
  struct at *at = mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(at != MAP_FAILED);
  printf("%zu inputs, then %zu changes of them; CWS_FUZZ_SEED=%llu repeats them\n",
         plan->corpus.count, plan->runs, (unsigned long long)plan->seed);
  fflush(stdout);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    run_all(plan, at);
    corpus_finish(&plan->corpus);
    corpus_finish(&plan->words);
    exit(0);
  }
  CHECK(waitpid(child, &status, 0) == child);
  if (status != 0) {
    printf("failed at change %zu%s\n", at->number,
           WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? ": it took too long" : "");
    keep_input(at, program);
  }
  munmap(at, sizeof *at);
  return status == 0 ? 0 : 1;
}

static int run_file(const char *path) {
  struct buf b;
  char piece[4096];
  size_t n;
  FILE *file = fopen(path, "rb");
  if (file == NULL)
    return 2;
  buf_init(&b);
  while ((n = fread(piece, 1, sizeof piece, file)) > 0)
    buf_add(&b, piece, n);
  fclose(file);
  LLVMFuzzerTestOneInput((const uint8_t *)b.data, b.len);
  buf_finish(&b);
  return 0;
}

static uint64_t number_of(const char *variable, uint64_t otherwise) {
  const char *text = getenv(variable);
  return text != NULL && text[0] != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

static bool read_arguments(struct plan *plan, int argc, char **argv) {
  bool is_fine = true;
  for (int opt; is_fine && (opt = getopt(argc, argv, "n:d:o:f:")) != -1;) {
    if (opt == 'n')
      plan->runs = strtoul(optarg, NULL, 10);
    else if (opt == 'd')
      is_fine = corpus_add_dictionary(&plan->words, optarg);
    else if (opt == 'o')
      plan->out = optarg;
    else if (opt == 'f')
      plan->file = optarg;
    else
      is_fine = false;
  }
  for (int i = optind; i < argc && is_fine; i++)
    is_fine = corpus_add_folder(&plan->corpus, argv[i]);
  return is_fine && (plan->corpus.count > 0 || plan->file != NULL);
}

int main(int argc, char **argv) {
  struct plan plan = {0};
  int code = 2;
  if (read_arguments(&plan, argc, argv)) {
    if (plan.runs > 0)
      plan.runs = number_of("CWS_FUZZ_RUNS", plan.runs);
    plan.seed = number_of("CWS_FUZZ_SEED", (uint64_t)time(NULL) * 1000 + (uint64_t)getpid());
    if (plan.file != NULL)
      code = run_file(plan.file);
    else if (plan.out != NULL)
      code = corpus_write(&plan.corpus, plan.out) ? 0 : 1;
    else
      code = run_in_child(&plan, argv[0]);
  }
  corpus_finish(&plan.corpus);
  corpus_finish(&plan.words);
  return code;
}
