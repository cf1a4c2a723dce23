/*
 * spool: see spool.h. Records are gathered in memory and written at the end of the file by
 * spool_sync; what could not be written whole is cut off again.
 */
#include "cli/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/exit_code.h"
#include "cli/paths.h"
#include "cli/spool_record.h"
#include "cli/talk.h"

#define HASH_DIGITS 16

struct spool {
  char path[PATH_BUF]; /* "" in memory */
  char dir[PATH_BUF];
  const char *request_id;
  int fd;
  FILE *in; /* reads the same file */
  char *line;
  size_t line_cap;
  off_t end;      /* of the last whole record that was synced */
  off_t read_end; /* of the last record that was read */
  char job[17];
  uint64_t *hashes; /* of the events that were there at the opening */
  size_t hash_count, hash_cap, hash_next;
  uint64_t added, synced, read, answered; /* events: with those in memory; in the file; … */
  FILE *gathering;                        /* records to be written, or NULL */
  char *gathered;
  size_t gathered_len;
  bool has_answers; /* that are not written down yet */
};

/* ---- files ---- */

static int sync_dir(const char *dir) {
  int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int failed = fd < 0 || fsync(fd) != 0 ? errno : 0;
  if (fd >= 0)
    close(fd);
  return failed;
}

/* Each missing directory is made and its name made durable in the one above. */
static int make_dir(const char *dir) {
  if (mkdir(dir, 0700) != 0) {
    if (errno == EEXIST)
      return 0;
    if (errno != ENOENT)
      return errno;
  } else {
    char copy[PATH_BUF];
    snprintf(copy, sizeof copy, "%s", dir);
    return sync_dir(dirname(copy));
  }
  char above[PATH_BUF];
  snprintf(above, sizeof above, "%s", dir);
  const char *parent = dirname(above);
  int failed = strcmp(parent, dir) == 0 ? ENOENT : make_dir(parent);
  return failed != 0 ? failed : make_dir(dir);
}

static bool make_path(const char *dir, const char *request_id, int slot, char out[PATH_BUF]) {
  char number[16] = "";
  if (slot > 1)
    snprintf(number, sizeof number, "@%d", slot); /* no request_id has an '@' */
  int n = snprintf(out, PATH_BUF, "%s/%s%s.spool", dir, request_id, number);
  return n > 0 && n < PATH_BUF;
}

bool spool_exists(const char *dir, const char *request_id, int slot) {
  char path[PATH_BUF];
  return make_path(dir, request_id, slot, path) && paths_exists(path);
}

/* The lock is on the open file: one that was removed meanwhile is opened anew. */
static int open_locked(const char *path, int *out) {
  for (;;) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
      return errno;
    struct stat st;
    int failed = flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &st) != 0 ? errno : 0;
    if (failed == 0 && st.st_nlink > 0) {
      *out = fd;
      return 0;
    }
    close(fd);
    if (failed != 0)
      return failed;
  }
}

