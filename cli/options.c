/* options: reading argv by a command's tables, and giving values out by name. */
#include "cli/options.h"

#include <councilws/units.h>
#include <councilws/version.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/options_values.h"
#include "cli/talk.h"

const struct option_spec OPTIONS_COMMON[] = {
    {"config", 0, OPTION_STRING, "FILE", NULL, NULL, false,
     "read settings from FILE instead of $XDG_CONFIG_HOME/councilws/config or "
     "/etc/councilws/config"},
    {"quiet", 'q', OPTION_FLAG, NULL, NULL, NULL, false, "no talk on standard error but errors"},
    {"verbose", 'v', OPTION_FLAG, NULL, NULL, NULL, false, "more talk on standard error"},
    {"color", 0, OPTION_CHOICE, "WHEN", "auto", "auto|always|never", true,
     "colour on standard output"},
    {"help", 'h', OPTION_FLAG, NULL, NULL, NULL, false, "print this help and exit"},
    {"version", 0, OPTION_FLAG, NULL, NULL, NULL, false, "print the version and exit"},
    {0},
};

const struct option_spec OPTIONS_CLIENT[] = {
    {"url", 0, OPTION_STRING, "URL", "http://127.0.0.1:8765", NULL, true,
     "the hub: http://HOST:PORT, https://HOST:PORT or unix:PATH"},
    {"token-file", 0, OPTION_STRING, "FILE", NULL, NULL, true,
     "read the token from FILE (- for standard input); else COUNCILWS_TOKEN; else, for a hub on "
     "this machine, one signed with its own secret"},
    {"cacert", 0, OPTION_STRING, "FILE", NULL, NULL, true,
     "trust the certificates in FILE, too (PEM)"},
    {"cert", 0, OPTION_STRING, "FILE", NULL, NULL, true,
     "show the certificate in FILE to a hub that asks its clients for one (PEM)"},
    {"key", 0, OPTION_STRING, "FILE", NULL, NULL, true,
     "the private key of --cert (PEM) [in the same file]"},
    {0},
};

const struct option_spec OPTIONS_NATS[] = {
    NATS_STATE_OPTION,
    {"nats-prefix", 0, OPTION_STRING, "NAME", "councilws", NULL, true,
     "the name of the stream, which its subjects begin with"},
    {"nats-replicas", 0, OPTION_INT, "N", NULL, NULL, true,
     "so many servers keep the stream, 1 to 5 [as it is; made with one a server, 3 at most]"},
    {"nats-storage", 0, OPTION_CHOICE, "KIND", NULL, "file|memory", true,
     "where they keep it [as it is; made with file]"},
    {"nats-max-age", 0, OPTION_DURATION, "D", NULL, NULL, true,
     "how long they keep an entry: longer than any hub is away [as it is; made with 7d]"},
    {"nats-max-bytes", 0, OPTION_SIZE, "S", NULL, NULL, true,
     "how much they keep, the oldest goes first [as it is; made without a limit]"},
    {"nats-user", 0, OPTION_STRING, "NAME", NULL, NULL, true,
     "sign in under this name, with --nats-password-file"},
    {"nats-password-file", 0, OPTION_STRING, "FILE", NULL, NULL, true,
     "the password of --nats-user"},
    {"nats-credentials", 0, OPTION_STRING, "FILE", NULL, NULL, true,
     "sign in with the JWT and the seed in FILE"},
    {"nats-tls-ca", 0, OPTION_STRING, "FILE", NULL, NULL, true,
     "use TLS; the servers' certificates are signed by one of these (PEM)"},
    {"nats-tls-cert", 0, OPTION_STRING, "FILE", NULL, NULL, true,
     "use TLS, and show them this certificate (PEM)"},
    {"nats-tls-key", 0, OPTION_STRING, "FILE", NULL, NULL, true, "its private key (PEM)"},
    {0},
};

const struct option_spec *const *options_tables(const struct command *command,
                                                const struct option_spec *tables[OPTIONS_TABLES]) {
  size_t n = 0;
  if (command->options != NULL)
    tables[n++] = command->options;
  if (command->is_client)
    tables[n++] = OPTIONS_CLIENT;
  if (command->has_log)
    tables[n++] = OPTIONS_NATS;
  tables[n++] = OPTIONS_COMMON;
  tables[n] = NULL;
  return tables;
}

static size_t count_specs(const struct option_spec *const *tables) {
  size_t n = 0;
  for (; *tables != NULL; tables++) {
    for (const struct option_spec *s = *tables; s->name != NULL; s++)
      n++;
  }
  return n;
}

static struct options *options_new(const struct command *command) {
  const struct option_spec *tables[OPTIONS_TABLES];
  options_tables(command, tables);
  struct options *o = calloc(1, sizeof *o);
  if (o == NULL)
    return NULL;
  o->values = calloc(count_specs(tables) + 1, sizeof *o->values);
  if (o->values == NULL) {
    free(o);
    return NULL;
  }
  for (size_t t = 0; tables[t] != NULL; t++) {
    for (const struct option_spec *s = tables[t]; s->name != NULL; s++)
      o->values[o->count++].spec = s;
  }
  return o;
}

