#!/usr/bin/env bats
# Many watchers, with the default settings but for the one limit that is meant for them.

load ../cli/common

start_many() {
  start_hub --max-connections-per-user 0
  ulimit -n "$(ulimit -Hn)"
  node "$E2E/many.js" "ws://127.0.0.1:$(hub_port)" "$(councilws token --sub many --admin)" "$1" 1000 \
    >"$dir/many" 2>"$dir/many.err" &
  many=$!
  timeout 60 bash -c 'until grep -q ready "$1" || ! kill -0 "$2" 2>/dev/null; do sleep 0.05; done' _ "$dir/many" "$many"
  grep -q ready "$dir/many" || fail "not connected: $(cat "$dir/many.err")"
}

@test "1,000 watchers of one request each get every event, in order" {
  start_many one
  make_events 3 | councilws publish one --file - >/dev/null
  wait "$many" || fail "$(cat "$dir/many.err")"
}

@test "1,000 requests with a watcher each get every event, in order" {
  start_many each
  make_events 3 >"$dir/three"
  seq -f "url = \"$COUNCILWS_URL/api/v1/requests/each-%.0f/events\""$'\n''output = /dev/null' 0 999 >"$dir/urls"
  curl -fsS --fail-early -X POST -H "Authorization: Bearer $(councilws token --sub many --admin)" \
    -H 'Content-Type: application/x-ndjson' --data-binary "@$dir/three" -K "$dir/urls"
  wait "$many" || fail "$(cat "$dir/many.err")"
}

@test "the limit of watchers per user refuses the one too many, and only that" {
  start_hub --max-connections-per-user 1
  "$COUNCILWS" watch r >"$dir/seen" 2>/dev/null &
  first=$!
  timeout 20 bash -c 'until "$COUNCILWS" status r -o json 2>/dev/null | grep -q "\"watcher_count\":1"; do sleep 0.05; done'
  run3 curl -s -o "$dir/body" -w '%{http_code}' -H "Authorization: Bearer $(councilws token --sub "$(id -un)")" -H 'Connection: Upgrade' \
    -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==' "$COUNCILWS_URL/api/v1/ws/r"
  assert_run 0 429 ''
  [ "$(jq -r .error.code "$dir/body")" = too_many_connections ] || fail "$(cat "$dir/body")"
  councilws publish r final_response >/dev/null
  wait "$first"
}
