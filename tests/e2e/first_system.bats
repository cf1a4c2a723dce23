#!/usr/bin/env bats
# The first system's client, unchanged, against a real hub.

load ../cli/common

client() {
  node "$E2E/first_system.js" "ws://127.0.0.1:$(hub_port)" "$@"
}

@test "the documented client sees the whole run in order, and its acks count" {
  start_hub
  token=$(councilws token --sub visitor)
  councilws publish sample --file "$ROOT/docs/examples/council-run.ndjson" >/dev/null
  run3 client sample "$token" final_response
  assert_status 0
  assert_err_like 'closed 1000'
  [ "$(head -n 1 "$dir/out" | jq -c '[.type, .message_id, .data.resume_from, .data.heartbeat_interval]')" = \
    '["connection_established",0,0,30]' ] || fail "first message"
  jq -r 'select(.type != "connection_established" and .type != "replay_complete") | .message_id' "$dir/out" |
    diff <(seq 24) - || fail "ids"
  # Again: what was acknowledged does not come a second time.
  timeout 20 bash -c 'until "$COUNCILWS" status sample -o json | jq -e ".subscribers[] | select(.subscriber == \"visitor\" and .last_ack == 24)" >/dev/null; do sleep 0.05; done' ||
    fail "acknowledged: $(councilws status sample -o json)"
  councilws publish sample log after=all >/dev/null
  run3 client sample "$token" log
  assert_status 0
  assert_err_like 'closed 1000'
  [ "$(jq -r 'select(.type == "log") | .message_id' "$dir/out")" = 25 ] || fail "only the new one"
}

@test "it answers heartbeats, and is neither dropped nor told of errors" {
  start_hub --heartbeat-interval 200ms --inactivity-timeout 1s
  token=$(councilws token --sub visitor)
  client r "$token" final_response >"$dir/seen" 2>"$dir/err" &
  watcher=$!
  timeout 20 bash -c 'until "$COUNCILWS" status r -o json 2>/dev/null | grep -q "\"watcher_count\":1"; do sleep 0.05; done'
  # Longer than the inactivity timeout: it waits for the hub's own clock, not for a guess.
  timeout 30 bash -c 'until "$COUNCILWS" status r -o json | jq -e ".watchers[0] | (.last_heartbeat | sub(\"\\\\.[0-9]+Z\"; \"Z\") | fromdate) - (.connected_at | sub(\"\\\\.[0-9]+Z\"; \"Z\") | fromdate) >= 2" >/dev/null; do sleep 0.1; done' ||
    fail "still there: $(councilws status r -o json)"
  councilws publish r final_response >/dev/null
  wait "$watcher" || fail "$(cat "$dir/err")"
  ! grep -q protocol_error "$dir/seen" || fail "$(cat "$dir/seen")"
}

@test "the real runs' shape: long texts, code, emoji, each event's data byte for byte" {
  start_hub
  token=$(councilws token --sub visitor)
  long=$(printf 'é🙂 %.0s' {1..600})
  for i in $(seq 60); do
    printf '{"type": "execution_progress", "timestamp": "2026-01-01T00:00:00Z", "data": {"n": %d, "cost": 0.0012, "content": "```python\\ndef f():\\n\\treturn \\"💰\\"\\n```%s"}}\n' "$i" "$long"
  done >"$dir/run"
  printf '{"type": "final_response", "data": {"success": true}}\n' >>"$dir/run"
  councilws publish long --file "$dir/run" >/dev/null
  run3 client long "$token" final_response
  assert_status 0
  assert_err_like 'closed 1000'
  diff <(jq -c .data "$dir/run") <(jq -c 'select(.message_id > 0) | .data' "$dir/out") || fail "data"
}
