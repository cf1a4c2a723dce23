/*
 * format_shells: the tables as the data of shells' completions. How each shell uses it stands in
 * completions/, before this in the installed file.
 */
#include <string.h>

#include "cli/formats.h"
#include "cli/out.h"
#include "cli/words.h"

static void words_of(const char *list, char divider) { /* "a|b" as "a b" */
  for (; *list != '\0'; list++)
    out_write(*list == divider ? " " : list, 1);
}

static void types(void) {
  for (const char *const *t = WORD_TYPES; *t != NULL; t++)
    out_printf("%s%s", t == WORD_TYPES ? "" : " ", *t);
}

/* ---- bash: lines that the script reads ---- */

static void bash_option(const struct option_spec *s) {
  char letter[3] = {'-', s->letter, '\0'};
  out_printf("option --%s %s %s ", s->name, s->letter != 0 ? letter : "-",
             s->kind == OPTION_FLAG ? "flag" : word_kind_name(word_kind_of_value(s)));
  if (s->choices != NULL)
    words_of(s->choices, '|');
  out_write("\n", 1);
}

void format_bash(void) {
  out_printf("_councilws_types='");
  types();
  out_printf("'\n_councilws_table() {\n  case $1 in\n  '')\n    cat <<'END'\n");
  for (const struct command *const *c = COMMANDS; *c != NULL; c++)
    out_printf("command %s\n", (*c)->name);
  out_printf("END\n    ;;\n");
  for (const struct command *const *c = COMMANDS; *c != NULL; c++) {
    out_printf("  %s)\n    cat <<'END'\n", (*c)->name);
    for (size_t i = 0; i < word_argument_count(*c); i++)
      out_printf("argument %s\n", word_kind_name(word_kind_of_argument(*c, i)));
    const struct option_spec *tables[OPTIONS_TABLES];
    for (const struct option_spec *const *t = options_tables(*c, tables); *t != NULL; t++) {
      for (const struct option_spec *s = *t; s->name != NULL; s++)
        bash_option(s);
    }
    out_printf("END\n    ;;\n");
  }
  out_printf("  esac\n}\n");
}

/* ---- zsh: arguments of _arguments ---- */

static void zsh_action(enum word_kind kind, const char *choices) {
  switch (kind) {
  case WORD_CHOICE:
    out_printf("(");
    words_of(choices, '|');
    out_printf(")");
    break;
  case WORD_NONE:
    out_printf(" ");
    break;
  default:
    out_printf("_councilws_%s", word_kind_name(kind));
  }
}

/* In single quotes, where a quote is '\'' */
static void zsh_text(const char *text) {
  for (; *text != '\0'; text++) {
    if (*text == '\'')
      out_printf("'\\''");
    else if (strchr("[]:\\", *text) != NULL)
      out_printf("\\%c", *text);
    else
      out_write(text, 1);
  }
}

static void zsh_option(const struct option_spec *s) {
  const char *repeat = s->kind == OPTION_LIST ? "*" : "";
  const char *equals = s->kind != OPTION_FLAG ? "=" : "";
  if (s->letter != 0 && s->kind != OPTION_LIST)
    out_printf("      '(-%c --%s)'{-%c,--%s%s}'[", s->letter, s->name, s->letter, s->name, equals);
  else
    out_printf("      '%s--%s%s[", repeat, s->name, equals);
  zsh_text(s->help);
  out_printf("]");
  if (s->kind != OPTION_FLAG) {
    out_printf(":");
    zsh_text(s->arg);
    out_printf(":");
    zsh_action(word_kind_of_value(s), s->choices);
  }
  out_printf("'\n");
}

static void zsh_command(const struct command *c) {
  out_printf("  %s)\n    specs=(\n", c->name);
  const struct option_spec *tables[OPTIONS_TABLES];
  for (const struct option_spec *const *t = options_tables(c, tables); *t != NULL; t++) {
    for (const struct option_spec *s = *t; s->name != NULL; s++)
      zsh_option(s);
  }
  size_t n = word_argument_count(c);
  for (size_t i = 0; i < n; i++) {
    enum word_kind kind = word_kind_of_argument(c, i);
    if (i + 1 == n && kind == WORD_NONE)
      break;
    out_printf(i + 1 == n ? "      '*" : "      '%d", (int)i + 1);
    out_printf(":%s:", word_kind_name(kind));
    zsh_action(kind, NULL);
    out_printf("'\n");
  }
  out_printf("    )\n    ;;\n");
}

