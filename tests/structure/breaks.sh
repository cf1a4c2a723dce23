#!/usr/bin/env bash
# breaks.sh ROOT: tests/breaks is of this code: each break applies, names promises and tests that are there, and every test that a
# promise of docs/reliability.md or docs/security.md names has a break of that promise that it is to notice.
set -euo pipefail
cd "$1"
. tests/breaks/names.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
say() {
  echo "$*" >&2
  failed=1
}

# FILE: PROMISE <tab> TEST, a line each. The promise is the first cell of a row, or the heading above a text.
for doc in docs/reliability.md docs/security.md; do
  awk -v doc="$doc" '
    /^#/ { sub(/^#+ /, ""); heading = $0 }
    {
      promise = heading
      if (/^\| /) { split($0, cell, " \\| "); promise = substr(cell[1], 3) }
      else if (!/[Hh]eld by/ && !held) next
      held = !/^\|/ && !/^$/
      rest = $0
      while (match(rest, /`tests\/[^`]*\.(c|bats|mjs)(:[^`]*)?`/)) {
        print doc ": " promise "\t" substr(rest, RSTART + 1, RLENGTH - 2)
        rest = substr(rest, RSTART + RLENGTH)
      }
    }' "$doc"
done | sort -u >"$work/promised"

for patch in tests/breaks/*.patch; do
  git apply --check "$patch" 2>"$work/why" || say "$patch: $(head -1 "$work/why")"
  [ -n "$(break_promises "$patch")" ] && [ -n "$(break_tests "$patch")" ] || say "$patch: no promise, or no test"
  while read -r test; do
    file=${test%%:*}
    [ -f "$file" ] || say "$patch: no such test: $file"
    [[ "$test" != *:* ]] || grep -qF -- "${test#*:}" "$file" || say "$patch: $file has no '${test#*:}'"
    break_promises "$patch" | while read -r promise; do printf '%s\t%s\n' "$promise" "$test"; done
  done < <(break_tests "$patch") >>"$work/broken"
done

awk -F'\t' '
  NR == FNR { promise[FNR] = $1; test[FNR] = $2; n = FNR; next }
  {
    seen[$1] = found = 0
    for (i = 1; i <= n; i++) {
      if (index(promise[i], $1) != 1) continue
      known[$1] = 1
      if (test[i] == $2 || index($2, test[i] ":") == 1) is_broken[i] = 1
    }
  }
  END {
    for (p in seen) if (!(p in known)) { print "no such promise: " p; bad = 1 }
    for (i = 1; i <= n; i++) if (!(i in is_broken)) { print "no break: " promise[i] ": " test[i]; bad = 1 }
    exit bad
  }' "$work/promised" "$work/broken" >&2 || failed=1
echo "$(wc -l <"$work/promised") tests of promises, $(ls tests/breaks/*.patch | wc -l) breaks"
exit "$failed"
