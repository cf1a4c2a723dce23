/* nats_options: see nats_options.h. */
#include "cli/nats_options.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exit_code.h"
#include "cli/store_path.h"
#include "cli/talk.h"

bool nats_options_is_for(const char *store) {
  return store != NULL && strncmp(store, "nats:", 5) == 0;
}

/* A default is for a store that it has a meaning for. */
static const char *given(const struct options *o, const char *name) {
  return options_is_given(o, name) ? options_string(o, name) : NULL;
}

/* One line; its end is not part of it. */
static int read_password(const char *path, char out[NATS_PASSWORD_MAX + 1]) {
  char *text = NULL;
  size_t len = 0;
  int failed = paths_read_file(path, NATS_PASSWORD_MAX, &text, &len);
  if (failed != 0) {
    talk_error("nats-password-file: cannot read '%s': %s", path, strerror(failed));
    return EXIT_CONFIG;
  }
  if (len > 0 && text[len - 1] == '\n')
    len--;
  bool is_one_line = len > 0 && memchr(text, '\n', len) == NULL && memchr(text, '\0', len) == NULL;
  if (is_one_line) {
    memcpy(out, text, len);
    out[len] = '\0';
  } else {
    talk_error("nats-password-file: '%s' has to be one line", path);
  }
  free(text);
  return is_one_line ? 0 : EXIT_CONFIG;
}

int nats_options_read(const struct options *o, const char *store, bool make,
                      struct nats_choice *out) {
  int64_t replicas = options_int(o, "nats-replicas", 0);
  const char *password_file = given(o, "nats-password-file");
  int code = 0;
  *out = (struct nats_choice){0};
  out->options = (struct cws_nats_options){
      .size = sizeof out->options,
      .state_file = given(o, "nats-state"),
      .prefix = given(o, "nats-prefix"),
      .replicas = replicas > INT_MAX ? INT_MAX : (int)replicas,
      .storage = given(o, "nats-storage"),
      .max_age_ms = options_duration(o, "nats-max-age", 0),
      .max_bytes = options_size(o, "nats-max-bytes", 0),
      .user = given(o, "nats-user"),
      .credentials_file = given(o, "nats-credentials"),
      .tls_ca_file = given(o, "nats-tls-ca"),
      .tls_cert_file = given(o, "nats-tls-cert"),
      .tls_key_file = given(o, "nats-tls-key"),
  };
  if (password_file != NULL) {
    code = read_password(password_file, out->password);
    out->options.password = out->password;
  }
  if (code == 0 && nats_options_is_for(store)) {
    code = store_path_state(o, make, out->state);
    out->options.state_file = out->state;
  }
  return code;
}
