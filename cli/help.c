/* help: what --help and `help` print, drawn from the tables. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/formats.h"
#include "cli/out.h"
#include "cli/talk.h"

#define WIDTH 80

static void wrapped(const char *text, int indent, int column) {
  while (*text != '\0') {
    int word = (int)strcspn(text, " ");
    if (column > indent && column + 1 + word > WIDTH) {
      out_printf("\n%*s", indent, "");
      column = indent;
    } else if (column > indent) {
      out_write(" ", 1);
      column++;
    }
    out_write(text, (size_t)word);
    column += word;
    text += word;
    text += *text == ' ' ? 1 : 0;
  }
  out_write("\n", 1);
}

static void paragraphs(const char *text) { /* divided by \n */
  while (*text != '\0') {
    char one[1200];
    size_t len = strcspn(text, "\n");
    snprintf(one, sizeof one, "%.*s", (int)len, text);
    out_write("\n", 1);
    wrapped(one, 0, 0);
    text += len + (text[len] == '\n' ? 1 : 0);
  }
}

static void help_options(const char *title, const struct option_spec *s) {
  if (s == NULL || s->name == NULL)
    return;
  out_printf("\n%s:\n", title);
  for (; s->name != NULL; s++) {
    char head[96];
    int n = s->letter != 0 ? snprintf(head, sizeof head, "  -%c, --%s", s->letter, s->name)
                           : snprintf(head, sizeof head, "      --%s", s->name);
    if (s->arg != NULL)
      n += snprintf(head + n, sizeof head - (size_t)n, " %s", s->arg);
    out_printf("%s", head);
    if (n > 28)
      out_printf("\n%*s", 30, "");
    else
      out_printf("%*s", 30 - n, "");
    char text[512];
    int t = snprintf(text, sizeof text, "%s", s->help);
    if (s->choices != NULL)
      t += snprintf(text + t, sizeof text - (size_t)t, " (%s)", s->choices);
    if (s->fallback != NULL && s->kind != OPTION_FLAG)
      snprintf(text + t, sizeof text - (size_t)t, " [%s]", s->fallback);
    wrapped(text, 30, 30);
  }
}

static void help_usage(const struct command *c) {
  const char *line = c->usage;
  const char *lead = "usage:";
  do {
    size_t len = strcspn(line, "\n");
    out_printf("%s councilws %s%s%.*s\n", lead, c->name, len > 0 ? " " : "", (int)len, line);
    line += len + (line[len] == '\n' ? 1 : 0);
    lead = "      ";
  } while (*line != '\0');
}

void help_command(const struct command *c) {
  help_usage(c);
  out_write("\n", 1);
  wrapped(c->summary, 0, 0);
  if (c->details != NULL)
    paragraphs(c->details);
  help_options("Options", c->options);
  if (c->is_client)
    help_options("The hub", OPTIONS_CLIENT);
  if (c->has_log)
    help_options("A log that hubs share, with --store nats://HOST", OPTIONS_NATS);
  help_options("Common", OPTIONS_COMMON);
}

static void help_exit_codes(void) {
  out_printf("\nExit codes:\n");
#define EXIT_LINE(symbol, value, text) out_printf("  %3d  %s\n", value, text);
  EXIT_TABLE(EXIT_LINE)
#undef EXIT_LINE
  out_printf("  128+n  ended by signal n\n");
}

void help_overview(void) {
  out_printf("usage: councilws COMMAND [OPTION …] [ARGUMENT …]\n\n"
             "A hub for the events of long multi-agent runs.\n\nCommands:\n");
  for (const struct command *const *c = COMMANDS; *c != NULL; c++) {
    out_printf("  %-10s ", (*c)->name);
    wrapped((*c)->summary, 13, 13);
  }
  help_exit_codes();
  out_write("\n", 1);
  wrapped("Settings: an option, then its variable (--url is COUNCILWS_URL), then the configuration "
          "file, then the default.",
          0, 0);
  out_printf("'councilws help COMMAND' tells more.\n");
}

static int run_help(const struct options *o) {
  const char *name = options_arg(o, 0);
  const struct command *c = name != NULL ? command_find(name) : NULL;
  if (name != NULL && c == NULL) {
    talk_error("no such command '%s'; 'councilws help' lists them", name);
    return EXIT_USAGE;
  }
  const char *format = options_string(o, "format");
  if (strcmp(format, "text") != 0)
    formats_print(format, c);
  else if (c != NULL)
    help_command(c);
  else
    help_overview();
  return out_flush();
}

static const struct option_spec OPTIONS[] = {
    {"format", 0, OPTION_CHOICE, "FORMAT", "text", FORMATS, false,
     "the same tables for other readers: a man page, the completions of a shell, a configuration "
     "file with every setting, the list of settings, the names of the commands"},
    {0},
};

const struct command COMMAND_HELP = {
    .name = "help",
    .usage = "[COMMAND]",
    .summary = "explains the commands",
    .options = OPTIONS,
    .max_args = 1,
    .run = run_help,
};
