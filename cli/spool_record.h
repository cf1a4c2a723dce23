/* spool_record: one line of a spool's file. */
#ifndef CLI_SPOOL_RECORD_H
#define CLI_SPOOL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct spool_record {
  char kind;        /* 'S', 'E' or 'A' */
  const char *body; /* within the line, NUL behind it */
  size_t body_len;
};

/* Writes "CRC KIND BODY\n". */
void spool_record_write(FILE *to, char kind, const char *body, size_t len);
/* Reads a line of `len` bytes, its newline among them; cuts it there. False where it is none. */
bool spool_record_read(char *line, size_t len, struct spool_record *out);
/* 64 bits of FNV-1a. */
uint64_t spool_hash(const char *bytes, size_t len);

#endif
