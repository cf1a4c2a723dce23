/* token_parts: see token_parts.h. No message quotes the token; those of json_read do not either. */
#include "lib/core/token_parts.h"

#include "lib/core/err.h"
#include "lib/core/json_read.h"
#include <jose/b64.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const PART_NAMES[PART_COUNT] = {"header", "claims", "signature"};

static bool is_base64url(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

static int find_parts(const char *token, size_t len, struct token_parts *out,
                      struct cws_error *err) {
  size_t part = PART_HEADER;
  out->encoded[part].text = token;
  for (size_t i = 0; i < len; i++) {
    if (is_base64url(token[i])) {
      out->encoded[part].len++;
    } else if (token[i] != '.') {
      return err_set(err, CWS_EBADTOKEN, "byte %zu of the token is none of A-Z a-z 0-9 - _ .",
                     i + 1);
    } else if (++part < PART_COUNT) {
      out->encoded[part].text = token + i + 1;
    } else {
      break;
    }
  }
  if (part != PART_SIGNATURE)
    return err_set(err, CWS_EBADTOKEN, "the token does not have three parts");
  return 0;
}

int token_split(const char *token, size_t len, struct token_parts *out, struct cws_error *err) {
  *out = (struct token_parts){0};
  if (len == 0)
    return err_set(err, CWS_EBADTOKEN, "the token is empty");
  if (len > CWS_TOKEN_MAX)
    return err_set(err, CWS_EBADTOKEN, "the token is longer than %d bytes", CWS_TOKEN_MAX);
  int code = find_parts(token, len, out, err);
  if (code != 0)
    return code;
  for (int part = 0; part < PART_COUNT; part++) {
    if (out->encoded[part].len % 4 == 1)
      return err_set(err, CWS_EBADTOKEN, "the %s of the token is cut off", PART_NAMES[part]);
  }
  return 0;
}

static int parse_object(const char *text, size_t len, const char *name, json_t **out,
                        struct cws_error *err) {
  struct cws_error why = {0};
  json_t *json = json_read(text, len, &why);
  if (json == NULL && why.code == CWS_ENOMEM)
    return err_set(err, CWS_ENOMEM, NULL);
  if (json == NULL)
    return err_set(err, CWS_EBADTOKEN, "the %s of the token: %s", name, why.message);
  int code = 0;
  if (!json_is_object(json))
    code = err_set(err, CWS_EBADTOKEN, "the %s of the token is no JSON object", name);
  else if (json_holds_nul(json)) /* a name would end there for whoever reads it */
    code = err_set(err, CWS_EBADTOKEN, "the %s of the token: a string with \\u0000", name);
  if (code == 0)
    *out = json;
  else
    json_decref(json);
  return code;
}

int token_decode(const struct token_parts *parts, enum token_part part, char **text, json_t **json,
                 struct cws_error *err) {
  const char *encoded = parts->encoded[part].text;
  size_t encoded_len = parts->encoded[part].len;
  size_t len = jose_b64_dec_buf(encoded, encoded_len, NULL, 0);
  char *bytes = malloc(len + 1);
  if (bytes == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  int code = 0;
  if (jose_b64_dec_buf(encoded, encoded_len, bytes, len) != len)
    code = err_set(err, CWS_EBADTOKEN, "the %s of the token is not base64url", PART_NAMES[part]);
  bytes[len] = '\0';
  if (code == 0)
    code = parse_object(bytes, len, PART_NAMES[part], json, err);
  if (code != 0) {
    free(bytes);
    return code;
  }
  *text = bytes;
  return 0;
}

static int read_alg(struct token_header *header, const json_t *json, struct cws_error *err) {
  const char *name = json_string_value(json_object_get(json, "alg"));
  if (name == NULL)
    return err_set(err, CWS_EBADTOKEN, "the header of the token has no \"alg\"");
  if (strcasecmp(name, "none") == 0)
    return err_set(err, CWS_EBADTOKEN, "the token is not signed (\"alg\" is none)");
  header->alg = token_alg_find(name);
  if (header->alg == NULL)
    return err_set(err, CWS_EBADTOKEN,
                   "the \"alg\" of the token is none of HS, RS, PS, ES with "
                   "256, 384 or 512");
  return 0;
}

static int read_header(struct token_header *header, const json_t *json, struct cws_error *err) {
  const json_t *kid = json_object_get(json, "kid");
  if (json_object_get(json, "crit") != NULL) /* RFC 7515, section 4.1.11 */
    return err_set(err, CWS_EBADTOKEN,
                   "the token has a \"crit\" header, of which nothing is "
                   "understood here");
  int code = read_alg(header, json, err);
  if (code != 0 || kid == NULL)
    return code;
  if (!json_is_string(kid))
    return err_set(err, CWS_EBADTOKEN, "the \"kid\" of the token is not a string");
  header->kid = strdup(json_string_value(kid));
  return header->kid != NULL ? 0 : err_set(err, CWS_ENOMEM, NULL);
}

int token_header_init(struct token_header *header, const struct token_parts *parts,
                      struct cws_error *err) {
  char *text = NULL;
  json_t *json = NULL;
  *header = (struct token_header){0};
  int code = token_decode(parts, PART_HEADER, &text, &json, err);
  if (code == 0)
    code = read_header(header, json, err);
  json_decref(json);
  free(text);
  return code;
}

void token_header_finish(struct token_header *header) {
  free(header->kid);
  header->kid = NULL;
}
