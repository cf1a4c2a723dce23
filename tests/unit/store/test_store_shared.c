#include "tests/unit/store/conformance.h"

int main(void) {
  int failed = conformance_run("shared");
  return failed + conformance_run_retention("shared");
}
