/* token_rights: see token_rights.h. */
#include "lib/core/token_rights.h"

#include "lib/core/err.h"
#include "lib/core/token_claims.h"
#include <string.h>

static int read_globs(const json_t *claim, const char *name, const json_t **out,
                      struct cws_error *err) {
  const json_t *globs = json_object_get(claim, name);
  if (globs == NULL)
    return 0;
  if (!json_is_array(globs))
    return err_set(err, CWS_EBADTOKEN, "the claim \"councilws\": \"%s\" must be an array", name);
  if (json_array_size(globs) > CLAIM_GLOBS_MAX)
    return err_set(err, CWS_EBADTOKEN, "the claim \"councilws\": \"%s\" has more than %d globs",
                   name, CLAIM_GLOBS_MAX);
  for (size_t i = 0; i < json_array_size(globs); i++) {
    const char *glob = json_string_value(json_array_get(globs, i));
    if (glob == NULL || !claims_glob_is_valid(glob))
      return err_set(err, CWS_EBADTOKEN,
                     "the claim \"councilws\": \"%s\"[%zu] must be a string of "
                     "1 to %d bytes",
                     name, i, CLAIM_GLOB_MAX);
  }
  *out = globs;
  return 0;
}

int rights_read(const json_t *claim, struct rights *out, struct cws_error *err) {
  *out = (struct rights){0};
  if (claim == NULL)
    return 0;
  if (!json_is_object(claim))
    return err_set(err, CWS_EBADTOKEN, "the claim \"councilws\" must be an object");
  const json_t *admin = json_object_get(claim, "admin");
  if (admin != NULL && !json_is_boolean(admin))
    return err_set(err, CWS_EBADTOKEN, "the claim \"councilws\": \"admin\" must be true or false");
  out->is_there = true;
  out->admin = json_is_true(admin);
  int code = read_globs(claim, "subscribe", &out->subscribe, err);
  return code == 0 ? read_globs(claim, "publish", &out->publish, err) : code;
}

static size_t globs_size(const json_t *globs) {
  size_t size = sizeof(char *);
  for (size_t i = 0; i < json_array_size(globs); i++)
    size += sizeof(char *) + json_string_length(json_array_get(globs, i)) + 1;
  return size;
}

size_t rights_size(const struct rights *rights) {
  return globs_size(rights->subscribe) + globs_size(rights->publish);
}

static char *copy_globs(const json_t *globs, const char **array, char *at) {
  size_t count = json_array_size(globs);
  for (size_t i = 0; i < count; i++) {
    const json_t *glob = json_array_get(globs, i);
    size_t size = json_string_length(glob) + 1;
    memcpy(at, json_string_value(glob), size);
    array[i] = at;
    at += size;
  }
  array[count] = NULL;
  return at;
}

char *rights_copy(const struct rights *rights, char *at, struct cws_claims *view) {
  const char **subscribe = (const char **)(void *)at;
  const char **publish = subscribe + json_array_size(rights->subscribe) + 1;
  char *strings = (char *)(publish + json_array_size(rights->publish) + 1);
  strings = copy_globs(rights->subscribe, subscribe, strings);
  strings = copy_globs(rights->publish, publish, strings);
  view->has_rights = rights->is_there;
  view->admin = rights->admin;
  view->subscribe = subscribe;
  view->publish = publish;
  return strings;
}
