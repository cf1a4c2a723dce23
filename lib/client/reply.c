/* reply: see reply.h. */
#include "lib/client/reply.h"

#include "lib/core/err.h"
#include <jansson.h>
#include <string.h>

static const struct {
  int status, code;
} by_status[] = {
    {400, CWS_EBADREQUEST},    {401, CWS_EBADTOKEN},     {403, CWS_EFORBIDDEN},
    {404, CWS_EUNKNOWNROUTE},  {405, CWS_EMETHOD},       {408, CWS_ETIMEOUT},
    {409, CWS_EEVENTIDREUSED}, {410, CWS_EEPOCHCHANGED}, {413, CWS_ETOOLARGE},
    {415, CWS_EMEDIATYPE},     {417, CWS_EEXPECTATION},  {422, CWS_EBADEVENT},
    {425, CWS_EBUSY},          {429, CWS_ERATELIMITED},  {431, CWS_EHEADERSTOOLARGE},
    {502, CWS_ECONNECT},       {503, CWS_EBUSY},         {504, CWS_ETIMEOUT},
};

static int code_of_status(int status) {
  for (size_t i = 0; i < sizeof(by_status) / sizeof(by_status[0]); i++) {
    if (by_status[i].status == status)
      return by_status[i].code;
  }
  return status >= 500 ? CWS_EINTERNAL : CWS_EPROTOCOL;
}

/* One line without control characters: it is shown to people as it is. */
static void one_line(char *s) {
  for (; *s != '\0'; s++) {
    if ((unsigned char)*s < ' ' || *s == 0x7f)
      *s = ' ';
  }
}

static bool from_body(const char *body, size_t len, int fallback, struct cws_error *err) {
  json_t *json = json_loadb(body, len, 0, NULL);
  const json_t *error = json_object_get(json, "error");
  const char *name = json_string_value(json_object_get(error, "code"));
  const char *message = json_string_value(json_object_get(error, "message"));
  if (name != NULL) {
    int code = cws_error_from_name(name);
    if (code == CWS_EINTERNAL && strcmp(name, cws_error_name(CWS_EINTERNAL)) != 0)
      code = fallback; /* a name of a newer hub */
    err_set(err, code, "%s", message != NULL ? message : cws_error_text(code));
    one_line(err->message);
  }
  json_decref(json);
  return name != NULL;
}

int reply_error(int status, const char *body, size_t len, struct cws_error *err) {
  memset(err, 0, sizeof(*err));
  int code = code_of_status(status);
  if (len > 0 && from_body(body, len, code, err))
    return err->code;
  if (status >= 300 && status < 400)
    return err_set(err, CWS_EPROTOCOL,
                   "the hub's url leads elsewhere (status %d); give the new one", status);
  return err_set(err, code, "%s (status %d)", cws_error_text(code), status);
}
