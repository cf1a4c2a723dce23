/* Sockets that accept: opened, bound, taken over, refused; on one loop that the test turns. */
#include "tests/unit/support/rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/net/listener.h"
#include "tests/unit/support/far_end.h"

enum { FDS_MAX = 64 };

struct site {
  struct rig rig;
  struct listener *l;
  int fds[FDS_MAX], count;
  int allows; /* accepts that many, then says no */
  char folder[64], path[96], text[128];
};

static int set_up(void **state) {
  struct site *s = calloc(1, sizeof *s);
  s->allows = FDS_MAX;
  snprintf(s->folder, sizeof s->folder, "/tmp/cws-listener-XXXXXX");
  assert_non_null(mkdtemp(s->folder));
  snprintf(s->path, sizeof s->path, "%s/hub.sock", s->folder);
  snprintf(s->text, sizeof s->text, "unix:%s", s->path);
  rig_open(&s->rig, NULL);
  *state = s;
  return 0;
}

static int tear_down(void **state) {
  struct site *s = *state;
  if (s->l != NULL)
    listener_stop(s->l, s->rig.loop);
  rig_close(&s->rig);
  listener_free(s->l);
  for (int i = 0; i < s->count; i++)
    close(s->fds[i]);
  unlink(s->path);
  rmdir(s->folder);
  free(s);
  return 0;
}

static int try_open(const char *text, struct listener **l, struct cws_error *err) {
  struct listener_address address;
  assert_int_equal(listener_address_parse(text, &address, NULL), 0);
  *l = NULL;
  return listener_open(&address, 1, l, err);
}

static bool on_accept(struct loop *loop, int fd, const struct listener *l, void *user) {
  struct site *s = user;
  assert_ptr_equal(loop, s->rig.loop);
  assert_ptr_equal(l, s->l);
  assert_in_range(s->count, 0, FDS_MAX - 1);
  s->fds[s->count++] = fd;
  return s->count < s->allows;
}

static void start(struct site *s, const char *text) {
  struct cws_error err = {0};
  if (try_open(text, &s->l, &err) != 0)
    fail_msg("%s: %s", text, err.message);
  assert_int_equal(listener_start(s->l, s->rig.loop, on_accept, s), 0);
}

static int port_of(const struct listener *l) {
  return atoi(strrchr(listener_bound(l), ':') + 1);
}