static void option_value_clear(struct option_value *v) {
  for (size_t i = 0; i < v->count; i++)
    free(v->items[i]);
  free(v->items);
  v->items = NULL;
  v->count = 0;
}

void options_free(struct options *o) {
  if (o == NULL)
    return;
  for (size_t i = 0; i < o->count; i++)
    option_value_clear(&o->values[i]);
  free(o->values);
  free(o->args);
  free(o);
}

struct option_value *option_value_find(const struct options *o, const char *name) {
  for (size_t i = 0; i < o->count; i++) {
    if (strcmp(o->values[i].spec->name, name) == 0)
      return &o->values[i];
  }
  return NULL;
}

/* ---- checking and adding a value ---- */

static bool is_choice(const char *choices, const char *text) {
  size_t len = strlen(text);
  for (const char *p = choices; p != NULL; p = strchr(p, '|')) {
    if (*p == '|')
      p++;
    if (strncmp(p, text, len) == 0 && (p[len] == '|' || p[len] == '\0'))
      return true;
  }
  return false;
}

static int invalid(struct cws_error *err, const char *fmt, const char *a, const char *b) {
  err->code = CWS_EINVAL;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  snprintf(err->message, sizeof err->message, fmt, a, b);
#pragma GCC diagnostic pop
  return CWS_EINVAL;
}

static int check_text(const struct option_spec *spec, const char *text, struct cws_error *err) {
  int64_t number;
  switch (spec->kind) {
  case OPTION_FLAG:
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
      return invalid(err, "'%s' is neither true nor false%s", text, "");
    return 0;
  case OPTION_CHOICE:
    return is_choice(spec->choices, text)
               ? 0
               : invalid(err, "'%s' is not one of %s", text, spec->choices);
  case OPTION_DURATION:
    return cws_duration_parse(text, &number, err);
  case OPTION_SIZE:
    return cws_size_parse(text, &number, err);
  case OPTION_INT:
    return cws_int_parse(text, 0, INT64_MAX, &number, err);
  case OPTION_STRING:
  case OPTION_LIST:
    return 0;
  }
  return 0;
}

int option_value_add(struct option_value *v, const char *text, enum option_source source,
                     struct cws_error *err) {
  int rc = check_text(v->spec, text, err);
  if (rc != 0)
    return rc;
  if (source > v->source || v->spec->kind != OPTION_LIST)
    option_value_clear(v);
  v->source = source;
  char **items = realloc(v->items, (v->count + 2) * sizeof *items);
  if (items == NULL)
    return invalid(err, "out of memory%s%s", "", "");
  v->items = items;
  items[v->count] = strdup(text);
  if (items[v->count] == NULL)
    return invalid(err, "out of memory%s%s", "", "");
  items[++v->count] = NULL;
  return 0;
}

/* ---- argv ---- */

#define LONG_BASE 256 /* getopt_long's val of option i is LONG_BASE + i, clear of any letter */

static void fill_getopt(const struct options *o, struct option *longs, char *shorts) {
  *shorts++ = ':'; /* a missing argument is told apart, and getopt itself says nothing */
  for (size_t i = 0; i < o->count; i++) {
    const struct option_spec *s = o->values[i].spec;
    bool takes_value = s->kind != OPTION_FLAG;
    longs[i] = (struct option){.name = s->name,
                               .has_arg = takes_value ? required_argument : no_argument,
                               .val = LONG_BASE + (int)i};
    if (s->letter != 0) {
      *shorts++ = s->letter;
      if (takes_value)
        *shorts++ = ':';
    }
  }
  *shorts = '\0';
}

static struct option_value *value_of(struct options *o, int opt) {
  if (opt >= LONG_BASE)
    return &o->values[opt - LONG_BASE];
  for (size_t i = 0; i < o->count; i++) {
    if (o->values[i].spec->letter == opt)
      return &o->values[i];
  }
  return NULL;
}

static int refuse(const struct command *command, const char *what, const char *subject) {
  if (command->is_of_shell)
    talk_error("%s '%s'; see 'help %s'", what, subject, command->name);
  else
    talk_error("%s '%s'; see 'councilws %s --help'", what, subject, command->name);
  return EXIT_USAGE;
}

static int take_option(const struct command *command, struct options *o, int opt, char **argv) {
  if (opt == '?' || opt == ':') {
    /* optopt is 0 for an unknown long option; getopt may not have stepped past a letter yet. */
    const char *subject = argv[optind - 1];
    char letter[3] = {'-', (char)optopt, '\0'};
    if (optopt > 0 && optopt < LONG_BASE)
      subject = letter;
    const char *what = opt == ':'            ? "a value is missing after"
                       : optopt >= LONG_BASE ? "no value goes with"
                                             : "no such option";
    return refuse(command, what, subject);
  }
  struct option_value *v = value_of(o, opt);
  struct cws_error err = {0};
  if (option_value_add(v, optarg != NULL ? optarg : "true", SOURCE_COMMAND_LINE, &err) != 0) {
    talk_error("--%s: %s", v->spec->name, err.message);
    return EXIT_USAGE;
  }
  return 0;
}

