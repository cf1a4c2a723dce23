/* temp_folder: see temp_folder.h. */
#include "tests/unit/support/temp_folder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void temp_folder_make(struct temp_folder *f) {
  snprintf(f->path, sizeof f->path, "/tmp/cws-test-XXXXXX");
  if (mkdtemp(f->path) == NULL)
    abort();
  snprintf(f->db, sizeof f->db, "%s/hub.db", f->path);
  snprintf(f->store, sizeof f->store, "sqlite:%s", f->db);
}

void temp_folder_write(const struct temp_folder *f, const char *name, const char *text) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", f->path, name);
  FILE *file = fopen(path, "w");
  if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
    abort();
}

void temp_folder_remove(const struct temp_folder *f) {
  DIR *dir = opendir(f->path);
  const struct dirent *entry;
  while (dir != NULL && (entry = readdir(dir)) != NULL) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", f->path, entry->d_name);
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      unlink(path);
  }
  if (dir != NULL)
    closedir(dir);
  rmdir(f->path);
}
