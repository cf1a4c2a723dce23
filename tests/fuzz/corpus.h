/*
 * corpus: the inputs of a driver, from the files of folders. A file NAME.hex stands for the bytes
 * it spells. The dictionary of a driver is read here, too: lines "TOKEN" with \\, \" and \xNN, as
 * libFuzzer has it.
 */
#ifndef TESTS_FUZZ_CORPUS_H
#define TESTS_FUZZ_CORPUS_H

#include "lib/core/buf.h"
#include <stdbool.h>
#include <stddef.h>

struct corpus_item {
  char name[256];
  struct buf bytes;
};

struct corpus {
  struct corpus_item *items;
  size_t count;
};

/* Adds every file of `folder`, by name. False, and told on standard error, when one cannot be read.
 */
bool corpus_add_folder(struct corpus *corpus, const char *folder);
bool corpus_add_dictionary(struct corpus *corpus, const char *path);
bool corpus_write(const struct corpus *corpus, const char *folder);
void corpus_finish(struct corpus *corpus);

#endif
