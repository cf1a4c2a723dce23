#!/usr/bin/env bats
# More connections than there are descriptors.

load ../cli/common

# start_limited N [OPTION …]: a hub with N descriptors, and no right to more.
start_limited() {
  printf '#!/bin/sh\nulimit -n %d\nexec "%s" "$@"\n' "$1" "$COUNCILWS" >"$dir/limited"
  chmod +x "$dir/limited"
  shift
  COUNCILWS=$dir/limited start_hub "$@"
}

# start_watcher: somebody who was there before the storm.
start_watcher() {
  "$COUNCILWS" watch run --url "$COUNCILWS_URL" -o json --count 20 >"$dir/seen" 2>"$dir/talk" &
  watcher=$!
  make_events 5 | councilws publish run --file - >/dev/null
  wait_for "$dir/seen" '"message_id":5,'
}

storm() {
  (
    ulimit -Sn "$(ulimit -Hn)"
    exec node "$ABUSE/connects.js" "$(hub_port)" 600
  ) >"$dir/storm" 2>&1 &
  storm=$!
  wait_for "$dir/storm" open
}

# A publisher that is connected already, line by line through a pipe.
start_publisher() {
  mkfifo "$dir/lines"
  "$COUNCILWS" publish run --file - <"$dir/lines" >"$dir/ids" 2>"$dir/talk.p" &
  publisher=$!
  exec 7>"$dir/lines"
}

# How often the hub has found no descriptor.
attempts() {
  grep -c 'no descriptor, resting' "$dir/hub.log" || true
}

now_ms() {
  echo $((${EPOCHREALTIME/./} / 1000))
}

@test "a hub out of descriptors stops accepting, serves those who are in, and accepts again" {
  start_limited 200 --max-connections 100000 --log-level debug
  start_watcher
  start_publisher
  make_events 5 >&7
  wait_for "$dir/seen" '"message_id":10,'

  storm
  wait_for "$dir/hub.log" 'out of descriptors'
  make_events 5 >&7
  wait_for "$dir/seen" '"message_id":15,'
  # Each worker rests for 100 ms between two attempts, however fast or slow the machine is.
  before=$(attempts) began=$(now_ms)
  timeout 20 bash -c 'until [ "$(grep -c "no descriptor, resting" "$1")" -ge $(($2 + 3)) ]; do sleep 0.05; done' _ "$dir/hub.log" "$before" ||
    fail "it does not try again"
  tried=$(($(attempts) - before)) may=$(($(nproc) * (($(now_ms) - began) / 100 + 2)))
  [ "$tried" -le "$may" ] || fail "it tries again and again: $tried times, where $may are due"
  [ "$(grep -c 'out of descriptors: ' "$dir/hub.log")" -le "$(nproc)" ] || fail "it says so again and again"

  kill "$storm"
  timeout 20 curl -fsS --retry 20 --retry-all-errors --retry-delay 0 "$COUNCILWS_URL/healthz/ready" >/dev/null || fail "it does not accept again"
  make_events 5 >&7
  exec 7>&-
  wait "$publisher" || fail "the publisher: $(cat "$dir/talk.p")"
  wait "$watcher" || fail "the watcher: $(cat "$dir/talk")"
  jq -r .message_id "$dir/seen" | diff <(seq 20) - || fail "not each once, in order"
}

@test "without options a hub takes no more connections than its descriptors allow, and never runs out" {
  start_limited 300
  start_watcher
  storm
  make_events 15 >"$dir/more"
  # Told so (429), or cut where many wait to be told.
  run3 curl -sS -m 20 -o /dev/null -w '%{http_code}' "$COUNCILWS_URL/healthz/live"
  [[ "$out" == 429 || "$status" =~ ^(52|56)$ ]] || fail "neither told nor cut: $out, exit status $status"
  kill "$storm"
  timeout 20 curl -fsS --retry 20 --retry-all-errors --retry-delay 0 "$COUNCILWS_URL/healthz/ready" >/dev/null || fail "it does not recover"
  councilws publish run --file "$dir/more" >/dev/null
  wait "$watcher" || fail "the watcher: $(cat "$dir/talk")"
  ! grep -q 'out of descriptors' "$dir/hub.log" || fail "it ran out of descriptors"
}
