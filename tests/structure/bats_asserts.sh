#!/usr/bin/env bash
# bats_asserts.sh ROOT: whatever a bats test runs with run3 has its exit status, its stdout and its stderr looked at, each of them,
# before the next run or the end of the test.
set -euo pipefail
awk '
  function judge() {
    if (at != "" && !(status && out && err))
      printf "%s: nothing is asserted of%s%s%s\n", at, status ? "" : " status", out ? "" : " stdout", err ? "" : " stderr"
    if (at != "" && !(status && out && err)) failed = 1
    at = ""
  }
  /^ *#/ { next }
  /(^|[ (])run3 / { judge(); at = FILENAME ":" FNR; status = out = err = 0; runs++ }
  at == "" { next }
  /assert_run|one_line/ { status = out = err = 1 }
  /assert_status|[$]status|[$][{]status/ { status = 1 }
  /assert_out|[$]out|[$][{]out|[$]dir\/out|verdicts|advice_of/ { out = 1 }
  /assert_err|[$]err|[$][{]err|[$]dir\/err/ { err = 1 }
  /^}/ { judge() }
  END { if (runs < 300) { print "only " runs " runs: they are called otherwise"; failed = 1 } exit failed }
' "$1"/tests/cli/*.bats "$1"/tests/e2e/*.bats
