#!/usr/bin/env bash
# exported_symbols.sh LIBRARY ROOT: libcouncilws exports cws_ names only, and every function that its public headers declare.
set -euo pipefail
exported=$(nm -D --defined-only "$1" | awk '$2 ~ /[A-Z]/ { print $3 }' | sort)
others=$(grep -v '^cws_' <<<"$exported" || true)
[ -z "$others" ] || { echo "exported beside cws_: $others" >&2; exit 1; }
declared=$(cat "$2"/lib/include/councilws/*.h "$2"/lib/include/councilws/*.in | tr '\n' ' ' |
  grep -o 'CWS_API [^;]*;' | sed -n 's/^[^(]*[ *]\(cws_[a-z0-9_]*\) *(.*/\1/p' | sort -u)
[ "$(wc -l <<<"$declared")" -gt 40 ] || { echo "the headers could not be read" >&2; exit 1; }
missing=$(comm -23 <(echo "$declared") <(echo "$exported"))
[ -z "$missing" ] || { echo "declared and not exported: $missing" >&2; exit 1; }