void format_zsh(void) {
  out_printf("_councilws_type() {\n  compadd ");
  types();
  out_printf("\n}\n_councilws_command() {\n  local -a commands\n  commands=(\n");
  for (const struct command *const *c = COMMANDS; *c != NULL; c++) {
    out_printf("    '%s:", (*c)->name);
    zsh_text((*c)->summary);
    out_printf("'\n");
  }
  out_printf("  )\n  _describe -t commands command commands\n}\n"
             "_councilws_table() {\n  case $1 in\n");
  for (const struct command *const *c = COMMANDS; *c != NULL; c++)
    zsh_command(*c);
  out_printf("  esac\n}\n");
}

/* ---- fish: complete, a line for each ---- */

static void fish_text(const char *text) {
  out_printf("'");
  formats_escaped(text, "\\'");
  out_printf("'");
}

static void fish_values(enum word_kind kind, const char *choices) {
  if (kind == WORD_CHOICE) {
    out_printf(" -x -a '");
    words_of(choices, '|');
    out_printf("'");
  } else if (kind == WORD_FILE) {
    out_printf(" -r -F");
  } else if (kind == WORD_NONE) {
    out_printf(" -x");
  } else {
    out_printf(" -x -a '(__councilws_%s)'", word_kind_name(kind));
  }
}

static void fish_option(const struct command *c, const struct option_spec *s) {
  out_printf("complete -c councilws -n '__councilws_is %s' -l %s", c->name, s->name);
  if (s->letter != 0)
    out_printf(" -s %c", s->letter);
  if (s->kind != OPTION_FLAG)
    fish_values(word_kind_of_value(s), s->choices);
  out_printf(" -d ");
  fish_text(s->help);
  out_write("\n", 1);
}

static void fish_command(const struct command *c) {
  out_printf("complete -c councilws -n __councilws_is_bare -a %s -d ", c->name);
  fish_text(c->summary);
  out_write("\n", 1);
  size_t n = word_argument_count(c);
  for (size_t i = 0; i < n; i++) {
    enum word_kind kind = word_kind_of_argument(c, i);
    if (kind == WORD_NONE)
      continue;
    out_printf("complete -c councilws -n '__councilws_at %s %d%s'", c->name, (int)i + 1,
               i + 1 == n ? "+" : "");
    if (kind == WORD_FILE)
      out_printf(" -F\n");
    else
      out_printf(" -a '(__councilws_%s)'\n", word_kind_name(kind));
  }
  const struct option_spec *tables[OPTIONS_TABLES];
  for (const struct option_spec *const *t = options_tables(c, tables); *t != NULL; t++) {
    for (const struct option_spec *s = *t; s->name != NULL; s++)
      fish_option(c, s);
  }
}

static void fish_valued(void) { /* options with a value, to count what is not one */
  out_printf("set -g __councilws_valued");
  for (const struct command *const *c = COMMANDS; *c != NULL; c++) {
    const struct option_spec *tables[OPTIONS_TABLES];
    for (const struct option_spec *const *t = options_tables(*c, tables); *t != NULL; t++) {
      for (const struct option_spec *s = *t; s->name != NULL; s++) {
        if (s->kind == OPTION_FLAG)
          continue;
        out_printf(" --%s", s->name);
        if (s->letter != 0)
          out_printf(" -%c", s->letter);
      }
    }
  }
  out_write("\n", 1);
}

void format_fish(void) {
  fish_valued();
  out_printf("function __councilws_type\n  string split ' ' -- ");
  types();
  out_printf("\nend\nfunction __councilws_command\n  string split ' ' --");
  for (const struct command *const *c = COMMANDS; *c != NULL; c++)
    out_printf(" %s", (*c)->name);
  out_printf("\nend\n");
  for (const struct command *const *c = COMMANDS; *c != NULL; c++)
    fish_command(*c);
}
