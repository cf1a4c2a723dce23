/*
 * spool_compact: a spool's file without the events that were answered. The new one is written
 * beside it, made durable and locked before it takes its name, so at any moment there is one file
 * that says everything, and nobody else gets hold of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/spool_file.h"
#include "cli/spool_state.h"
#include "cli/talk.h"

#define COMPACT_MIN                                                                                \
  (256 * 1024)         /* bytes to be gained: less is not worth two waits for the disk             \
                        */
#define HASHES_MAX 256 /* in one record */

struct compaction {
  struct spool *spool;
  int fd;
  FILE *to;
  char hashes[HASHES_MAX * SPOOL_HASH_DIGITS];
  size_t hash_count;
  uint64_t passed; /* events of the old file so far, with those that were dropped before */
  off_t base, read_end;
};

/* By the share of the events, since their sizes are not kept. */
static off_t bytes_answered(const struct spool *s) {
  const struct spool_content *c = &s->content;
  if (s->synced == c->dropped)
    return s->end - s->content.base;
  double share = (double)(c->answered - c->dropped) / (double)(s->synced - c->dropped);
  return (off_t)(share * (double)(s->end - s->content.base));
}

/* As much is gained as is to be written, so the work is never more than twice that without it. */
static bool is_worth_it(const struct spool *s) {
  off_t gain = bytes_answered(s);
  return gain >= COMPACT_MIN && gain >= s->end - gain;
}

static int open_new(const struct spool *s, char path[PATH_BUF], int *out) {
  if (s->path[0] == '\0')
    return spool_file_open_nameless(out);
  if (!spool_file_path_new(s->path, path))
    return ENAMETOOLONG;
  *out = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  return *out < 0 || flock(*out, LOCK_EX | LOCK_NB) != 0 ? errno : 0;
}

static void write_hashes(struct compaction *c) {
  if (c->hash_count > 0)
    spool_record_write(c->to, 'H', c->hashes, c->hash_count * SPOOL_HASH_DIGITS);
  c->hash_count = 0;
}

static void keep_hashes(struct compaction *c, const char *digits, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (c->hash_count == HASHES_MAX)
      write_hashes(c);
    memcpy(c->hashes + SPOOL_HASH_DIGITS * c->hash_count++, digits + i * SPOOL_HASH_DIGITS,
           SPOOL_HASH_DIGITS);
  }
}

/* The first event that is kept: what stands before it is through. */
static void end_base(struct compaction *c) {
  if (c->base != 0)
    return;
  write_hashes(c);
  c->base = ftello(c->to);
}

static void pass_event(struct compaction *c, const struct spool_record *r) {
  const struct spool *s = c->spool;
  if (++c->passed > s->content.answered) {
    end_base(c);
    spool_record_write(c->to, r->kind, r->body, r->body_len);
  } else if (!s->is_forgetful) {
    keep_hashes(c, r->body, 1);
  }
  if (c->passed == s->read && c->base != 0)
    c->read_end = ftello(c->to);
}

static void pass_record(struct compaction *c, const struct spool_record *r) {
  if (r->kind == 'E')
    pass_event(c, r);
  else if (r->kind == 'H' && !c->spool->is_forgetful)
    keep_hashes(c, r->body, r->body_len / SPOOL_HASH_DIGITS);
  else if (r->kind == 'D' && !c->spool->is_forgetful)
    spool_record_write(c->to, r->kind, r->body, r->body_len);
}

static void write_dropped(struct compaction *c) {
  char body[32];
  int n = snprintf(body, sizeof body, "%llu", (unsigned long long)c->spool->content.answered);
  spool_record_write(c->to, 'D', body, (size_t)n);
}

static int write_records(struct compaction *c) {
  struct spool *s = c->spool;
  spool_write_head(c->to, &s->content);
  if (s->is_forgetful)
    write_dropped(c);
  if (fseeko(s->in, 0, SEEK_SET) != 0)
    return errno;
  for (off_t at = 0; at < s->end;) {
    struct spool_record r;
    ssize_t len = getline(&s->line, &s->line_cap, s->in);
    if (len <= 0 || !spool_record_read(s->line, (size_t)len, &r))
      return EIO;
    at += len;
    pass_record(c, &r);
  }
  end_base(c);
  return 0;
}

static int write_new(struct compaction *c, off_t *end) {
  int failed = spool_open_stream(c->fd, "w", &c->to);
  if (failed != 0)
    return failed;
  failed = write_records(c);
  *end = ftello(c->to);
  if (failed == 0 && ferror(c->to))
    failed = EIO;
  if (fclose(c->to) != 0 && failed == 0)
    failed = errno;
  if (failed == 0 && c->spool->path[0] != '\0' && fsync(c->fd) != 0)
    failed = errno;
  return failed;
}

/* From here on the new file is the spool's. */
static void change_over(struct compaction *c, FILE *in, off_t end) {
  struct spool *s = c->spool;
  fclose(s->in);
  close(s->fd);
  s->in = in;
  s->fd = c->fd;
  s->end = end;
  s->content.base = c->base;
  s->content.dropped = s->content.answered;
  if (s->read <= s->content.answered) {
    s->read = s->content.answered;
    c->read_end = c->base;
  }
  s->read_end = c->read_end;
}

static int replace(struct compaction *c, const char *path, off_t end) {
  struct spool *s = c->spool;
  FILE *in = NULL;
  int failed = spool_open_stream(c->fd, "r", &in);
  if (failed != 0)
    return failed;
  off_t at = s->read <= s->content.answered ? c->base : c->read_end;
  if (fseeko(in, at, SEEK_SET) != 0 || (path[0] != '\0' && rename(path, s->path) != 0)) {
    failed = errno;
    fclose(in);
    return failed;
  }
  change_over(c, in, end);
  /* Where the name is not durable the old file comes back: it says no less. */
  if (path[0] != '\0')
    spool_file_sync_dir(s->dir);
  return 0;
}

static void give_up(struct compaction *c, const char *path, int failed) {
  struct spool *s = c->spool;
  talk_more("'%s' cannot be made smaller: %s", s->path, strerror(failed));
  if (c->fd >= 0)
    close(c->fd);
  if (path[0] != '\0')
    unlink(path);
  clearerr(s->in);
  if (fseeko(s->in, s->read_end, SEEK_SET) != 0)
    talk_error("cannot read '%s': %s", s->path, strerror(errno));
  s->no_compaction_before = 2 * s->end;
}

void spool_compact(struct spool *s) {
  if (s->end < s->no_compaction_before || !is_worth_it(s))
    return;
  struct compaction c = {.spool = s, .fd = -1, .passed = s->content.dropped};
  char path[PATH_BUF] = "";
  off_t end = 0;
  int failed = open_new(s, path, &c.fd);
  if (failed == 0)
    failed = write_new(&c, &end);
  if (failed == 0)
    failed = replace(&c, path, end);
  if (failed != 0)
    give_up(&c, path, failed);
}