static int call_v4(struct far_end *far, int port) {
  struct sockaddr_in a = {.sin_family = AF_INET,
                          .sin_port = htons((in_port_t)port),
                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  return far_connect(far, (struct sockaddr *)&a, sizeof a);
}

static int call_v6(struct far_end *far, int port) {
  struct sockaddr_in6 a = {.sin6_family = AF_INET6,
                           .sin6_port = htons((in_port_t)port),
                           .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  return far_connect(far, (struct sockaddr *)&a, sizeof a);
}

static int call_unix(struct far_end *far, const char *path) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  strcpy(a.sun_path, path);
  return far_connect(far, (struct sockaddr *)&a, sizeof a);
}

/* The last accepted socket and `far` are two ends of one. */
static void assert_joined(struct site *s, struct far_end *far) {
  WAIT_FOR(&s->rig, s->count > 0);
  assert_int_equal(write(s->fds[s->count - 1], "hello", 5), 5);
  WAIT_FOR(&s->rig, far_has_text(far, "hello"));
  far_free(far);
}

/* ---- addresses ---- */

static void an_ipv4_address_with_port_0_says_which_it_got(void **state) {
  struct site *s = *state;
  struct far_end far;
  char bound[64];
  start(s, "127.0.0.1:0");
  assert_in_range(port_of(s->l), 1, 65535);
  snprintf(bound, sizeof bound, "127.0.0.1:%d", port_of(s->l));
  assert_string_equal(listener_bound(s->l), bound);
  assert_true(listener_is_tcp(s->l));
  assert_int_equal(call_v4(&far, port_of(s->l)), 0);
  assert_joined(s, &far);
}

static void an_ipv6_address_is_for_ipv6_only(void **state) {
  struct site *s = *state;
  struct far_end far;
  char bound[64];
  start(s, "[::1]:0");
  snprintf(bound, sizeof bound, "[::1]:%d", port_of(s->l));
  assert_string_equal(listener_bound(s->l), bound);
  assert_int_equal(call_v4(&far, port_of(s->l)), ECONNREFUSED);
  assert_int_equal(call_v6(&far, port_of(s->l)), 0);
  assert_joined(s, &far);
}

static void a_port_alone_is_for_both(void **state) {
  struct site *s = *state;
  struct far_end far;
  start(s, ":0");
  assert_int_equal(call_v4(&far, port_of(s->l)), 0);
  assert_joined(s, &far);
  assert_int_equal(call_v6(&far, port_of(s->l)), 0);
  WAIT_FOR(&s->rig, s->count == 2);
  assert_joined(s, &far);
}

static void what_is_accepted_does_not_block_is_not_inherited_and_sends_at_once(void **state) {
  struct site *s = *state;
  struct far_end far;
  int no_delay = 0;
  socklen_t len = sizeof no_delay;
  start(s, "127.0.0.1:0");
  assert_int_equal(call_v4(&far, port_of(s->l)), 0);
  WAIT_FOR(&s->rig, s->count == 1);
  assert_true(fcntl(s->fds[0], F_GETFL) & O_NONBLOCK);
  assert_true(fcntl(s->fds[0], F_GETFD) & FD_CLOEXEC);
  getsockopt(s->fds[0], IPPROTO_TCP, TCP_NODELAY, &no_delay, &len);
  assert_int_not_equal(no_delay, 0);
  far_free(&far);
}

static void assert_refused(const char *text, int code, const char *part) {
  struct listener *l;
  struct cws_error err = {0};
  assert_int_equal(try_open(text, &l, &err), code);
  assert_null(l);
  assert_non_null(strstr(err.message, text));
  if (strstr(err.message, part) == NULL)
    fail_msg("no '%s' in '%s'", part, err.message);
}

/* SO_REUSEPORT alone would share the port with another hub, and half of the clients. */
static void a_port_in_use_is_refused(void **state) {
  struct site *s = *state;
  char text[64];
  start(s, "127.0.0.1:0");
  snprintf(text, sizeof text, "%s", listener_bound(s->l));
  assert_refused(text, CWS_ESYSTEM, strerror(EADDRINUSE));
}

static void an_address_of_another_machine_is_refused(void **state) {
  (void)state;
  assert_refused("192.0.2.1:0", CWS_ESYSTEM, strerror(EADDRNOTAVAIL));
}

static void a_port_is_free_again_after_its_listener(void **state) {
  struct site *s = *state;
  struct listener *l;
  char text[64];
  assert_int_equal(try_open("127.0.0.1:0", &l, NULL), 0);
  snprintf(text, sizeof text, "%s", listener_bound(l));
  listener_free(l);
  start(s, text);
  assert_string_equal(listener_bound(s->l), text);
}

/* ---- unix ---- */

static void a_unix_socket_is_the_owners_and_goes_with_its_listener(void **state) {
  struct site *s = *state;
  struct far_end far;
  struct stat st;
  start(s, s->text);
  assert_string_equal(listener_bound(s->l), s->text);
  assert_false(listener_is_tcp(s->l));
  assert_int_equal(stat(s->path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  assert_int_equal(call_unix(&far, s->path), 0);
  assert_joined(s, &far);
  listener_stop(s->l, s->rig.loop);
  rig_turn(&s->rig);
  listener_free(s->l);
  s->l = NULL;
  assert_int_not_equal(stat(s->path, &st), 0);
}

static void the_umask_is_as_before(void **state) {
  struct site *s = *state;
  mode_t before = umask(027);
  start(s, s->text);
  assert_int_equal(umask(before), 027);
}

/* What a killed hub leaves behind: a file that nobody listens on. */
static void a_stale_socket_file_is_replaced(void **state) {
  struct site *s = *state;
  struct far_end far;
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  strcpy(a.sun_path, s->path);
  assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
  close(fd);
  start(s, s->text);
  assert_int_equal(call_unix(&far, s->path), 0);
  assert_joined(s, &far);
}

static void a_live_socket_file_is_refused_and_goes_on(void **state) {
  struct site *s = *state;
  struct far_end far;
  start(s, s->text);
  assert_refused(s->text, CWS_ESYSTEM, strerror(EADDRINUSE));
  assert_int_equal(call_unix(&far, s->path), 0);
  WAIT_FOR(&s->rig, s->count == 2); /* the other's look, too */
  assert_joined(s, &far);
}

static void a_file_that_is_no_socket_is_refused_and_kept(void **state) {
  struct site *s = *state;
  struct stat st;
  int fd = open(s->path, O_CREAT | O_WRONLY, 0600);
  assert_int_equal(write(fd, "precious", 8), 8);
  close(fd);
  assert_refused(s->text, CWS_ESYSTEM, strerror(EEXIST));
  assert_int_equal(stat(s->path, &st), 0);
  assert_int_equal(st.st_size, 8);
}

static void a_folder_that_is_not_there_is_told(void **state) {
  (void)state;
  assert_refused("unix:/nonexistent/hub.sock", CWS_ESYSTEM, strerror(ENOENT));
}

/* ---- inherited ---- */

static void an_inherited_socket_is_served_and_its_file_is_kept(void **state) {
  struct site *s = *state;
  struct far_end far;
  struct stat st;
  char text[32];
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  strcpy(a.sun_path, s->path);
  assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
  assert_int_equal(listen(fd, 5), 0);
  snprintf(text, sizeof text, "fd:%d", fd);
  start(s, text);
  assert_string_equal(listener_bound(s->l), s->text);
  assert_int_equal(call_unix(&far, s->path), 0);
  assert_joined(s, &far);
  assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
  listener_stop(s->l, s->rig.loop);
  rig_turn(&s->rig);
  listener_free(s->l);
  s->l = NULL;
  assert_int_equal(stat(s->path, &st), 0); /* whoever bound it removes it */
}

static void an_inherited_tcp_socket_tells_its_port(void **state) {
  struct site *s = *state;
  struct far_end far;
  char text[32];
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof a;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
  assert_int_equal(listen(fd, 5), 0);
  getsockname(fd, (struct sockaddr *)&a, &len);
  snprintf(text, sizeof text, "fd:%d", fd);
  start(s, text);
  assert_true(listener_is_tcp(s->l));
  assert_int_equal(port_of(s->l), ntohs(a.sin_port));
  assert_int_equal(call_v4(&far, port_of(s->l)), 0);
  assert_joined(s, &far);
}

/* ---- pausing ---- */

static void who_says_no_is_asked_again_after_resume(void **state) {
  struct site *s = *state;
  struct far_end far[3];
  s->allows = 1;
  start(s, "127.0.0.1:0");
  for (int i = 0; i < 3; i++)
    assert_int_equal(call_v4(&far[i], port_of(s->l)), 0);
  WAIT_FOR(&s->rig, s->count == 1);
  for (int i = 0; i < 20; i++)
    rig_turn(&s->rig);
  assert_int_equal(s->count, 1); /* the others wait in the kernel */
  s->allows = FDS_MAX;
  listener_resume(s->l, s->rig.loop);
  listener_resume(s->l, s->rig.loop);
  WAIT_FOR(&s->rig, s->count == 3);
  for (int i = 0; i < 3; i++)
    far_free(&far[i]);
}

static void a_stopped_listener_accepts_nobody(void **state) {
  struct site *s = *state;
  struct far_end far;
  start(s, "127.0.0.1:0");
  listener_stop(s->l, s->rig.loop);
  listener_stop(s->l, s->rig.loop);
  listener_resume(s->l, s->rig.loop);
  assert_int_equal(call_v4(&far, port_of(s->l)), 0); /* the kernel does */
  for (int i = 0; i < 20; i++)
    rig_turn(&s->rig);
  assert_int_equal(s->count, 0);
  far_free(&far);
}

/* Without descriptors it must not spin, and not be lost either. */
static void at_the_descriptor_limit_it_waits_and_goes_on(void **state) {
  struct site *s = *state;
  struct far_end far;
  struct rlimit before, low;
  start(s, "127.0.0.1:0");
  assert_int_equal(call_v4(&far, port_of(s->l)), 0);
  getrlimit(RLIMIT_NOFILE, &before);
  low = before;
  low.rlim_cur = 3; /* nothing new below it */
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
  int64_t begun = rig_now_ms();
  int turns = 0;
  for (; rig_now_ms() < begun + 50; turns++) /* half of its retry time */
    rig_turn(&s->rig);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
  assert_int_equal(s->count, 0);
  assert_in_range(turns, 1, 40); /* a spin would be thousands */
  WAIT_FOR(&s->rig, s->count == 1);
  assert_joined(s, &far);
}

static void freeing_nothing_is_fine(void **state) {
  (void)state;
  listener_free(NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(an_ipv4_address_with_port_0_says_which_it_got),
      TEST(an_ipv6_address_is_for_ipv6_only),
      TEST(a_port_alone_is_for_both),
      TEST(what_is_accepted_does_not_block_is_not_inherited_and_sends_at_once),
      TEST(a_port_in_use_is_refused),
      TEST(an_address_of_another_machine_is_refused),
      TEST(a_port_is_free_again_after_its_listener),
      TEST(a_unix_socket_is_the_owners_and_goes_with_its_listener),
      TEST(the_umask_is_as_before),
      TEST(a_stale_socket_file_is_replaced),
      TEST(a_live_socket_file_is_refused_and_goes_on),
      TEST(a_file_that_is_no_socket_is_refused_and_kept),
      TEST(a_folder_that_is_not_there_is_told),
      TEST(an_inherited_socket_is_served_and_its_file_is_kept),
      TEST(an_inherited_tcp_socket_tells_its_port),
      TEST(who_says_no_is_asked_again_after_resume),
      TEST(a_stopped_listener_accepts_nobody),
      TEST(at_the_descriptor_limit_it_waits_and_goes_on),
      cmocka_unit_test(freeing_nothing_is_fine),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
