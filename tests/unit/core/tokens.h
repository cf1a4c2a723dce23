/* tokens: keys of tests/data/tokens and short ways to sign and verify with them. */
#ifndef TESTS_UNIT_CORE_TOKENS_H
#define TESTS_UNIT_CORE_TOKENS_H

#include <councilws/token.h>

#define NOW_S INT64_C(1800000000) /* the clock that the tokens of the case files were made for */

/* A new set; each of these fails the test where it does not succeed. */
struct cws_keys *keys_of_secret(const char *secret);
struct cws_keys *keys_of_file(const char *name); /* of tests/data/tokens: "pem/valid/….pem" */
void keys_add_file(struct cws_keys *keys, const char *name);
/* The secret and the public keys that verify the tokens of tests/data/tokens/jwt. */
struct cws_keys *keys_of_case_files(void);

struct cws_sign_options signing(const char *alg); /* sub "ann", for an hour from NOW_S */
char *sign(const struct cws_keys *keys, const char *alg);
/* 0 or why not; the claims, where `out` is given. */
int verify(const struct cws_keys *keys, const char *token, struct cws_claims_owned **out,
           struct cws_error *err);

#endif
