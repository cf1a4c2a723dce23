#!/usr/bin/env bats
# Watchers that stopped reading cost the hub a bounded buffer each, and nobody else anything. CWS_OVERLOAD_EVENTS sets how many events
# they face; a fifth of it is what the one that reads is measured with alone.

load ../cli/common

stopped=100
events=${CWS_OVERLOAD_EVENTS:-100000}

# start_watchers REQUEST STOPPED EVENTS
start_watchers() {
  node "$E2E/stopped.js" "ws://127.0.0.1:$(hub_port)" "$token" "$1" "$2" "$3" >"$dir/$1.out" 2>"$dir/$1.err" &
  node=$!
  wait_for "$dir/$1.out" ready
}

publish() {
  head -n "$2" "$dir/events" | "$COUNCILWS" publish "$1" --file - >/dev/null
}

# kilobytes NAME: of the hub's memory, VmRSS (now) or VmHWM (the most that it ever was).
kilobytes() {
  awk -v name="$1:" '$1 == name { print $2 }' "/proc/$hub/status"
}

# Until the one that reads is through.
wait_seen() {
  timeout 120 bash -c 'until grep -q seconds "$1" || ! kill -0 "$2"; do sleep 0.05; done' _ "$dir/$1.out" "$node"
  grep seconds "$dir/$1.out" || fail "the watcher that reads: $(cat "$dir/$1.err")"
}

@test "100 watchers that never read cost the hub little memory, and the one that reads no time" {
  # Memory that was freed is not kept back by the sanitizer: it is what the hub holds that counts.
  export ASAN_OPTIONS=quarantine_size_mb=1:malloc_context_size=0
  start_hub --max-connections-per-user 0
  token=$(councilws token --sub many --admin)
  awk -v n="$events" 'BEGIN { pad = sprintf("%160s", ""); for (i = 1; i <= n; i++) printf "{\"type\":\"log\",\"data\":{\"n\":%d,\"pad\":\"%s\"}}\n", i, pad }' \
    >"$dir/events"

  start_watchers alone 0 $((events / 5))
  publish alone $((events / 5))
  alone=$(wait_seen alone)
  kill "$node"

  mkfifo "$dir/never"
  start_watchers crowd "$stopped" "$events"
  before=$(kilobytes VmHWM)
  head -n "$events" "$dir/events" | "$COUNCILWS" publish crowd --file - >/dev/null &
  publisher=$!
  # A session keeps up to 256 KiB for a socket that takes nothing, in a buffer that may be twice as large; without a
  # bound it would be 25 MB each, which takes longer than this test may.
  while kill -0 "$publisher" 2>/dev/null; do
    grown=$(($(kilobytes VmHWM) - before))
    [ "$grown" -le 98304 ] || fail "memory grew by $grown kB"
    read -r -t 0.2 <>"$dir/never" || true
  done
  wait "$publisher"
  crowd=$(wait_seen crowd)
  grown=$(($(kilobytes VmHWM) - before))
  echo "alone: $alone; with $stopped stopped: $crowd; the most memory grew by $grown kB from $before kB" >&3
  kill "$node"

  [ "$grown" -le 98304 ] || fail "memory grew by $grown kB"
  jq -n --argjson a "$alone" --argjson c "$crowd" '$c.seconds / 5 <= 2 * $a.seconds + 1 and $c.median_ms <= 2 * $a.median_ms + 50' |
    grep -q true || fail "alone: $alone; with $stopped stopped: $crowd"
}
