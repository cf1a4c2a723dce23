/* temp_folder: a folder of the test's own, with room for a store in it. */
#ifndef CWS_TEST_TEMP_FOLDER_H
#define CWS_TEST_TEMP_FOLDER_H

struct temp_folder {
  char path[64];
  char db[96];     /* a file that is not there yet */
  char store[112]; /* "sqlite:" and that file */
};

void temp_folder_make(struct temp_folder *f);
/* Writes a whole file of that name in it; the text as it is. */
void temp_folder_write(const struct temp_folder *f, const char *name, const char *text);
/* With the files in it; it has no folders. */
void temp_folder_remove(const struct temp_folder *f);

#endif
