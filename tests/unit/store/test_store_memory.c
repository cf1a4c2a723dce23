#include "tests/unit/store/conformance.h"

int main(void) {
  int failed = conformance_run("memory");
  return failed + conformance_run_retention("memory");
}
