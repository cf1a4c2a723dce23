#!/usr/bin/env bats
# A request as an event stream over HTTP (SSE), with curl -N: from the beginning, behind an id, over restarts, slowly.

load common

# stream REQUEST [CURL OPTION …]: follows it to stdout until the hub ends it.
stream() {
  local id=$1
  shift
  exec curl -N -sS --max-time 60 -H "Authorization: Bearer $token" -H "Accept: text/event-stream" "$@" "$COUNCILWS_URL/api/v1/requests/$id/events"
}

# The ids of the events in a stream, one a line.
ids_of() {
  awk '/^event: /{ named = 1 } /^id: /{ sub(/.*:/, ""); id = $0 } /^data: /{ if (!named) print id } /^$/{ named = 0 }' "$1"
}

last_id() {
  sed -n 's/^id: //p' "$1" | tail -n 1
}

@test "curl -N follows a run, and a drain of the hub ends it with a time to come back" {
  start_hub
  token=$(councilws token --sub ann --admin)
  make_events 3 | councilws publish r --file - >/dev/null
  stream r -D "$dir/head" >"$dir/seen" 3>&- &
  curl=$!
  wait_for "$dir/seen" 'event: replay_complete'
  make_events 2 | councilws publish r --file - >/dev/null
  wait_for "$dir/seen" '"message_id":5'
  [ "$(curl -sS "$COUNCILWS_URL/api/v1/ws/status" | jq .active_connections)" = 1 ] || fail "it is no watcher"
  [ "$(councilws status r -o json | jq -r '.watchers[0].user_id')" = ann ] || fail "it is not listed"
  stop_hub
  [ "$hub_status" -eq 0 ] || fail "exit status $hub_status"
  wait "$curl" || fail "curl ended with $?"
  ids_of "$dir/seen" | diff <(seq 5) - || fail "each once, in order"
  grep -q '^content-type: text/event-stream' <(tr 'A-Z' 'a-z' <"$dir/head") || fail "$(cat "$dir/head")"
  grep -q '^retry: [0-9]*$' "$dir/seen" || fail "no retry: $(cat "$dir/seen")"
  grep -A2 '^event: bye' "$dir/seen" | grep -q '"code":1012' || fail "no bye: $(cat "$dir/seen")"
}

@test "behind its last id it goes on over kill -9 of the hub, each event once" {
  start_hub
  port=$(hub_port)
  token=$(councilws token --sub ann --admin)
  make_events 20 | councilws publish r --file - >/dev/null
  stream r >"$dir/first" 2>/dev/null 3>&- &
  curl=$!
  wait_for "$dir/first" '"message_id":20'
  stop_hub -KILL
  wait "$curl" || true
  start_hub_on "127.0.0.1:$port"
  make_events 20 | councilws publish r --file - >/dev/null
  stream r -H "Last-Event-ID: $(last_id "$dir/first")" >"$dir/second" 3>&- &
  curl=$!
  make_events 5 | councilws publish r --file - >/dev/null
  wait_for "$dir/second" '"message_id":45'
  kill "$curl"
  cat <(ids_of "$dir/first") <(ids_of "$dir/second") | diff <(seq 45) - || fail "each once, in order"
  ! grep -q '^event: gap' "$dir/second" || fail "$(cat "$dir/second")"
}

@test "an id of a request that was deleted and began again is told as a gap" {
  start_hub
  token=$(councilws token --sub ann --admin)
  make_events 9 | councilws publish r --file - >/dev/null
  stream r >"$dir/first" 3>&- &
  curl=$!
  wait_for "$dir/first" '"message_id":9'
  curl -fsS -X DELETE -H "Authorization: Bearer $token" "$COUNCILWS_URL/api/v1/requests/r" >/dev/null
  wait "$curl" || fail "curl ended with $?"
  grep -A1 '^event: bye' "$dir/first" | grep -q '"code":4510' || fail "$(cat "$dir/first")"
  make_events 2 | councilws publish r --file - >/dev/null
  stream r -H "Last-Event-ID: $(sed -n 's/^id: \(.*:9\)$/\1/p' "$dir/first")" >"$dir/second" 3>&- &
  curl=$!
  wait_for "$dir/second" 'event: replay_complete'
  kill "$curl"
  grep -A2 '^event: gap' "$dir/second" | grep -q '"from":10,"to":null,"reason":"epoch"' || fail "$(cat "$dir/second")"
  ids_of "$dir/second" | diff <(seq 2) - || fail "from the beginning"
}

