/* run_events: see run_events.h. */
#include "cli/run_events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/line_cutter.h"
#include "cli/line_event.h"
#include "cli/paths.h"

#define COMMAND_MAX (16 * 1024) /* bytes of the arguments that are told */

static struct cws_event_owned *finish(FILE *to, char **text, const size_t *len) {
  struct cws_event_owned *event = NULL;
  if (fclose(to) == 0)
    cws_event_parse(*text, *len, 0, &event, NULL);
  free(*text);
  return event;
}

static void write_command(FILE *to, char *const *argv) {
  size_t left = COMMAND_MAX;
  fputc('[', to);
  for (size_t i = 0; argv[i] != NULL && left > 0; i++) {
    size_t len = line_cutter_fit(argv[i], strlen(argv[i]), left);
    if (i > 0)
      fputc(',', to);
    line_event_string(to, argv[i], len);
    left = len < strlen(argv[i]) || len + 4 > left ? 0 : left - len;
  }
  fputc(']', to);
}

struct cws_event_owned *run_events_start(char *const *argv, long pid) {
  char *text = NULL, dir[PATH_BUF] = "", host[256] = "";
  size_t len;
  FILE *to = open_memstream(&text, &len);
  if (to == NULL)
    return NULL;
  if (getcwd(dir, sizeof dir) == NULL)
    dir[0] = '\0';
  gethostname(host, sizeof host - 1);
  fputs("{\"type\":\"processing_started\",\"data\":{\"stage\":\"execution\",\"command\":", to);
  write_command(to, argv);
  fputs(",\"directory\":", to);
  line_event_string(to, dir, strlen(dir));
  fputs(",\"host\":", to);
  line_event_string(to, host, strlen(host));
  if (pid > 0)
    fprintf(to, ",\"pid\":%ld", pid);
  fputs("}}", to);
  return finish(to, &text, &len);
}

static double seconds(struct timeval t) {
  return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void write_signal(FILE *to, int number) {
  static const char *const NAMES[] = {
      [1] = "HUP",   [2] = "INT",   [3] = "QUIT",  [4] = "ILL",   [6] = "ABRT",  [7] = "BUS",
      [8] = "FPE",   [9] = "KILL",  [10] = "USR1", [11] = "SEGV", [12] = "USR2", [13] = "PIPE",
      [14] = "ALRM", [15] = "TERM", [24] = "XCPU", [25] = "XFSZ"};
  if ((size_t)number < sizeof NAMES / sizeof NAMES[0] && NAMES[number] != NULL)
    fprintf(to, ",\"signal\":\"%s\"", NAMES[number]);
  else
    fprintf(to, ",\"signal\":\"%d\"", number);
}

struct cws_event_owned *run_events_end(const struct run_result *result, bool is_told) {
  char *text = NULL;
  size_t len;
  FILE *to = open_memstream(&text, &len);
  if (to == NULL)
    return NULL;
  fprintf(to, "{\"type\":\"%s\",\"data\":{\"success\":%s,\"exit_code\":%d",
          is_told ? "process_exited" : "final_response", result->exit_code == 0 ? "true" : "false",
          result->exit_code);
  if (result->signal != 0)
    write_signal(to, result->signal);
  if (result->message != NULL) {
    fputs(",\"message\":", to);
    line_event_string(to, result->message, strlen(result->message));
  }
  struct rusage used;
  if (getrusage(RUSAGE_CHILDREN, &used) == 0)
    fprintf(to,
            ",\"executionTime\":%.3f,\"usage\":{\"user_s\":%.3f,\"system_s\":%.3f,"
            "\"max_rss_bytes\":%lld,\"blocks_in\":%ld,\"blocks_out\":%ld}",
            (double)result->elapsed_ms / 1000, seconds(used.ru_utime), seconds(used.ru_stime),
            (long long)used.ru_maxrss * 1024, used.ru_inblock, used.ru_oublock);
  fputs("}}", to);
  return finish(to, &text, &len);
}
