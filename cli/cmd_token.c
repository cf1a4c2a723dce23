/* token: makes a token, or explains one. */
#include <councilws/token.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/out.h"
#include "cli/paths.h"
#include "cli/secret.h"
#include "cli/sign_in_link.h"
#include "cli/talk.h"

#define KEY_FILE_MAX (1024 * 1024)

/* ---- keys ---- */

static int add_file(struct cws_keys *keys, const char *path, bool is_secret) {
  char *text = NULL;
  size_t len;
  int failed = paths_read_file(path, KEY_FILE_MAX, &text, &len);
  if (failed != 0) {
    talk_error("cannot read '%s': %s", path, strerror(failed));
    return failed == ENOENT ? EXIT_NOINPUT : EXIT_IO;
  }
  struct cws_error err = {0};
  int rc;
  if (is_secret) {
    if (len > 0 && text[len - 1] == '\n')
      len--;
    rc = cws_keys_add_secret(keys, text, len, &err);
  } else if (text[strspn(text, " \t\r\n")] == '{') {
    rc = cws_keys_add_jwks(keys, text, len, &err);
  } else {
    rc = cws_keys_add_pem(keys, text, len, &err);
  }
  memset(text, 0, len);
  free(text);
  if (rc == 0)
    return 0;
  talk_error("'%s': %s", path, err.message);
  return exit_code_of(err.code);
}

static int add_own_secret(struct cws_keys *keys) {
  char secret[SECRET_BYTES + 1];
  int code = secret_load_or_make(secret);
  return code != 0 ? code : exit_code_of(cws_keys_add_secret(keys, secret, SECRET_BYTES, NULL));
}

static int load_keys(const struct options *o, struct cws_keys *keys) {
  const char *secret = options_string(o, "secret-file");
  const char *key = options_string(o, "key");
  if (secret != NULL && key != NULL) {
    talk_error("give either --secret-file or --key, not both");
    return EXIT_USAGE;
  }
  if (secret != NULL)
    return add_file(keys, secret, true);
  return key != NULL ? add_file(keys, key, false) : add_own_secret(keys);
}

/* ---- making ---- */

static bool is_link(const struct options *o) {
  return options_flag(o, "link");
}

/* A link for nobody in particular is for this user, with every right, as the one that serve prints.
 */
static bool is_own_link(const struct options *o) {
  return is_link(o) && options_string(o, "sub") == NULL;
}

static int64_t ttl_s(const struct options *o) {
  if (is_link(o) && !options_is_given(o, "ttl"))
    return SIGN_IN_LINK_TTL_S;
  return options_duration(o, "ttl", 0) / 1000;
}

static int print(const struct options *o, const char *token) {
  if (is_link(o)) {
    char *link = sign_in_link_new(options_string(o, "url"), token);
    if (link == NULL)
      return EXIT_OS;
    out_printf("%s\n", link);
    free(link);
  } else {
    out_printf("%s\n", token);
  }
  return out_flush();
}

static int sign(const struct options *o, const struct cws_keys *keys) {
  struct cws_sign_options s = {.size = sizeof s,
                               .alg = options_string(o, "alg"),
                               .issuer = options_string(o, "issuer"),
                               .audience = options_string(o, "audience"),
                               .now_s = (int64_t)time(NULL),
                               .ttl_s = ttl_s(o),
                               .sub =
                                   is_own_link(o) ? secret_user_name() : options_string(o, "sub"),
                               .admin = options_flag(o, "admin") || is_own_link(o),
                               .subscribe = options_list(o, "subscribe"),
                               .publish = options_list(o, "publish")};
  s.with_rights = s.admin || s.subscribe[0] != NULL || s.publish[0] != NULL;
  char *token = NULL;
  struct cws_error err = {0};
  if (cws_token_sign(keys, &s, &token, &err) != 0) {
    talk_error("%s", err.message);
    return exit_code_of(err.code);
  }
  int code = print(o, token);
  free(token);
  return code;
}

static int make(const struct options *o) {
  if (options_string(o, "sub") == NULL && !is_link(o)) {
    talk_error("give --sub: who the token is for");
    return EXIT_USAGE;
  }
  if (options_duration(o, "ttl", 0) < 1000) {
    talk_error("--ttl: at least 1s");
    return EXIT_USAGE;
  }
  if (is_link(o) && !sign_in_link_takes(options_string(o, "url"))) {
    talk_error("--url: a browser needs http:// or https://");
    return EXIT_USAGE;
  }
  struct cws_keys *keys = cws_keys_new();
  if (keys == NULL)
    return EXIT_OS;
  int code = load_keys(o, keys);
  if (code == 0)
    code = sign(o, keys);
  cws_keys_free(keys);
  return code;
}

/* ---- explaining ---- */

