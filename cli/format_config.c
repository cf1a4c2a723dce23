/* format_config: the settings as a configuration file, every one commented, and as a table of
 * docs/configuration.md. */
#include <stdio.h>
#include <string.h>

#include "cli/formats.h"
#include "cli/options_values.h"
#include "cli/out.h"

#define WIDTH 100

static const char *last_group;

/* "# " and words, up to WIDTH columns. */
static void comment(const char *text) {
  int column = 0;
  while (*text != '\0') {
    int word = (int)strcspn(text, " ");
    if (column > 0 && column + 1 + word > WIDTH) {
      out_write("\n", 1);
      column = 0;
    }
    out_printf(column == 0 ? "# " : " ");
    out_write(text, (size_t)word);
    column += word + (column == 0 ? 2 : 1);
    text += word;
    text += strspn(text, " ");
  }
  out_write("\n", 1);
}

static const char *title_of(const char *group) {
  if (strcmp(group, "serve") == 0)
    return "the hub";
  if (strcmp(group, "nats") == 0)
    return "a hub that shares its log with others: store nats://HOST";
  if (strcmp(group, "hub") == 0)
    return "every command that talks to a hub";
  return strcmp(group, "common") == 0 ? "every command" : NULL;
}

static void config_setting(const char *group, const struct option_spec *s) {
  if (last_group == NULL || strcmp(last_group, group) != 0) {
    const char *title = title_of(group);
    out_printf("\n# ---- %s%s ----\n", title != NULL ? "" : "councilws ",
               title != NULL ? title : group);
  }
  last_group = group;
  char text[FORMATS_TEXT];
  formats_text(s, text);
  out_write("\n", 1);
  comment(text);
  if (s->kind == OPTION_FLAG)
    out_printf("#%s\n", s->name);
  else
    out_printf("#%s %s\n", s->name, s->fallback != NULL ? s->fallback : s->arg);
}

void format_config(void) {
  comment("Settings of councilws, see councilws-config(5): one long option a line, without its "
          "dashes. Each is commented; what stands there is the default, or what kind of value it "
          "takes. An option or a COUNCILWS_ variable counts more than this file.");
  last_group = NULL;
  formats_settings(config_setting);
}

static const char *label_of(const char *group) {
  if (strcmp(group, "nats") == 0)
    return "store nats://";
  return strcmp(group, "hub") == 0 ? "any hub" : group;
}

static void markdown_setting(const char *group, const struct option_spec *s) {
  char variable[80];
  settings_variable(s->name, variable, sizeof variable);
  out_printf("| `%s%s%s` | %s%s%s | `%s` | %s: ", s->name, s->arg != NULL ? " " : "",
             s->arg != NULL ? s->arg : "", s->fallback != NULL ? "`" : "",
             s->fallback != NULL ? s->fallback : "–", s->fallback != NULL ? "`" : "", variable,
             label_of(group));
  formats_escaped(s->help, "|");
  if (s->choices != NULL) {
    out_printf(" (");
    formats_escaped(s->choices, "|");
    out_printf(")");
  }
  out_printf(" |\n");
}

void format_markdown(void) {
  out_printf("| setting | default | variable | |\n|---|---|---|---|\n");
  formats_settings(markdown_setting);
}
