#!/usr/bin/env bash
# named_tests.sh ROOT: every test that docs/security.md and docs/reliability.md name, as `tests/FILE` or `tests/FILE:NAME`, is there and is run.
set -euo pipefail
cd "$1"
failed=0
named=0
while read -r name; do
  named=$((named + 1))
  file=${name%%:*}
  if [ ! -f "$file" ]; then
    echo "no such file: $file" >&2
    failed=1
  elif [[ "$name" == *:* ]] && [ "$(grep -cw -- "${name#*:}" "$file")" -lt 2 ]; then # once as a function, once in the list
    echo "$file does not run ${name#*:}" >&2
    failed=1
  fi
done < <(grep -oh '`tests/[^`]*`' docs/security.md docs/reliability.md | tr -d '`' | sort -u)
[ "$named" -ge 30 ] || { echo "only $named tests are named" >&2; exit 1; }
exit "$failed"
