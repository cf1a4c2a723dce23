/* Ending a loop closes nothing twice: a number that is free again may be another thread's by then.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/net/loop.h"

static atomic_int closed_twice;

/* In place of the C library's, for libwebsockets, too. */
__attribute__((visibility("default"))) int close(int fd) {
  long rc = syscall(SYS_close, fd);
  if (rc != 0 && errno == EBADF)
    closed_twice++;
  return (int)rc;
}

static void the_end_of_a_loop_closes_each_descriptor_once(void **state) {
  (void)state;
  struct loop *loop;
  const struct loop_options options = {0};
  close(-1);
  assert_int_equal(closed_twice, 1); /* it is counted */
  for (int i = 0; i < 3; i++) {
    assert_int_equal(loop_new(&options, &loop, NULL), 0);
    loop_free(loop);
  }
  assert_int_equal(closed_twice, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_end_of_a_loop_closes_each_descriptor_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
