#!/usr/bin/env bats
# A hub is told to end while 1,000 watchers follow a run that is being published; another one takes over its store and its address.

load ../cli/common

watchers=1000
events=120

# One line at a time, a few every 50 ms, so that the run lasts.
run_events() {
  local n
  for ((n = 1; n <= events; n++)); do
    printf '{"type":"log","data":{"n":%d}}\n' "$n"
    ((n % 3 != 0)) || read -r -t 0.05 <>"$dir/never" || true
  done
}

@test "1,000 watchers are told to come back at different times, nothing acknowledged is lost, and the next hub goes on" {
  mkfifo "$dir/never"
  start_hub --max-connections-per-user 0 --drain-timeout 30s
  port=$(hub_port)
  ulimit -n "$(ulimit -Hn)"
  node "$E2E/drain.js" "ws://127.0.0.1:$port" "$(councilws token --sub many --admin)" "$watchers" "$events" \
    >"$dir/many" 2>"$dir/many.err" 3>&- &
  many=$!
  timeout 60 bash -c 'until grep -q ready "$1" || ! kill -0 "$2" 2>/dev/null; do sleep 0.05; done' _ "$dir/many" "$many"
  grep -q ready "$dir/many" || fail "not connected: $(cat "$dir/many.err")"

  # A job of its own, which a failed test does not wait for.
  "$COUNCILWS" publish run --file - < <(run_events 3>&-) >"$dir/ids" 2>"$dir/talk" 3>&- &
  publisher=$!
  timeout 60 bash -c 'until [ "$(wc -l <"$1")" -ge 30 ]; do sleep 0.02; done' _ "$dir/ids"

  stop_hub -TERM
  [ "$hub_status" = 0 ] || fail "the drained hub ended with $hub_status"
  ! grep -q 'did not end in time' "$dir/hub.log" || fail "connections were cut"
  acknowledged=$(tail -n 1 "$dir/ids")
  [ "$(sqlite3 "$dir/hub.db" 'SELECT max(message_id) FROM events')" -ge "$acknowledged" ] || fail "$acknowledged is lost"
  start_hub_on "127.0.0.1:$port" --max-connections-per-user 0

  wait "$publisher" || fail "the publisher: $(cat "$dir/talk")"
  seq "$events" | diff - "$dir/ids" || fail "not each published once, in order"
  timeout 60 tail --pid="$many" -f /dev/null
  wait "$many" || fail "$(cat "$dir/many.err")"
  run3 councilws replay run -o json
  assert_status 0
  assert_err_empty
  [ "$(wc -l <"$dir/out")" = "$events" ] || fail "not each stored once"

  # 200 a second on average over 5 s; a hub must not be met by all of them at once.
  summary=$(grep byes "$dir/many")
  [ "$(jq '.byes == '"$watchers"' and .min >= 0 and .max < 5000 and (.seconds | length) == 5 and all(.seconds[]; . < 300)' \
    <<<"$summary")" = true ] || fail "the byes: $summary"
}
