/* live: see live.h. */
#include "cli/live.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/exit_code.h"
#include "cli/out.h"
#include "cli/picture/layout.h"
#include "cli/picture/text.h"
#include "cli/screen.h"
#include "cli/talk.h"
#include "cli/tty.h"

#define CLOCK_MS 1000
#define LAST_WORDS_MAX 8
#define CTRL_L 0x0c

struct live {
  struct picture picture;
  struct screen screen;
  struct tty *tty;
  uv_timer_t frame_timer, clock_timer;
  uint64_t drawn_ms; /* on the loop's clock */
  bool is_behind;    /* something was given that is not drawn yet */
  int handles;
  struct live_handlers handlers;
  void *user;
  char *last_words[LAST_WORDS_MAX]; /* talk that is said again once the picture is left */
  size_t last_word_count;
};

static struct live *current; /* for the hook of talk, which knows no user */

static int64_t wall_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- drawing ---- */

static int draw(struct live *l, bool is_last) {
  int columns, lines, below = is_last ? 3 : 1; /* room for what the shell says then */
  tty_size(&columns, &lines);
  struct layout_view view = {.width = columns > 0 ? columns : 80,
                             .height = lines > below ? lines - below : 1,
                             .now_ms = wall_ms(),
                             .is_last = is_last,
                             .has_keys = tty_has_keys()};
  struct frame frame;
  layout_picture(&l->picture, &view, &frame);
  if (frame.failed) {
    frame_finish(&frame);
    return EXIT_OS;
  }
  picture_drawn(&l->picture, frame.scroll_max, frame.scroll_page);
  screen_draw(&l->screen, &frame);
  l->is_behind = false;
  l->drawn_ms = uv_now(l->frame_timer.loop);
  return out_flush();
}

/* A job in the background stays silent until it is called to the front. */
static void draw_and_tell(struct live *l) {
  uv_timer_stop(&l->frame_timer);
  if (tty_can_draw())
    l->handlers.on_drawn(draw(l, false), l->user);
}

static void on_frame(uv_timer_t *timer) {
  draw_and_tell(timer->data);
}

static void on_clock(uv_timer_t *timer) {
  draw_and_tell(timer->data);
}

static void draw_soon(struct live *l) {
  l->is_behind = true;
  if (uv_is_active((uv_handle_t *)&l->frame_timer))
    return;
  uint64_t since = uv_now(l->frame_timer.loop) - l->drawn_ms;
  uv_timer_start(&l->frame_timer, on_frame, since < LIVE_FRAME_MS ? LIVE_FRAME_MS - since : 0, 0);
}

void live_flush(struct live *l) {
  if (l->is_behind)
    draw_and_tell(l);
}

/* ---- what comes in ---- */

void live_event(struct live *l, size_t run, const struct cws_event *event, bool is_shown) {
  picture_event(&l->picture, run, event, is_shown, wall_ms());
  draw_soon(l);
}

void live_link(struct live *l, size_t run, enum run_link link, int64_t wait_ms) {
  run_link(l->picture.runs[run], link, wall_ms() + wait_ms);
  draw_soon(l);
}

/* The run that a line of talk is about: "ID: …"; RUN_NONE: the command as a whole. */
static size_t subject_of(const struct picture *p, const char *text) {
  for (size_t i = 0; i < p->count; i++) {
    size_t len = strlen(p->runs[i]->request_id);
    if (strncmp(text, p->runs[i]->request_id, len) == 0 && text[len] == ':')
      return i;
  }
  return RUN_NONE;
}

static void on_talk(enum cws_log_level level, const char *message, void *user) {
  (void)user;
  struct live *l = current;
  size_t run = subject_of(&l->picture, message);
  bool is_final = level == CWS_LOG_ERROR || (level == CWS_LOG_INFO && run == RUN_NONE);
  if (is_final && l->last_word_count < LAST_WORDS_MAX) {
    char *copy = strdup(message);
    if (copy != NULL)
      l->last_words[l->last_word_count++] = copy;
  }
  picture_note(&l->picture, run != RUN_NONE ? run : l->picture.selected, message);
  draw_soon(l);
}

