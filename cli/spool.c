/*
 * spool: see spool.h. Records are gathered in memory and written at the end of the file by
 * spool_sync; what could not be written whole is cut off again.
 */
#include "cli/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "cli/exit_code.h"
#include "cli/spool_file.h"
#include "cli/spool_state.h"
#include "cli/talk.h"

bool spool_exists(const char *dir, const char *request_id, int slot) {
  char path[PATH_BUF];
  return spool_file_path(dir, request_id, slot, path) && paths_exists(path);
}

/* ---- reading ---- */

/* The length of the next line, or -1 at the end. */
static ssize_t read_line(struct spool *s) {
  clearerr(s->in); /* the file may have grown */
  ssize_t len = getline(&s->line, &s->line_cap, s->in);
  if (len > 0)
    s->read_end += len;
  return len;
}

static int refuse_damaged(const struct spool *s) {
  talk_error(
      "'%s' is damaged at byte %lld, or not a spool of this request; look into it, then move "
      "it away",
      s->path, (long long)s->end);
  return EXIT_DATA;
}

static int drop_tail(struct spool *s, off_t size) {
  talk("'%s': the last %lld bytes are no whole record, dropped", s->path,
       (long long)(size - s->end));
  return ftruncate(s->fd, s->end) == 0 && fsync(s->fd) == 0 ? 0 : errno;
}

/* To the first event. */
static int seek_start(struct spool *s) {
  s->read = s->content.dropped;
  s->read_end = 0;
  return fseeko(s->in, 0, SEEK_SET) == 0 ? 0 : errno;
}

/* Takes in what an earlier run left. */
static int load(struct spool *s) {
  enum spool_ending ending;
  int failed = spool_content_read(&s->content, s->in, &ending, &s->end);
  if (failed == 0 && ending == SPOOL_DAMAGED)
    return refuse_damaged(s);
  if (failed == 0 && ending == SPOOL_CUT)
    failed = drop_tail(s, lseek(s->fd, 0, SEEK_END));
  s->synced = s->content.added;
  failed = failed != 0 ? failed : seek_start(s);
  if (failed == 0)
    return 0;
  talk_error("cannot read '%s': %s", s->path, strerror(failed));
  return EXIT_IO;
}

/* ---- opening and closing ---- */

static int make_job(struct spool *s) {
  unsigned char random[8];
  if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
    return EIO;
  for (size_t i = 0; i < sizeof random; i++)
    snprintf(s->content.job + 2 * i, 3, "%02x", random[i]);
  return 0;
}

void spool_write_head(FILE *to, const struct spool_content *c) {
  char body[CWS_REQUEST_ID_MAX + 32];
  int n = snprintf(body, sizeof body, "1 %s %s", c->request_id, c->job);
  spool_record_write(to, 'S', body, (size_t)n);
}

static int write_head(struct spool *s) {
  char *record = NULL;
  size_t len;
  FILE *to = open_memstream(&record, &len);
  int failed = to != NULL ? make_job(s) : errno;
  if (to != NULL) {
    spool_write_head(to, &s->content);
    failed = fclose(to) != 0 ? ENOMEM : failed;
  }
  if (failed == 0)
    failed = spool_file_write(s->fd, record, len, 0);
  free(record);
  if (failed != 0)
    return failed;
  s->end = s->content.base = (off_t)len;
  if (s->path[0] == '\0')
    return 0;
  return fsync(s->fd) != 0 ? errno : spool_file_sync_dir(s->dir);
}

/* What a compaction that was killed has left is of no use. */
static void remove_unfinished(const struct spool *s) {
  char path[PATH_BUF];
  if (spool_file_path_new(s->path, path))
    unlink(path);
}

static int open_file(struct spool *s, const char *dir, int slot) {
  if (dir == NULL)
    return spool_file_open_nameless(&s->fd);
  if (!spool_file_path(dir, s->content.request_id, slot, s->path))
    return ENAMETOOLONG;
  snprintf(s->dir, sizeof s->dir, "%s", dir);
  int failed = spool_file_make_dir(dir);
  if (failed == 0)
    failed = spool_file_open(s->path, &s->fd);
  if (failed == 0)
    remove_unfinished(s);
  return failed;
}

int spool_open_stream(int fd, const char *mode, FILE **out) {
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  *out = copy >= 0 ? fdopen(copy, mode) : NULL;
  if (*out != NULL)
    return 0;
  int failed = errno;
  if (copy >= 0)
    close(copy);
  return failed;
}

static int begin(struct spool *s, const char *dir, int slot) {
  int failed = open_file(s, dir, slot);
  if (failed == EWOULDBLOCK)
    return EXIT_TRYAGAIN;
  if (failed == 0)
    failed = spool_open_stream(s->fd, "r", &s->in);
  int code = failed == 0 ? load(s) : 0;
  if (code != 0)
    return code;
  if (failed == 0 && s->end == 0)
    failed = write_head(s);
  if (failed == 0)
    return 0;
  talk_error("cannot keep events in '%s': %s", s->path[0] != '\0' ? s->path : dir,
             strerror(failed));
  return EXIT_CANTCREATE;
}

int spool_open(const char *dir, const char *request_id, int slot, struct spool **out) {
  struct spool *s = calloc(1, sizeof *s);
  if (s == NULL)
    return EXIT_OS;
  s->fd = -1;
  spool_content_init(&s->content, request_id);
  int code = begin(s, dir, slot);
  if (code != 0)
    spool_close(s);
  else
    *out = s;
  return code;
}

static void drop_gathered(struct spool *s) {
  if (s->gathering != NULL)
    fclose(s->gathering);
  free(s->gathered);
  s->gathering = NULL;
  s->gathered = NULL;
  s->content.added = s->synced;
}