# kilobytes: the most memory that the hub ever had.
kilobytes() {
  awk '$1 == "VmHWM:" { print $2 }' "/proc/$hub/status"
}

@test "readers that stop reading cost little, others do not wait, and who reads on gets everything" {
  # Memory that was freed is not kept back by the sanitizer: it is what the hub holds that counts.
  export ASAN_OPTIONS=quarantine_size_mb=1:malloc_context_size=0
  start_hub
  token=$(councilws token --sub ann --admin)
  mkfifo "$dir/slow" "$dir/never"
  stream r >"$dir/slow" 3>&- &
  exec 7<"$dir/slow"
  exec 8<>"$dir/never"
  for n in 1 2 3 4 5 6; do
    stream r >"$dir/never" 3>&- 7<&- 8>&- &
  done
  stream r >"$dir/quick" 3>&- &
  wait_for "$dir/quick" 'event: replay_complete'
  payload=$(head -c 60000 /dev/zero | tr '\0' x)
  yes "{\"type\":\"log\",\"data\":\"$payload\"}" | head -n 400 >"$dir/events" # 24 MB
  before=$(kilobytes)
  councilws publish r --file "$dir/events" >/dev/null
  wait_for "$dir/quick" '"message_id":400,'
  grown=$(($(kilobytes) - before))
  [ "$grown" -le 81920 ] || fail "memory grew by $grown kB" # without a bound each of them would be 24 MB more
  exec 8<&-
  timeout 60 grep -m 401 '^id: ' <&7 >"$dir/slow.ids" || fail "it did not come to the end"
  exec 7<&-
  sed 's/.*://' "$dir/slow.ids" | tail -n +2 | head -n 400 | diff <(seq 400) - || fail "each once, in order"
}

@test "only the types that are asked for come" {
  start_hub
  token=$(councilws token --sub ann --admin)
  councilws publish r log n:=1 >/dev/null
  councilws publish r step n:=2 >/dev/null
  councilws publish r log n:=3 >/dev/null
  stream r -G -d type=step >"$dir/seen" 3>&- &
  wait_for "$dir/seen" '^id: .*:3$'
  [ "$(ids_of "$dir/seen")" = 2 ] || fail "$(cat "$dir/seen")"
}

@test "who takes nothing for three heartbeats is cut" {
  start_hub --heartbeat-interval 300ms
  token=$(councilws token --sub ann --admin)
  mkfifo "$dir/never"
  stream r >"$dir/never" 3>&- &
  exec 7<"$dir/never"
  timeout 20 bash -c 'until [ "$(curl -sS "$1/api/v1/ws/status" | jq .active_connections)" = 1 ]; do sleep 0.05; done' _ "$COUNCILWS_URL"
  payload=$(head -c 60000 /dev/zero | tr '\0' x)
  yes "{\"type\":\"log\",\"data\":\"$payload\"}" | head -n 400 >"$dir/events" # more than sockets hold
  councilws publish r --file "$dir/events" >/dev/null
  timeout 20 bash -c 'until [ "$(curl -sS "$1/api/v1/ws/status" | jq .active_connections)" = 0 ]; do sleep 0.05; done' _ "$COUNCILWS_URL" ||
    fail "it is still there"
  exec 7<&-
}

@test "a stream counts against the connections of its user" {
  start_hub --max-connections-per-user 1
  token=$(councilws token --sub ann --admin)
  stream r >"$dir/seen" 3>&- &
  wait_for "$dir/seen" 'event: replay_complete'
  out=$(stream r -D "$dir/head" --max-time 20)
  [[ $out == *'"too_many_connections"'* ]] || fail "a second one"
  grep -qi '^retry-after: ' "$dir/head" || fail "$(cat "$dir/head")"
}