static int write_all(int fd, const char *bytes, size_t len, off_t at) {
  while (len > 0) {
    ssize_t n = pwrite(fd, bytes, len, at);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return errno;
    if (n == 0)
      return ENOSPC;
    bytes += n;
    at += n;
    len -= (size_t)n;
  }
  return 0;
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

static int seek_start(struct spool *s) {
  s->read_end = 0;
  return fseeko(s->in, 0, SEEK_SET) == 0 ? 0 : errno;
}

static int keep_hash(struct spool *s, uint64_t hash) {
  if (s->hash_count == s->hash_cap) {
    size_t cap = s->hash_cap > 0 ? 2 * s->hash_cap : 64;
    uint64_t *more = realloc(s->hashes, cap * sizeof *more);
    if (more == NULL)
      return ENOMEM;
    s->hashes = more;
    s->hash_cap = cap;
  }
  s->hashes[s->hash_count++] = hash;
  return 0;
}

/* The head names the request as well: a file that was copied to another's name is not taken. */
static bool read_head(struct spool *s, const struct spool_record *r) {
  char request_id[CWS_REQUEST_ID_MAX + 1];
  int version = 0;
  return sscanf(r->body, "%d %128s %16s", &version, request_id, s->job) == 3 && version == 1 &&
         strcmp(request_id, s->request_id) == 0;
}

static bool take_record(struct spool *s, const struct spool_record *r, int *failed) {
  if (s->end == 0)
    return r->kind == 'S' && read_head(s, r);
  if (r->kind == 'E' && r->body_len > HASH_DIGITS + 1) {
    s->added++;
    *failed = keep_hash(s, strtoull(r->body, NULL, 16));
    return true;
  }
  if (r->kind == 'A')
    spool_answered(s, strtoull(r->body, NULL, 10));
  return r->kind == 'A' && s->answered <= s->added;
}

/* Whether a whole record follows: then it is no record that was cut off which cannot be read. */
static bool is_record_ahead(struct spool *s) {
  struct spool_record r;
  ssize_t len;
  while ((len = read_line(s)) > 0) {
    if (spool_record_read(s->line, (size_t)len, &r))
      return true;
  }
  return false;
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

/* Takes in what an earlier run left. */
static int load(struct spool *s) {
  ssize_t len;
  int failed = 0;
  while (failed == 0 && (len = read_line(s)) > 0) {
    struct spool_record r;
    if (!spool_record_read(s->line, (size_t)len, &r)) {
      off_t size = lseek(s->fd, 0, SEEK_END);
      if (is_record_ahead(s))
        return refuse_damaged(s);
      failed = drop_tail(s, size);
      break;
    }
    if (!take_record(s, &r, &failed))
      return refuse_damaged(s);
    s->end += len;
  }
  if (failed == 0 && ferror(s->in))
    failed = errno;
  s->synced = s->added;
  s->has_answers = false;
  failed = failed != 0 ? failed : seek_start(s);
  if (failed == 0)
    return 0;
  talk_error("cannot read '%s': %s", s->path, strerror(failed));
  return EXIT_IO;
}

/* ---- opening and closing ---- */

static int write_head(struct spool *s) {
  unsigned char random[8];
  if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
    return EIO;
  for (size_t i = 0; i < sizeof random; i++)
    snprintf(s->job + 2 * i, 3, "%02x", random[i]);
  char body[CWS_REQUEST_ID_MAX + 32], *record = NULL;
  size_t len;
  int n = snprintf(body, sizeof body, "1 %s %s", s->request_id, s->job);
  FILE *to = open_memstream(&record, &len);
  if (to == NULL)
    return errno;
  spool_record_write(to, 'S', body, (size_t)n);
  int failed = fclose(to) != 0 ? ENOMEM : write_all(s->fd, record, len, 0);
  free(record);
  if (failed != 0)
    return failed;
  s->end = (off_t)len;
  if (s->path[0] == '\0')
    return 0;
  return fsync(s->fd) != 0 ? errno : sync_dir(s->dir);
}

static int open_file(struct spool *s, const char *dir, int slot) {
  if (dir == NULL) {
    FILE *nameless = tmpfile();
    s->fd = nameless != NULL ? fcntl(fileno(nameless), F_DUPFD_CLOEXEC, 3) : -1;
    int failed = s->fd < 0 ? errno : 0;
    if (nameless != NULL)
      fclose(nameless);
    return failed;
  }
  if (!make_path(dir, s->request_id, slot, s->path))
    return ENAMETOOLONG;
  snprintf(s->dir, sizeof s->dir, "%s", dir);
  int failed = make_dir(dir);
  return failed != 0 ? failed : open_locked(s->path, &s->fd);
}

static int open_reader(struct spool *s) {
  int fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 3);
  s->in = fd >= 0 ? fdopen(fd, "r") : NULL;
  if (s->in != NULL)
    return 0;
  int failed = errno;
  if (fd >= 0)
    close(fd);
  return failed;
}

static int begin(struct spool *s, const char *dir, int slot) {
  int failed = open_file(s, dir, slot);
  if (failed == EWOULDBLOCK)
    return EXIT_TRYAGAIN;
  if (failed == 0)
    failed = open_reader(s);
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
  s->request_id = request_id;
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
  s->added = s->synced;
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
  free(s->hashes);
  free(s);
}

int spool_remove(struct spool *s) {
  int failed = 0;
  if (s->path[0] != '\0')
    failed = unlink(s->path) != 0 ? errno : sync_dir(s->dir);
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
  if (s->hash_next < s->hash_count && hash_event(event, &hash) == 0 &&
      s->hashes[s->hash_next] == hash) {
    s->hash_next++;
    return true;
  }
  s->hash_next = s->hash_count;
  return false;
}

bool spool_has(const struct spool *s, const struct cws_event *event) {
  uint64_t hash;
  if (hash_event(event, &hash) != 0)
    return false;
  for (size_t i = 0; i < s->hash_count; i++) {
    if (s->hashes[i] == hash)
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
  snprintf(id, sizeof id, "%s-%" PRIu64, s->job, s->added + 1);
  now_text(time_text);
  struct cws_event full = *event;
  full.event_id = event->event_id != NULL ? event->event_id : id;
  full.timestamp = event->timestamp != NULL ? event->timestamp : time_text;
  size_t len;
  char *text = cws_event_format(&full, true, &len);
  char *body = text != NULL ? malloc(HASH_DIGITS + 1 + len + 1) : NULL;
  if (body != NULL) {
    int n = snprintf(body, HASH_DIGITS + 2, "%016" PRIx64 " ", hash);
    memcpy(body + n, text, len);
    spool_record_write(s->gathering, 'E', body, (size_t)n + len);
    s->added++;
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
  int n = snprintf(body, sizeof body, "%" PRIu64, s->answered);
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
  uint64_t added = s->added;
  failed = fflush(s->gathering) != 0 ? ENOMEM : 0;
  if (failed == 0)
    failed = write_all(s->fd, s->gathered, s->gathered_len, s->end);
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
  return failed;
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
    if (r.kind != 'E' || ++s->read <= s->answered)
      continue;
    struct cws_event_owned *event = NULL;
    if (cws_event_parse(r.body + HASH_DIGITS + 1, r.body_len - HASH_DIGITS - 1, 2 * SPOOL_EVENT_MAX,
                        &event, NULL) != 0)
      *failed = EIO;
    return event;
  }
  return NULL;
}

void spool_answered(struct spool *s, uint64_t count) {
  if (count <= s->answered)
    return;
  s->answered = count;
  s->has_answers = true;
}

uint64_t spool_count_answered(const struct spool *s) {
  return s->answered;
}

uint64_t spool_count_pending(const struct spool *s) {
  return s->added - s->answered;
}

const char *spool_path(const struct spool *s) {
  return s->path;
}
