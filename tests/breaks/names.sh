# How a break (a patch of this folder) names its tests and promises. Sourced by run and by tests/structure/breaks.sh.

break_tests() { sed -n '/^--- /q; s/^Test: //p' "$1"; }
break_says() { sed -n '/^--- /q; s/^Says: //p' "$1"; }
break_promises() { sed -n '/^--- /q; s/^Promise: //p' "$1"; }

# test_name FILE[:NAME]: what ctest calls it.
test_name() {
  local file=${1%%:*} base
  base=$(basename "$file")
  case $file in
  tests/unit/auth/*.c | tests/unit/base/*.c | tests/unit/cli/*.c | tests/unit/core/*.c | tests/unit/hub/*.c | tests/unit/picture/*.c)
    base=${base%.c}
    echo "test_$(basename "$(dirname "$file")")${base#test}"
    ;;
  *.c) echo "${base%.c}" ;;
  *.bats) echo "$(basename "$(dirname "$file")")_${base%.bats}" ;;
  *.test.mjs) echo "$(basename "$(dirname "$file")")_${base%.test.mjs}" ;;
  *) echo "no test: $1" >&2; return 1 ;;
  esac
}
