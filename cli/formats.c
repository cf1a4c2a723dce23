/* formats: see formats.h. */
#include "cli/formats.h"

#include <stdio.h>
#include <string.h>

#include "cli/out.h"

void formats_text(const struct option_spec *s, char out[FORMATS_TEXT]) {
  size_t n = (size_t)snprintf(out, FORMATS_TEXT, "%s", s->help);
  if (s->choices != NULL)
    n += (size_t)snprintf(out + n, FORMATS_TEXT - n, " (%s)", s->choices);
  if (s->fallback != NULL && s->kind != OPTION_FLAG)
    snprintf(out + n, FORMATS_TEXT - n, " [%s]", s->fallback);
}

void formats_escaped(const char *s, const char *special) {
  for (; *s != '\0'; s++) {
    if (strchr(special, *s) != NULL)
      out_write("\\", 1);
    out_write(s, 1);
  }
}

/* ---- settings ---- */

static bool has_setting(const struct option_spec *table, const char *name) {
  for (; table != NULL && table->name != NULL; table++) {
    if (table->is_setting && strcmp(table->name, name) == 0)
      return true;
  }
  return false;
}

static bool was_before(const struct command *const *end, const char *name) {
  for (const struct command *const *c = COMMANDS; c != end; c++) {
    if (has_setting((*c)->options, name))
      return true;
  }
  return false;
}

/* What several commands share is told of once, where it belongs. */
static bool is_of_others(const struct option_spec *table, const char *name) {
  return (table != OPTIONS_CLIENT && has_setting(OPTIONS_CLIENT, name)) ||
         (table != OPTIONS_NATS && has_setting(OPTIONS_NATS, name));
}

static void settings_of(const char *group, const struct option_spec *table,
                        const struct command *const *end, formats_setting_fn *fn) {
  for (const struct option_spec *s = table; s != NULL && s->name != NULL; s++) {
    if (s->is_setting && !is_of_others(table, s->name) && !was_before(end, s->name))
      fn(group, s);
  }
}

void formats_settings(formats_setting_fn *fn) {
  const struct command *const *c = COMMANDS;
  for (; *c != NULL; c++)
    settings_of((*c)->name, (*c)->options, c, fn);
  settings_of("nats", OPTIONS_NATS, COMMANDS, fn);
  settings_of("hub", OPTIONS_CLIENT, COMMANDS, fn);
  settings_of("common", OPTIONS_COMMON, c, fn);
}

static void format_commands(void) {
  for (const struct command *const *c = COMMANDS; *c != NULL; c++)
    out_printf("%s\n", (*c)->name);
}

void formats_print(const char *format, const struct command *c) {
  static const struct {
    const char *name;
    void (*print)(void);
  } PRINTERS[] = {
      {"bash", format_bash},
      {"zsh", format_zsh},
      {"fish", format_fish},
      {"config", format_config},
      {"md", format_markdown},
      {"names", format_commands},
      {"settings", format_man_settings},
  };
  if (strcmp(format, "man") == 0)
    format_man(c);
  for (size_t i = 0; i < sizeof PRINTERS / sizeof PRINTERS[0]; i++) {
    if (strcmp(format, PRINTERS[i].name) == 0)
      PRINTERS[i].print();
  }
}
