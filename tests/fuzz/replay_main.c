/*
 * replay_main: runs a driver over every file of the folders given, so that the corpus is part of
 * the ordinary tests and needs no clang. A file NAME.hex stands for the bytes it spells. With
 * "-o DIR" first it writes what the driver would get into DIR: a corpus for libFuzzer.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/core/hex.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_file(const char *path, struct buf *b) {
  char piece[4096];
  size_t n;
  FILE *file = fopen(path, "rb");
  if (file == NULL)
    return false;
  while ((n = fread(piece, 1, sizeof piece, file)) > 0)
    buf_add(b, piece, n);
  bool is_read = ferror(file) == 0 && !b->failed;
  fclose(file);
  return is_read;
}

static bool decode_if_hex(const char *path, struct buf *b) {
  const char *dot = strrchr(path, '.');
  struct buf bytes;
  if (dot == NULL || strcmp(dot, ".hex") != 0)
    return true;
  buf_init(&bytes);
  bool is_whole = hex_decode(&bytes, b->data, b->len);
  buf_finish(b);
  *b = bytes;
  return is_whole;
}

/* In a block of exactly its size, so that a sanitizer sees a read past its end. */
static void run(const struct buf *b) {
  uint8_t *exact = malloc(b->len > 0 ? b->len : 1);
  CHECK(exact != NULL);
  if (b->len > 0)
    memcpy(exact, b->data, b->len);
  LLVMFuzzerTestOneInput(exact, b->len);
  free(exact);
}

static bool write_file(const char *folder, const char *name, const struct buf *b) {
  char path[1200];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "wb");
  if (file == NULL)
    return false;
  bool is_written = fwrite(b->data, 1, b->len, file) == b->len;
  return fclose(file) == 0 && is_written;
}

static bool run_file(const char *folder, const char *name, const char *out) {
  char path[1200];
  struct buf b;
  buf_init(&b);
  snprintf(path, sizeof path, "%s/%s", folder, name);
  bool is_fine = read_file(path, &b) && decode_if_hex(path, &b);
  if (is_fine && out != NULL)
    is_fine = write_file(out, name, &b);
  else if (is_fine)
    run(&b);
  if (!is_fine)
    fprintf(stderr, "cannot replay %s\n", path);
  buf_finish(&b);
  return is_fine;
}

/* How many files; -1 on failure. */
static int run_folder(const char *folder, const char *out) {
  int n = 0;
  bool is_fine = true;
  struct dirent *entry;
  DIR *dir = opendir(folder);
  if (dir == NULL) {
    fprintf(stderr, "cannot open %s\n", folder);
    return -1;
  }
  while (is_fine && (entry = readdir(dir)) != NULL) {
    if (entry->d_name[0] == '.')
      continue;
    is_fine = run_file(folder, entry->d_name, out);
    n++;
  }
  closedir(dir);
  return is_fine ? n : -1;
}

int main(int argc, char **argv) {
  int first = 1;
  const char *out = NULL;
  if (argc > 2 && strcmp(argv[1], "-o") == 0) {
    out = argv[2];
    first = 3;
  }
  for (int i = first; i < argc; i++) {
    int n = run_folder(argv[i], out);
    if (n < 0)
      return 1;
    printf("%d from %s\n", n, argv[i]);
  }
  return first < argc ? 0 : 2;
}
