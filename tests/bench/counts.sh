#!/usr/bin/env bash
# counts.sh LOAD LIMIT COUNCILWS: the load generator counts each delivery once, against the limits and against the hub.
set -euo pipefail
load=$1 limit=$2 councilws=$3
dir=$(mktemp -d "${TMPDIR:-/tmp}/counts.XXXXXX")
export XDG_STATE_HOME=$dir/state XDG_CONFIG_HOME=$dir/config
unset COUNCILWS_URL COUNCILWS_TOKEN
server=''
clean_up() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  wait
  rm -rf "$dir"
}
trap clean_up EXIT

start() { # COMMAND …: sets port and server
  local url
  rm -f "$dir/url" && mkfifo "$dir/url"
  "$@" >"$dir/url" &
  server=$!
  read -r -t 30 url <"$dir/url"
  url=${url%/}
  port=${url##*:}
}

stop() {
  kill "$server"
  wait "$server" || true
  server=''
}

field() { # NAME LINE
  sed -E "s/.*\"$1\":([0-9.]+).*/\1/" <<<"$2"
}

expect() { # PUBLISHED DELIVERED OPTION …
  local published=$1 delivered=$2 line
  shift 2
  line=$("$load" --port "$port" --pids "$server" --count "$published" "$@") || { echo "load failed: $* $line"; exit 1; }
  [ "$(field published "$line")" = "$published" ] && [ "$(field delivered "$line")" = "$delivered" ] ||
    { echo "not $published published and $delivered delivered: $* $line"; exit 1; }
}

every_kind() {
  expect 100 700 --scenario fill --prefix a --watchers 7 --publishers 3
  expect 60 60 --scenario fill --prefix b --requests 20 --watchers 1 --publishers 4
  expect 500 1000 --scenario fill --prefix c --watchers 2 --publishers 1 --pipeline 32
  expect 40 80 --scenario fill --prefix d --watchers 2 --publishers 2 --rate 400
}

start "$limit"
every_kind
stop
start "$limit" --log "$dir/log" --keep
expect 100 700 --scenario fill --prefix a --watchers 7 --publishers 3
"$load" --port "$port" --scenario replay --prefix a --count 100 >/dev/null
stop
start "$councilws" serve --listen 127.0.0.1:0 --store "sqlite:$dir/hub.db" --log-level error
token=$("$councilws" token --sub bench --admin)
expect 60 180 --scenario fill --prefix a --watchers 3 --publishers 3 --token "$token"
expect 200 400 --scenario fill --prefix c --watchers 2 --publishers 1 --pipeline 32 --token "$token"
"$load" --port "$port" --token "$token" --scenario replay --prefix a --count 60 >/dev/null
stop