static bool give_key(struct picture *p, int key) {
  static const struct {
    int key;
    enum picture_key means;
  } KEYS[] = {
      {TTY_UP, PICTURE_UP},           {'k', PICTURE_UP},
      {TTY_DOWN, PICTURE_DOWN},       {'j', PICTURE_DOWN},
      {TTY_PAGE_UP, PICTURE_PAGE_UP}, {TTY_PAGE_DOWN, PICTURE_PAGE_DOWN},
      {TTY_HOME, PICTURE_FIRST},      {TTY_END, PICTURE_LAST},
      {TTY_ENTER, PICTURE_TOGGLE},    {' ', PICTURE_TOGGLE},
      {TTY_RIGHT, PICTURE_TOGGLE},    {TTY_ESCAPE, PICTURE_CLOSE},
      {TTY_LEFT, PICTURE_CLOSE},
  };
  for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++) {
    if (KEYS[i].key == key) {
      picture_key(p, KEYS[i].means);
      return true;
    }
  }
  return false;
}

static void on_key(int key, void *user) {
  struct live *l = user;
  if (key == 'q' || key == 'Q') {
    l->handlers.on_quit(l->user);
    return;
  }
  if (key == CTRL_L)
    screen_resized(&l->screen); /* somebody else has written there */
  else if (key >= '1' && key <= '9')
    picture_select(&l->picture, (size_t)(key - '1'));
  else if (!give_key(&l->picture, key))
    return;
  draw_soon(l);
}

static void on_resize(void *user) {
  struct live *l = user;
  screen_resized(&l->screen);
  draw_soon(l);
}

static void on_suspend(void *user) {
  struct live *l = user;
  screen_leave(&l->screen);
}

static void on_resume(void *user) {
  struct live *l = user;
  screen_resized(&l->screen);
  draw_soon(l);
}

static const struct tty_handlers TTY = {
    .on_key = on_key, .on_resize = on_resize, .on_suspend = on_suspend, .on_resume = on_resume};

/* ---- life ---- */

static void timer_open(struct live *l, uv_loop_t *loop, uv_timer_t *timer) {
  uv_timer_init(loop, timer);
  timer->data = l;
  l->handles++;
  uv_unref((uv_handle_t *)timer);
}

struct live *live_open(uv_loop_t *loop, const char *const *request_ids, size_t count,
                       const struct live_handlers *handlers, void *user) {
  struct live *l = calloc(1, sizeof *l);
  if (l == NULL)
    return NULL;
  if (picture_init(&l->picture, request_ids, count, !text_locale_is_utf8()) != 0) {
    free(l);
    return NULL;
  }
  l->handlers = *handlers;
  l->user = user;
  l->tty = tty_open(loop, &TTY, l);
  timer_open(l, loop, &l->frame_timer);
  timer_open(l, loop, &l->clock_timer);
  uv_timer_start(&l->clock_timer, on_clock, CLOCK_MS, CLOCK_MS);
  current = l;
  talk_set_log(on_talk);
  draw_soon(l);
  return l;
}

static void on_closed(uv_handle_t *handle) {
  struct live *l = handle->data;
  if (--l->handles > 0)
    return;
  picture_finish(&l->picture);
  free(l);
}

static void say_last_words(struct live *l) {
  talk_set_log(NULL);
  for (size_t i = 0; i < l->last_word_count; i++) {
    talk_error("%s", l->last_words[i]); /* -q has been heeded before */
    free(l->last_words[i]);
  }
}

int live_close(struct live *l) {
  if (l == NULL)
    return 0;
  int failed = draw(l, true);
  screen_leave(&l->screen);
  tty_close(l->tty);
  say_last_words(l);
  current = NULL;
  uv_close((uv_handle_t *)&l->frame_timer, on_closed);
  uv_close((uv_handle_t *)&l->clock_timer, on_closed);
  return failed;
}
