#!/usr/bin/env bash
# valgrind.sh [PATTERN]: the unit tests of lib/core (or those ctest knows by PATTERN) under valgrind, one run a file of tests: what the
# sanitizers do not see, reads of memory that was never written. Slow; not part of ./check. The build is one without sanitizers.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v valgrind >/dev/null || { echo "valgrind is not installed: apt-get install valgrind" >&2; exit 2; }
pattern=${1:-^test_core_}
cmake --preset debug >/dev/null
names=$(ctest --test-dir build/debug -N -R "$pattern" | sed -n 's/.*Test *#[0-9]*: //p')
# shellcheck disable=SC2086
cmake --build --preset debug --target $names >/dev/null
export CWS_TEST_DATA=$PWD/tests/data
failed=0
for name in $names; do
  mapfile -t command < <(ctest --test-dir build/debug -R "^$name\$" --show-only=json-v1 | jq -r '.tests[].command[]')
  if valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,indirect \
    "${command[@]}" >"build/debug/$name.valgrind" 2>&1; then
    echo "ok     $name"
  else
    echo "failed $name: see build/debug/$name.valgrind"
    failed=$((failed + 1))
  fi
done
[ "$failed" -eq 0 ]
