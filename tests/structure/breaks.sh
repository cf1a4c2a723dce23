#!/usr/bin/env bash
# breaks.sh ROOT: tests/breaks is of this code: each break applies, names promises and tests that are there, and every test that a
# promise of docs/reliability.md or docs/security.md names has a break of that promise that it is to notice.
set -euo pipefail
cd "$1"
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

# What every patch says above its diff, in one go: PATCH <tab> KEY <tab> VALUE.
awk -v OFS='\t' '
  FNR == 1 { head = 1 }
  /^--- / { head = 0 }
  head && match($0, /^(Promise|Test|Says): /) { print FILENAME, substr($0, 1, RLENGTH - 2), substr($0, RLENGTH + 1) }
' tests/breaks/*.patch >"$work/heads"

for patch in tests/breaks/*.patch; do
  git apply --check "$patch" 2>"$work/why" || say "$patch: $(head -1 "$work/why")"
done
while IFS=$'\t' read -r patch test; do
  file=${test%%:*}
  [ -f "$file" ] || say "$patch: no such test: $file"
  [[ "$test" != *:* ]] || grep -qF -- "${test#*:}" "$file" || say "$patch: $file has no '${test#*:}'"
done < <(awk -F'\t' -v OFS='\t' '$2 == "Test" { print $1, $3 }' "$work/heads")

# PROMISE <tab> TEST of each break; one that has none of either is said.
awk -F'\t' -v OFS='\t' '
  $2 == "Promise" { promises[$1] = promises[$1] $3 "\n" }
  $2 == "Test" { tests[$1] = tests[$1] $3 "\n" }
  END {
    for (patch in promises) {
      n = split(promises[patch], promise, "\n")
      m = split(tests[patch], test, "\n")
      for (i = 1; i < n; i++) for (j = 1; j < m; j++) print promise[i], test[j]
    }
  }' "$work/heads" >"$work/broken"
for key in Promise Test; do
  without=$(comm -3 <(printf '%s\n' tests/breaks/*.patch | sort) <(awk -F'\t' -v key="$key" '$2 == key { print $1 }' "$work/heads" | sort -u))
  [ -z "$without" ] || say "without a $key: $without"
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
