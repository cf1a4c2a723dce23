/* split: a line into words as a shell does: blanks divide, '…' and "…" hold together, \ takes the
 * next character as it is, # begins a comment where a word could begin. Nothing is expanded. */
#ifndef CLI_SPLIT_H
#define CLI_SPLIT_H

#include <stdbool.h>

/* The words, NULL behind them, for split_free; *count of them. NULL when a quote is open at the end
 * (*is_open) or memory is out. */
char **split_words(const char *line, int *count, bool *is_open);
void split_free(char **words); /* NULL is fine */

#endif
