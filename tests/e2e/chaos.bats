#!/usr/bin/env bats
# Everything that goes wrong in one run: a watcher is killed, the network is cut, the hub is killed and restarted, while 8 publishers
# send 1,000 events. Afterwards each subscriber has each event once, in order.

load ../cli/common

# events OF FROM TO: a publisher's lines, each with what makes it unique.
events() {
  local n
  for ((n = 1; n <= 125; n++)); do
    printf '{"type":"execution_progress","data":{"publisher":%d,"n":%d}}\n' "$1" "$n"
    # A little at a time, so that the run lasts while things go wrong.
    ((n % 5 != 0)) || read -r -t 0.05 <>"$dir/never" || true
  done
}

restart_hub() {
  stop_hub "$1"
  start_hub_on "127.0.0.1:$port"
}

start_watcher() {
  "$COUNCILWS" watch run --subscriber "$1" -o json --count "$2" --url "$3" >>"$dir/seen.$1" 2>>"$dir/talk.$1" &
}

check_seen() {
  jq -r .message_id "$dir/seen.$1" | diff <(seq 1000) - >"$dir/diff" || fail "$1: $(head "$dir/diff")"
}

@test "1,000 events from 8 publishers through kills and cuts: each subscriber has each once, in order" {
  mkfifo "$dir/never"
  start_hub
  port=$(hub_port)
  direct=$COUNCILWS_URL
  node "$E2E/proxy.js" "$port" >"$dir/proxy" &
  proxy=$!
  wait_for "$dir/proxy" '[0-9]'
  through=http://127.0.0.1:$(cat "$dir/proxy")

  start_watcher steady 1000 "$direct"
  steady=$!
  start_watcher cut 1000 "$through"
  cut=$!
  start_watcher killed 0 "$direct"
  killed=$!

  publishers=()
  for p in 1 2 3 4 5 6 7 8; do
    url=$direct
    ((p % 2)) || url=$through
    events "$p" | "$COUNCILWS" publish run --file - --url "$url" >"$dir/ids.$p" 2>"$dir/talk.p$p" &
    publishers+=($!)
  done

  wait_for "$dir/seen.steady" '"message_id":100,'
  kill -USR2 "$proxy"
  wait_for "$dir/seen.steady" '"message_id":250,'
  kill -9 "$killed"
  restart_hub -KILL
  wait_for "$dir/seen.steady" '"message_id":450,'
  kill -USR2 "$proxy"
  restart_hub -TERM
  wait_for "$dir/seen.steady" '"message_id":650,'
  start_watcher killed 0 "$direct"
  killed=$!
  restart_hub -KILL

  for p in "${publishers[@]}"; do
    wait "$p" || fail "a publisher failed: $(cat "$dir"/talk.p*)"
  done
  wait "$steady" || fail "steady: $(cat "$dir/talk.steady")"
  wait "$cut" || fail "cut: $(cat "$dir/talk.cut")"
  wait_for "$dir/seen.killed" '"message_id":1000,'
  kill "$killed"

  check_seen steady
  check_seen cut
  # The killed one had printed what it could not yet acknowledge: those come again, and only those. Without the repeats: each, once.
  awk '{ match($0, /"message_id":[0-9]+/); id = substr($0, RSTART + 13, RLENGTH - 13) + 0; if (id > last) { print; last = id } }' \
    "$dir/seen.killed" >"$dir/once" && mv "$dir/once" "$dir/seen.killed"
  check_seen killed

  # Nothing is stored twice or lost, and each publisher's events kept their order.
  for p in 1 2 3 4 5 6 7 8; do
    jq -r "select(.data.publisher == $p) | .data.n" "$dir/seen.steady" | diff <(seq 125) - >"$dir/diff" ||
      fail "publisher $p: $(head "$dir/diff")"
  done
}
