/* corpus: see corpus.h. */
#include "tests/fuzz/corpus.h"

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

/* An empty item at the end, or NULL. */
static struct corpus_item *add(struct corpus *corpus, const char *name) {
  struct corpus_item *items = realloc(corpus->items, (corpus->count + 1) * sizeof *items);
  if (items == NULL)
    return NULL;
  corpus->items = items;
  struct corpus_item *item = &items[corpus->count++];
  snprintf(item->name, sizeof item->name, "%s", name);
  buf_init(&item->bytes);
  return item;
}

static bool add_file(struct corpus *corpus, const char *folder, const char *name) {
  char path[1200];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  struct corpus_item *item = add(corpus, name);
  bool is_fine = item != NULL && read_file(path, &item->bytes) && decode_if_hex(path, &item->bytes);
  if (!is_fine)
    fprintf(stderr, "cannot read %s\n", path);
  return is_fine;
}

static int is_visible(const struct dirent *entry) {
  return entry->d_name[0] != '.';
}

bool corpus_add_folder(struct corpus *corpus, const char *folder) {
  struct dirent **entries;
  int n = scandir(folder, &entries, is_visible, alphasort);
  bool is_fine = n >= 0;
  if (!is_fine)
    fprintf(stderr, "cannot open %s\n", folder);
  for (int i = 0; i < n; i++) {
    is_fine = is_fine && add_file(corpus, folder, entries[i]->d_name);
    free(entries[i]);
  }
  if (n >= 0)
    free(entries);
  return is_fine;
}

/* The token between the quotes of a line, unescaped. */
static bool take_token(struct buf *b, const char *p) {
  for (; *p != '"' && *p != '\0'; p++) {
    char pair[3] = "";
    if (*p != '\\') {
      buf_add_char(b, *p);
    } else if (*++p != 'x') {
      buf_add_char(b, *p);
    } else {
      memcpy(pair, p + 1, strnlen(p + 1, 2));
      buf_add_char(b, (char)strtol(pair, NULL, 16));
      p += strlen(pair);
    }
  }
  return *p == '"' && b->len > 0 && !b->failed;
}

bool corpus_add_dictionary(struct corpus *corpus, const char *path) {
  char line[300];
  bool is_fine = true;
  FILE *file = fopen(path, "r");
  if (file == NULL)
    fprintf(stderr, "cannot open %s\n", path);
  while (file != NULL && is_fine && fgets(line, sizeof line, file) != NULL) {
    if (line[0] != '"')
      continue; /* a comment or an empty line */
    struct corpus_item *item = add(corpus, line);
    is_fine = item != NULL && take_token(&item->bytes, line + 1);
    if (!is_fine)
      fprintf(stderr, "%s: not a token: %s", path, line);
  }
  if (file != NULL)
    fclose(file);
  return file != NULL && is_fine;
}

bool corpus_write(const struct corpus *corpus, const char *folder) {
  for (size_t i = 0; i < corpus->count; i++) {
    const struct corpus_item *item = &corpus->items[i];
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", folder, item->name);
    FILE *file = fopen(path, "wb");
    bool is_written =
        file != NULL && fwrite(item->bytes.data, 1, item->bytes.len, file) == item->bytes.len;
    if (file != NULL)
      is_written = fclose(file) == 0 && is_written;
    if (!is_written) {
      fprintf(stderr, "cannot write %s\n", path);
      return false;
    }
  }
  return true;
}

void corpus_finish(struct corpus *corpus) {
  for (size_t i = 0; i < corpus->count; i++)
    buf_finish(&corpus->items[i].bytes);
  free(corpus->items);
}
