/*
 * fuzz: what the drivers share. A driver takes any bytes and asserts what must hold of the answer,
 * not only that nothing crashes. libFuzzer calls it, or replay_main.c with the files of a corpus.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "lib/core/buf.h"
#include <councilws/error.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program, with the place and what did not hold. */
#define CHECK(holds) ((holds) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #holds))
void fuzz_fail(const char *file, int line, const char *what);

/* A call failed with rc: the error has the same code and one line of UTF-8. */
void fuzz_check_error(int rc, const struct cws_error *err);

#endif