static void explain_expiry(const char *claims_text) {
  json_t *claims = json_loads(claims_text, 0, NULL);
  json_t *exp = json_object_get(claims, "exp");
  if (json_is_number(exp)) {
    double left = json_number_value(exp) - (double)time(NULL);
    talk(left >= 0 ? "expires in %.0f s" : "expired %.0f s ago", left >= 0 ? left : -left);
  } else {
    talk("has no exp: a hub refuses it");
  }
  if (!json_is_string(json_object_get(claims, "sub")))
    talk("has no sub: a hub refuses it");
  json_decref(claims);
}

static int verify(const struct options *o, const char *token) {
  struct cws_keys *keys = cws_keys_new();
  if (keys == NULL)
    return EXIT_OS;
  int code = load_keys(o, keys);
  if (code == 0) {
    struct cws_verify_options v = {.size = sizeof v,
                                   .now_s = (int64_t)time(NULL),
                                   .issuer = options_string(o, "issuer"),
                                   .audience = options_string(o, "audience")};
    struct cws_claims_owned *claims = NULL;
    struct cws_error err = {0};
    if (cws_token_verify(keys, token, strlen(token), &v, &claims, &err) == 0) {
      talk("the signature is good");
    } else {
      talk_error("%s", err.message);
      code = exit_code_of(err.code);
    }
    cws_claims_free(claims);
  }
  cws_keys_free(keys);
  return code;
}

static int inspect(const struct options *o) {
  const char *path = options_string(o, "inspect");
  char *token = NULL, *header = NULL, *claims = NULL;
  size_t len;
  int failed = paths_read_file(path, CWS_TOKEN_MAX + 2, &token, &len);
  if (failed != 0) {
    talk_error("cannot read '%s': %s", path, strerror(failed));
    return failed == ENOENT ? EXIT_NOINPUT : EXIT_IO;
  }
  token[strcspn(token, " \t\r\n")] = '\0';
  struct cws_error err = {0};
  int code = 0;
  if (cws_token_inspect(token, strlen(token), &header, &claims, &err) == 0) {
    out_printf("{\"header\":%s,\"claims\":%s}\n", header, claims);
    code = out_flush();
    explain_expiry(claims);
    if (code == 0 && (options_is_given(o, "secret-file") || options_is_given(o, "key")))
      code = verify(o, token);
  } else {
    talk_error("%s", err.message);
    code = EXIT_DATA;
  }
  free(header);
  free(claims);
  free(token);
  return code;
}

static int run_token(const struct options *o) {
  return options_string(o, "inspect") != NULL ? inspect(o) : make(o);
}

static const struct option_spec OPTIONS[] = {
    {"sub", 0, OPTION_STRING, "NAME", NULL, NULL, false, "who it is for"},
    {"subscribe", 0, OPTION_LIST, "GLOB", NULL, NULL, false,
     "may watch requests that match (may be given again)"},
    {"publish", 0, OPTION_LIST, "GLOB", NULL, NULL, false,
     "may publish to requests that match (may be given again)"},
    {"admin", 0, OPTION_FLAG, NULL, NULL, NULL, false, "may do everything"},
    {"ttl", 0, OPTION_DURATION, "D", "1h", NULL, false, "how long it is good (12h with --link)"},
    {"link", 0, OPTION_FLAG, NULL, NULL, NULL, false,
     "print a link that signs in to the dashboard; without --sub for this user, with every right"},
    {"url", 0, OPTION_STRING, "URL", "http://127.0.0.1:8765", NULL, true,
     "with --link: the hub, http://HOST:PORT or https://HOST:PORT"},
    {"secret-file", 0, OPTION_STRING, "FILE", NULL, NULL, false,
     "sign with this HMAC secret [this user's own]"},
    {"key", 0, OPTION_STRING, "FILE", NULL, NULL, false, "sign with this private key (PEM or JWK)"},
    {"alg", 0, OPTION_STRING, "ALG", NULL, NULL, false,
     "as HS256 or ES256 [the usual one of the key]"},
    {"issuer", 0, OPTION_STRING, "S", NULL, NULL, false, "its iss"},
    {"audience", 0, OPTION_STRING, "S", NULL, NULL, false, "its aud"},
    {"inspect", 0, OPTION_STRING, "FILE", NULL, NULL, false,
     "explain the token in FILE (- for standard input) instead; with --secret-file or --key its "
     "signature is checked, too"},
    {0},
};

const struct command COMMAND_TOKEN = {
    .name = "token",
    .usage = "--sub NAME [--subscribe GLOB] [--publish GLOB] [--admin]\n--link\n--inspect FILE",
    .summary = "makes a token, or explains one",
    .details = "Without --subscribe, --publish and --admin it is a plain login token: good for "
               "watching requests that have no owner or whose owner is NAME.",
    .options = OPTIONS,
    .max_args = 0,
    .run = run_token,
};