static int parse_argv(const struct command *command, struct options *o, int argc, char **argv) {
  struct option *longs = calloc(o->count + 1, sizeof *longs);
  char *shorts = calloc(o->count + 1, 3);
  int code = longs != NULL && shorts != NULL ? 0 : EXIT_OS;
  if (code == 0) {
    fill_getopt(o, longs, shorts);
    opterr = 0;
    optind = 0; /* from anew, even where an earlier one was left in the middle of an argument */
    int opt;
    while (code == 0 && (opt = getopt_long(argc, argv, shorts, longs, NULL)) != -1)
      code = take_option(command, o, opt, argv);
  }
  free(longs);
  free(shorts);
  if (code != 0)
    return code;
  o->arg_count = (size_t)(argc - optind);
  o->args = calloc(o->arg_count + 1, sizeof *o->args);
  if (o->args == NULL)
    return EXIT_OS;
  memcpy(o->args, argv + optind, o->arg_count * sizeof *o->args);
  return 0;
}

static int check_arg_count(const struct command *command, const struct options *o) {
  int n = (int)o->arg_count;
  if (n < command->min_args) {
    talk_error("%s needs %s; usage: %s%s %s", command->name,
               command->min_args == 1 ? "an argument" : "more arguments",
               command->is_of_shell ? "" : "councilws ", command->name, command->usage);
    return EXIT_USAGE;
  }
  if (command->max_args >= 0 && n > command->max_args)
    return refuse(command, "unexpected argument", o->args[command->max_args]);
  return 0;
}

static int apply_defaults(struct options *o) {
  struct cws_error err = {0};
  for (size_t i = 0; i < o->count; i++) {
    struct option_value *v = &o->values[i];
    if (v->count == 0 && v->spec->fallback != NULL &&
        option_value_add(v, v->spec->fallback, SOURCE_DEFAULT, &err) != 0) {
      talk_error("default of --%s: %s", v->spec->name, err.message);
      return EXIT_INTERNAL;
    }
  }
  return 0;
}

/* Before the configuration file is read, which -v tells of. */
static void apply_talk(const struct options *o) {
  if (options_flag(o, "quiet"))
    talk_set_level(TALK_QUIET);
  else if (options_flag(o, "verbose"))
    talk_set_level(TALK_VERBOSE);
}

int options_parse(const struct command *command, int argc, char **argv, struct options **out) {
  struct options *o = options_new(command);
  if (o == NULL)
    return EXIT_OS;
  o->command = command;
  o->argc = argc;
  o->argv = argv;
  int code = parse_argv(command, o, argc, argv);
  apply_talk(o);
  bool only_talks = code == 0 && (options_flag(o, "help") || options_flag(o, "version"));
  if (code == 0 && !only_talks)
    code = check_arg_count(command, o);
  if (code == 0 && !only_talks)
    code = settings_apply(o);
  if (code == 0)
    code = apply_defaults(o);
  if (code != 0) {
    options_free(o);
    return code;
  }
  *out = o;
  return 0;
}

int options_parse_again(const struct options *o, struct options **out) {
  return options_parse(o->command, o->argc, o->argv, out);
}

/* ---- giving out ---- */

size_t options_argc(const struct options *o) {
  return o->arg_count;
}

const char *options_arg(const struct options *o, size_t i) {
  return i < o->arg_count ? o->args[i] : NULL;
}

const char *options_string(const struct options *o, const char *name) {
  const struct option_value *v = option_value_find(o, name);
  return v != NULL && v->count > 0 ? v->items[v->count - 1] : NULL;
}

bool options_flag(const struct options *o, const char *name) {
  const char *text = options_string(o, name);
  return text != NULL && strcmp(text, "true") == 0;
}

const char *const *options_list(const struct options *o, const char *name) {
  static const char *const NONE[] = {NULL};
  const struct option_value *v = option_value_find(o, name);
  return v != NULL && v->count > 0 ? (const char *const *)v->items : NONE;
}

int64_t options_duration(const struct options *o, const char *name, int64_t if_absent) {
  const char *text = options_string(o, name);
  int64_t ms;
  return text != NULL && cws_duration_parse(text, &ms, NULL) == 0 ? ms : if_absent;
}

int64_t options_size(const struct options *o, const char *name, int64_t if_absent) {
  const char *text = options_string(o, name);
  int64_t bytes;
  return text != NULL && cws_size_parse(text, &bytes, NULL) == 0 ? bytes : if_absent;
}

int64_t options_int(const struct options *o, const char *name, int64_t if_absent) {
  const char *text = options_string(o, name);
  int64_t number;
  return text != NULL && cws_int_parse(text, 0, INT64_MAX, &number, NULL) == 0 ? number : if_absent;
}

bool options_is_given(const struct options *o, const char *name) {
  const struct option_value *v = option_value_find(o, name);
  return v != NULL && v->count > 0 && v->source != SOURCE_DEFAULT;
}
