#!/usr/bin/env bats
# status, list, delete, replay.

load common

@test "status of the hub, of a request, of none" {
  start_hub
  run3 councilws status -o json
  assert_status 0
  assert_err_empty
  [ "$(jq -c '[.status, .active_connections]' "$dir/out")" = '["operational",0]' ] || fail "hub"
  run3 councilws status
  assert_status 0
  assert_err_empty
  [[ $out == *operational* ]] || fail "text"
  run3 councilws status none
  assert_run 66 '' '*none: no such request*'
  councilws publish sample --file "$ROOT/docs/examples/council-run.ndjson" >/dev/null
  run3 councilws status sample -o json
  assert_status 0
  assert_err_empty
  [ "$(jq -c '[.status, .stage, .progress, .count, .last_message_id, .cost, .tokens, .subtasks.total, .subtasks.done]' "$dir/out")" = \
    '["completed","complete",100,24,24,0.0364,8775,4,4]' ] || fail "request"
  run3 councilws status sample
  assert_status 0
  assert_err_empty
  [[ $out == *completed*risks* ]] || fail "text of a request"
}

@test "status --check speaks to monitoring: 0, 1, 2, 3" {
  start_hub
  run3 councilws status --check
  assert_status 0
  assert_err_empty
  [[ $out == "COUNCILWS OK - "* ]] || fail "one line"
  councilws publish ok final_response >/dev/null
  councilws publish bad final_response success:=false >/dev/null
  run3 councilws status ok --check
  assert_run 0 '*COUNCILWS OK - completed*' ''
  run3 councilws status bad --check
  assert_run 2 '*COUNCILWS CRITICAL - the request failed*' ''
  run3 councilws status none --check
  assert_run 2 '*COUNCILWS CRITICAL - no such request*' ''
  stop_hub
  run3 councilws status --check
  assert_run 2 '*: Failed to connect to*' ''
  COUNCILWS_URL=bad:// run3 councilws status --check
  assert_run 3 'COUNCILWS UNKNOWN - bad options' '*it begins with http:*'
}

@test "list: newest first, by status, limited; text and JSON" {
  start_hub
  for i in 1 2 3; do
    councilws publish "r$i" log >/dev/null
  done
  councilws publish r2 final_response >/dev/null
  run3 councilws list -o json
  assert_status 0
  assert_err_empty
  [ "$(jq -r .request_id "$dir/out" | paste -sd,)" = r3,r2,r1 ] || fail "order"
  run3 councilws list -o json --status completed
  assert_status 0
  assert_err_empty
  [ "$(jq -r .request_id "$dir/out")" = r2 ] || fail "--status"
  run3 councilws list -o json --limit 2
  assert_status 0
  assert_err_empty
  [ "$(jq -r .request_id "$dir/out" | paste -sd,)" = r3,r2 ] || fail "--limit"
  run3 councilws list
  assert_status 0
  assert_err_empty
  [[ $out == *r3*r2*r1* ]] || fail "text"
}

@test "delete erases a request, tells its watchers, and asks only a terminal" {
  start_hub
  councilws publish r log >/dev/null
  run3 councilws delete r </dev/null
  assert_status 64
  assert_out ""
  assert_err_has "--yes"
  "$COUNCILWS" watch r 2>"$dir/talk" >"$dir/seen" &
  watcher=$!
  wait_for "$dir/seen" log
  run3 councilws delete r --yes
  assert_run 0 '' ''
  status=0
  wait "$watcher" || status=$?
  assert_status 77
  run3 councilws status r
  assert_run 66 '' '*r: no such request*'
  run3 councilws delete r --yes
  assert_run 66 '' '*r: no such request*'
  run3 councilws publish r log
  assert_status 0
  assert_err_empty
  assert_out 1
}

@test "replay: ranges, types, a file, into another request" {
  start_hub
  councilws publish a --file "$ROOT/docs/examples/council-run.ndjson" >/dev/null
  run3 councilws replay a --after 2 --to 4 -o json
  assert_status 0
  assert_err_empty
  [ "$(jq -r .message_id "$dir/out" | paste -sd,)" = 3,4 ] || fail "range"
  run3 councilws replay a --type final_response -o json
  assert_status 0
  assert_err_empty
  [ "$(jq -r .message_id "$dir/out")" = 24 ] || fail "type"
  run3 councilws replay a --into b
  assert_status 0
  assert_err_empty
  assert_out "$(seq 24)"
  councilws replay a -o json >"$dir/a"
  run3 councilws replay b -o json
  assert_status 0
  assert_err_empty
  diff "$dir/a" "$dir/out" || fail "the copy is the same, byte for byte"
  run3 councilws replay --file "$dir/a" -o json
  assert_status 0
  assert_err_empty
  diff "$dir/a" "$dir/out" || fail "from a file"
  run3 councilws replay none
  assert_run 66 '' '*none: no such request*'
  printf 'nonsense\n' >"$dir/bad"
  run3 councilws replay --file "$dir/bad"
  assert_status 65
  assert_out ""
  assert_err_has "line 1"
}

@test "replay --speed keeps the order and the gaps' proportion; --max-gap bounds them" {
  printf '{"type":"log","timestamp":"2026-01-01T00:00:%02dZ"}\n' 0 2 4 >"$dir/in"
  run3 councilws replay --file "$dir/in" --speed 20 -o json
  assert_status 0
  assert_err_empty
  [ "$(wc -l <"$dir/out")" -eq 3 ] || fail "three"
  printf '{"type":"log","timestamp":"%s"}\n' 2026-01-01T00:00:00Z 2027-01-01T00:00:00Z >"$dir/in"
  run3 timeout 60 "$COUNCILWS" replay --file "$dir/in" --speed 1 --max-gap 10ms
  assert_run 0 '    1  00:00:00  log*    2  00:00:00  log*' ''
  run3 councilws replay --file "$dir/in" --speed 0
  assert_run 64 '' '*is not a number above*'
}
