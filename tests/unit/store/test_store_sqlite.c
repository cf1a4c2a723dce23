#include "tests/unit/store/conformance.h"

int main(void) {
  int failed = conformance_run("sqlite");
  return failed + conformance_run_retention("sqlite");
}
