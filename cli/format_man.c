/* format_man: the tables as mdoc(7): what a man page has before its hand-written part, which
 * docs/man adds. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/exit_code.h"
#include "cli/formats.h"
#include "cli/options_values.h"
#include "cli/out.h"

#define WIDTH 78
#define DATE "November 27, 2026" /* of the last change of what the pages say */

/* ---- text ---- */

static void man_word(const char *word, size_t len, bool begins_line) {
  if (begins_line && (word[0] == '.' || word[0] == '\''))
    out_write("\\&", 2);
  for (size_t i = 0; i < len; i++) {
    if (word[i] == '\\')
      out_write("\\e", 2);
    else if (word[i] == '-' && (i == 0 || word[i - 1] == '-'))
      out_write("\\-", 2); /* an option, to be copied */
    else
      out_write(word + i, 1);
  }
}

/* Lines of some 80 columns, a new one after each sentence; \n begins a paragraph. */
static void man_text(const char *text) {
  size_t column = 0;
  while (*text != '\0') {
    size_t len = strcspn(text, " \n");
    if (column > 0 && column + 1 + len > WIDTH) {
      out_write("\n", 1);
      column = 0;
    }
    if (column > 0)
      out_write(" ", 1);
    man_word(text, len, column == 0);
    column += len + 1;
    text += len;
    bool is_sentence = len > 0 && strchr(".!?", text[-1]) != NULL && *text != '\0';
    if (is_sentence || *text == '\n') {
      out_printf(*text == '\n' ? "\n.Pp\n" : "\n");
      column = 0;
    }
    text += strspn(text, " \n");
  }
  if (column > 0)
    out_write("\n", 1);
}

static void man_head(const char *name, int section, const char *summary) {
  out_printf(".Dd %s\n.Dt ", DATE);
  for (const char *c = name; *c != '\0'; c++)
    out_printf("%c", toupper((unsigned char)*c));
  out_printf(" %d\n.Os\n.Sh NAME\n.Nm %s\n.Nd ", section, name);
  out_printf("%s\n", summary);
}

/* ---- synopsis ---- */

static void synopsis_word(const char *word, size_t len) {
  size_t dots = len > 3 && strncmp(word + len - 3, "...", 3) == 0 ? 3 : 0;
  if (word[0] == '-' && len > 2)
    out_printf(".Fl %.*s\n", (int)len - 1, word + 1);
  else if (word[0] == '-')
    out_printf(".No \\-\\-\n");
  else if (word[0] == '|')
    out_printf(".No \\(ba\n");
  else
    out_printf(".Ar %.*s%s\n", (int)(len - dots), word, dots > 0 ? " ..." : "");
}

static void synopsis_line(const struct command *c, const char *line, size_t len) {
  out_printf(".Nm councilws %s\n.Op Ar option ...\n", c->name);
  const char *end = line + len;
  while (line < end) {
    size_t n = strcspn(line, " []\n");
    if (n > (size_t)(end - line))
      n = (size_t)(end - line);
    if (n > 0)
      synopsis_word(line, n);
    line += n;
    if (line < end && *line != ' ')
      out_printf(*line == '[' ? ".Oo\n" : ".Oc\n");
    line++;
  }
}

static void synopsis(const struct command *c) {
  out_printf(".Sh SYNOPSIS\n");
  const char *line = c->usage;
  do {
    size_t len = strcspn(line, "\n");
    synopsis_line(c, line, len);
    line += len + (line[len] == '\n' ? 1 : 0);
  } while (*line != '\0');
}

/* ---- options ---- */

/* What follows the name: the value it takes, then what it is. */
static void item_rest(const struct option_spec *s) {
  char text[FORMATS_TEXT];
  if (s->arg != NULL)
    out_printf(" Ar %s", s->arg);
  out_printf("\n");
  formats_text(s, text);
  man_text(text);
}

static void option_item(const struct option_spec *s) {
  out_printf(".It ");
  if (s->letter != 0)
    out_printf("Fl %c , ", s->letter);
  out_printf("Fl -%s", s->name);
  item_rest(s);
}

static void option_list(const char *title, const struct option_spec *s) {
  if (s == NULL || s->name == NULL)
    return;
  out_printf(".Ss %s\n.Bl -tag -width Ds\n", title);
  for (; s->name != NULL; s++)
    option_item(s);
  out_printf(".El\n");
}

static void command_page(const struct command *c) {
  char name[64], sentence[256];
  snprintf(name, sizeof name, "councilws-%s", c->name);
  snprintf(sentence, sizeof sentence, "%s.", c->summary);
  man_head(name, 1, c->summary);
  synopsis(c);
  out_printf(".Sh DESCRIPTION\n.Nm\n");
  man_text(sentence);
  if (c->details != NULL) {
    out_printf(".Pp\n");
    man_text(c->details);
  }
  out_printf(".Sh OPTIONS\n");
  option_list("Of this command", c->options);
  if (c->is_client)
    option_list("The hub", OPTIONS_CLIENT);
  if (c->has_log)
    option_list("A log that hubs share", OPTIONS_NATS);
  option_list("Common", OPTIONS_COMMON);
}

/* ---- the overview ---- */

static void overview_page(void) {
  man_head("councilws", 1, "a hub for the events of long multi-agent runs");
  out_printf(".Sh SYNOPSIS\n.Nm\n.Ar command\n.Op Ar option ...\n.Op Ar argument ...\n"
             ".Sh DESCRIPTION\n");
  out_printf("The commands:\n.Bl -tag -width Ds\n");
  for (const struct command *const *c = COMMANDS; *c != NULL; c++) {
    out_printf(".It Xr councilws-%s 1\n", (*c)->name);
    man_text((*c)->summary);
  }
  out_printf(".El\n.Sh OPTIONS\n");
  option_list("Of every command", OPTIONS_COMMON);
  option_list("Of every command that talks to a hub", OPTIONS_CLIENT);
  out_printf(".Sh EXIT STATUS\n.Bl -tag -width Ds\n");
#define EXIT_ITEM(symbol, value, text) out_printf(".It %d\n%s\n", value, text);
  EXIT_TABLE(EXIT_ITEM)
#undef EXIT_ITEM
  out_printf(".It 128+n\nended by signal n\n.El\n");
}

void format_man(const struct command *c) {
  if (c != NULL)
    command_page(c);
  else
    overview_page();
}

static void setting_item(const char *group, const struct option_spec *s) {
  (void)group;
  char variable[80];
  settings_variable(s->name, variable, sizeof variable);
  out_printf(".It Ic %s", s->name);
  item_rest(s);
  out_printf(".Pq Ev %s\n", variable);
}

void format_man_settings(void) {
  out_printf(".Bl -tag -width Ds\n");
  formats_settings(setting_item);
  out_printf(".El\n");
}
