#!/usr/bin/env bash
# include_graph.sh ROOT: reads every #include "…" of the sources and fails on an arrow that docs/architecture.md does not have.
set -euo pipefail
cd "$1"

# A part, and what ($rule) it may include beside itself and the public headers.
allowed() {
  case $1 in
  lib/core) rule="" ;;
  lib/event) rule="" ;;
  lib/summary) rule="" ;;
  lib/client) rule="lib/core lib/event" ;;
  server/base) rule="lib/core" ;;
  server/net) rule="lib/core lib/event server/base" ;;
  server/store) rule="lib/core server/base" ;;
  server/auth) rule="lib/core server/base" ;;
  server/hub) rule="lib/core lib/summary server/base server/store" ;;
  server/http) rule="lib/core server/base server/net" ;;
  server/ws) rule="lib/core server/base server/net server/auth server/hub server/http" ;;
  server/web) rule="" ;;
  server/api) rule="lib/core server/base server/net server/auth server/hub server/http server/ws server/web" ;;
  server) rule="lib/core server/base server/net server/auth server/hub server/store server/http server/ws server/api" ;;
  cli/picture) rule="lib/summary" ;;
  cli) rule="cli/picture" ;;
  *) return 1 ;;
  esac
}

# Third-party headers, and the parts ($owners) that own them.
owned() {
  owners=
  case $1 in
  libwebsockets.h) owners="server/net lib/client" ;;
  curl/*) owners="lib/client server/auth" ;;
  sqlite3.h) owners="server/store" ;;
  nats/*) owners="server/store" ;;
  http_parser.h) owners="server/http" ;;
  jose/*) owners="lib/core" ;;
  readline/*) owners="cli" ;;
  uv.h) owners="server/net lib/client lib/event cli" ;;
  esac
}

failed=0
arrows=0
bad() {
  echo "$1" >&2
  failed=1
}

# Every include as "FILE KIND TARGET"; one process for all files.
includes() {
  find lib/core lib/event lib/summary lib/client server cli \( -name '*.c' -o -name '*.h' \) -print0 | sort -z | xargs -0 awk '
    /^#include "/ { split($0, part, "\""); print FILENAME, "quoted", part[2] }
    /^#include </ { split($0, part, /[<>]/); print FILENAME, "angled", part[2] }'
}

while read -r file kind target; do
  part=${file%/*}
  if [ "$kind" = angled ]; then
    owned "$target"
    [ -z "$owners" ] || [[ " $owners " == *" $part "* ]] || bad "$file: <$target> belongs to $owners"
    continue
  fi
  arrows=$((arrows + 1))
  allowed "$part" || { bad "$file: the folder $part has no rule"; continue; }
  [ -e "$target" ] || bad "$file: no such file '$target' from the root"
  [ "${target%/*}" = "$part" ] || [[ " $rule " == *" ${target%/*} "* ]] || bad "$file: $part may not include '$target'"
done < <(includes)
[ "$arrows" -gt 100 ] || bad "only $arrows includes were found: is ROOT right?"
exit "$failed"
