/* support: see support.h. */
#include "tests/unit/auth/support.h"

#include <dirent.h>
#include <jose/b64.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <unistd.h>

/* ---- time ---- */

static int64_t fake_wall_ms(void *user) {
  return atomic_load(&((struct fake_time *)user)->wall_ms);
}

static int64_t fake_mono_ms(void *user) {
  return atomic_load(&((struct fake_time *)user)->mono_ms);
}

void fake_time_init(struct fake_time *t) {
  atomic_init(&t->wall_ms, INT64_C(1000) * NOW_S);
  atomic_init(&t->mono_ms, 5000);
  t->clock = (struct clock){.wall_ms = fake_wall_ms, .mono_ms = fake_mono_ms, .user = t};
}

void fake_time_pass(struct fake_time *t, int64_t ms) {
  atomic_fetch_add(&t->wall_ms, ms);
  atomic_fetch_add(&t->mono_ms, ms);
}

/* ---- tokens ---- */

static size_t add_part(char *at, size_t room, const void *bytes, size_t len) {
  size_t n = jose_b64_enc_buf(bytes, len, at, room);
  assert_true(n != SIZE_MAX);
  return n;
}

char *token_craft(const char *header, const char *claims, const char *secret) {
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned int mac_len = 0;
  size_t size = 2 * (strlen(header) + strlen(claims)) + 256;
  char *token = calloc(1, size);
  assert_non_null(token);
  size_t len = add_part(token, size, header, strlen(header));
  token[len++] = '.';
  len += add_part(token + len, size - len, claims, strlen(claims));
  HMAC(EVP_sha256(), secret, (int)strlen(secret), (unsigned char *)token, len, mac, &mac_len);
  token[len++] = '.';
  add_part(token + len, size - len, mac, mac_len);
  return token;
}

char *token_of_ann(const char *secret, const char *kid) {
  char header[128], claims[128];
  snprintf(header, sizeof header, "{\"alg\":\"HS256\"%s%s%s}", kid != NULL ? ",\"kid\":\"" : "",
           kid != NULL ? kid : "", kid != NULL ? "\"" : "");
  snprintf(claims, sizeof claims, "{\"sub\":\"ann\",\"exp\":%d}", NOW_S + 3600);
  return token_craft(header, claims, secret);
}

static char *text_of(BIO *bio) {
  char *data = NULL;
  long len = BIO_get_mem_data(bio, &data);
  char *text = strndup(data, (size_t)len);
  BIO_free(bio);
  assert_non_null(text);
  return text;
}

void pem_make(char **private_pem, char **public_pem) {
  EVP_PKEY *key = EVP_EC_gen("P-256");
  BIO *secret = BIO_new(BIO_s_mem()), *open = BIO_new(BIO_s_mem());
  assert_int_equal(PEM_write_bio_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL), 1);
  assert_int_equal(PEM_write_bio_PUBKEY(open, key), 1);
  *private_pem = text_of(secret);
  *public_pem = text_of(open);
  EVP_PKEY_free(key);
}

/* ---- files ---- */

void folder_init(struct folder *f) {
  snprintf(f->path, sizeof f->path, "/tmp/cws-auth-XXXXXX");
  assert_non_null(mkdtemp(f->path));
}

void folder_finish(struct folder *f) {
  DIR *dir = opendir(f->path);
  assert_non_null(dir);
  for (struct dirent *d = readdir(dir); d != NULL; d = readdir(dir)) {
    char path[sizeof f->path + sizeof d->d_name];
    snprintf(path, sizeof path, "%s/%s", f->path, d->d_name);
    if (d->d_name[0] != '.')
      unlink(path);
  }
  closedir(dir);
  rmdir(f->path);
}

struct path folder_at(const struct folder *f, const char *name) {
  struct path p;
  snprintf(p.text, sizeof p.text, "%s/%s", f->path, name);
  return p;
}

struct path folder_put_bytes(const struct folder *f, const char *name, const void *bytes,
                             size_t len) {
  struct path p = folder_at(f, name);
  FILE *file = fopen(p.text, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, len, file), len);
  assert_int_equal(fclose(file), 0);
  return p;
}

struct path folder_put(const struct folder *f, const char *name, const char *text) {
  return folder_put_bytes(f, name, text, strlen(text));
}

/* ---- log ---- */

static void keep_line(enum cws_log_level level, const char *message, void *user) {
  struct log_lines *l = user;
  (void)level;
  pthread_mutex_lock(&l->mutex);
  size_t len = strlen(l->text);
  snprintf(l->text + len, sizeof l->text - len, "%s\n", message);
  pthread_mutex_unlock(&l->mutex);
}

void log_lines_init(struct log_lines *l) {
  *l = (struct log_lines){.text = ""};
  pthread_mutex_init(&l->mutex, NULL);
  l->log = log_new(CWS_LOG_DEBUG, keep_line, l);
  assert_non_null(l->log);
}

void log_lines_finish(struct log_lines *l) {
  log_free(l->log);
  pthread_mutex_destroy(&l->mutex);
}

bool log_lines_have(struct log_lines *l, const char *part) {
  pthread_mutex_lock(&l->mutex);
  bool has = strstr(l->text, part) != NULL;
  pthread_mutex_unlock(&l->mutex);
  return has;
}

void assert_contains(const char *text, const char *part) {
  if (strstr(text, part) == NULL)
    fail_msg("no \"%s\" in: %s", part, text);
}
