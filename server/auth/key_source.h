/*
 * key_source: one place that keys come from (a file, a URL, the embedder's own secret) and the
 * bytes it gave last. Knows how to read and to judge them; the set of keys is the keyring's.
 */
#ifndef CWS_AUTH_KEY_SOURCE_H
#define CWS_AUTH_KEY_SOURCE_H

#include <councilws/token.h>
#include <stdatomic.h>

#define KEY_SOURCE_LABEL 380
#define KEY_SOURCE_MAX 262144 /* bytes of a file or an answer; 64 RSA keys have < 100,000 */

enum key_source_kind { SOURCE_SECRET, SOURCE_PEM, SOURCE_JWKS, SOURCE_LOCAL };

struct key_source {
  enum key_source_kind kind;
  char *where; /* a path or a URL; NULL for SOURCE_LOCAL */
  char *bytes; /* wiped when freed */
  size_t len;
};

/* Copies `where` (may be NULL) and `bytes` (len 0: none yet). CWS_ENOMEM. */
int key_source_init(struct key_source *s, enum key_source_kind kind, const char *where,
                    const char *bytes, size_t len);
void key_source_finish(struct key_source *s);

bool key_source_is_url(const struct key_source *s);
/* What messages call it, as in `secret file "/etc/x"`. Cut to size; KEY_SOURCE_LABEL leaves room in
 * a struct cws_error for what is wrong with it. */
void key_source_label(const struct key_source *s, char *label, size_t size);

/* Reads the bytes anew and checks that keys are in them; on failure the old ones stay. Blocks;
 * *stop as in fetch_url. CWS_ECONFIG (names the source), CWS_ECANCELED, CWS_ENOMEM. */
int key_source_read(struct key_source *s, const atomic_bool *stop, struct cws_error *err);
/* Adds its keys. Errors as above. */
int key_source_add(const struct key_source *s, struct cws_keys *keys, struct cws_error *err);

#endif