void spool_close(struct spool *s) {
  if (s == NULL)
    return;
  drop_gathered(s);
  if (s->in != NULL)
    fclose(s->in);
  if (s->fd >= 0)
    close(s->fd);
  free(s->line);
  spool_content_finish(&s->content);
  free(s);
}

int spool_remove(struct spool *s) {
  int failed = 0;
  if (s->path[0] != '\0')
    failed = unlink(s->path) != 0 ? errno : spool_file_sync_dir(s->dir);
  spool_close(s);
  return failed;
}

/* ---- adding ---- */

static int hash_event(const struct cws_event *event, uint64_t *out) {
  size_t len;
  char *text = cws_event_format(event, true, &len);
  if (text == NULL)
    return ENOMEM;
  *out = spool_hash(text, len);
  free(text);
  return 0;
}

bool spool_has_next(struct spool *s, const struct cws_event *event) {
  uint64_t hash;
  if (s->hash_next < s->content.hash_count && hash_event(event, &hash) == 0 &&
      s->content.hashes[s->hash_next] == hash) {
    s->hash_next++;
    return true;
  }
  s->hash_next = s->content.hash_count;
  return false;
}

bool spool_has(const struct spool *s, const struct cws_event *event) {
  uint64_t hash;
  if (hash_event(event, &hash) != 0)
    return false;
  for (size_t i = 0; i < s->content.hash_count; i++) {
    if (s->content.hashes[i] == hash)
      return true;
  }
  return false;
}

static void now_text(char out[32]) {
  struct timespec now;
  struct tm tm;
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &tm);
  size_t n = strftime(out, 24, "%Y-%m-%dT%H:%M:%S", &tm);
  snprintf(out + n, 8, ".%03dZ", (int)(now.tv_nsec / 1000000));
}

static int gather(struct spool *s) {
  if (s->gathering == NULL)
    s->gathering = open_memstream(&s->gathered, &s->gathered_len);
  return s->gathering != NULL ? 0 : errno;
}

int spool_add(struct spool *s, const struct cws_event *event) {
  uint64_t hash;
  int failed = hash_event(event, &hash);
  if (failed == 0)
    failed = gather(s);
  if (failed != 0)
    return failed;
  char id[48], time_text[32];
  snprintf(id, sizeof id, "%s-%" PRIu64, s->content.job, s->content.added + 1);
  now_text(time_text);
  struct cws_event full = *event;
  full.event_id = event->event_id != NULL ? event->event_id : id;
  full.timestamp = event->timestamp != NULL ? event->timestamp : time_text;
  size_t len;
  char *text = cws_event_format(&full, true, &len);
  char *body = text != NULL ? malloc(SPOOL_HASH_DIGITS + 1 + len + 1) : NULL;
  if (body != NULL) {
    int n = snprintf(body, SPOOL_HASH_DIGITS + 2, "%016" PRIx64 " ", hash);
    memcpy(body + n, text, len);
    spool_record_write(s->gathering, 'E', body, (size_t)n + len);
    s->content.added++;
  }
  free(text);
  failed = body == NULL || ferror(s->gathering) ? ENOMEM : 0;
  free(body);
  return failed;
}

static int gather_answers(struct spool *s) {
  if (!s->has_answers)
    return 0;
  char body[32];
  int n = snprintf(body, sizeof body, "%" PRIu64, s->content.answered);
  int failed = gather(s);
  if (failed == 0)
    spool_record_write(s->gathering, 'A', body, (size_t)n);
  s->has_answers = false;
  return failed;
}

int spool_sync(struct spool *s) {
  int failed = gather_answers(s);
  if (failed != 0 || s->gathering == NULL)
    return failed;
  uint64_t added = s->content.added;
  failed = fflush(s->gathering) != 0 ? ENOMEM : 0;
  if (failed == 0)
    failed = spool_file_write(s->fd, s->gathered, s->gathered_len, s->end);
  /* Answers alone may be lost: their events would be sent again, and not be stored again. */
  if (failed == 0 && s->path[0] != '\0' && added > s->synced && fsync(s->fd) != 0)
    failed = errno;
  if (failed != 0) {
    if (ftruncate(s->fd, s->end) != 0)
      talk_error("cannot cut '%s' back: %s", s->path, strerror(errno));
  } else {
    s->end += (off_t)s->gathered_len;
    s->synced = added;
  }
  drop_gathered(s); /* also takes back what was added and not written */
  if (failed == 0)
    spool_compact(s);
  return failed;
}

void spool_forget_input(struct spool *s) {
  s->is_forgetful = true;
}

/* ---- sending ---- */

struct cws_event_owned *spool_next(struct spool *s, int *failed) {
  *failed = 0;
  while (s->read < s->synced) {
    ssize_t len = read_line(s);
    struct spool_record r;
    if (len <= 0 || !spool_record_read(s->line, (size_t)len, &r)) {
      *failed = EIO;
      return NULL;
    }
    if (r.kind != 'E' || ++s->read <= s->content.answered)
      continue;
    struct cws_event_owned *event = NULL;
    if (cws_event_parse(r.body + SPOOL_HASH_DIGITS + 1, r.body_len - SPOOL_HASH_DIGITS - 1,
                        2 * SPOOL_EVENT_MAX, &event, NULL) != 0)
      *failed = EIO;
    return event;
  }
  return NULL;
}

void spool_answered(struct spool *s, uint64_t count) {
  if (count <= s->content.answered)
    return;
  s->content.answered = count;
  s->has_answers = true;
}

uint64_t spool_count_answered(const struct spool *s) {
  return s->content.answered;
}

uint64_t spool_count_pending(const struct spool *s) {
  return s->content.added - s->content.answered;
}

const char *spool_path(const struct spool *s) {
  return s->path;
}
