#!/usr/bin/env bats
# The programs of docs/examples, as built, against real hubs. $EXAMPLES is where they are.

load ../cli/common

sign() {
  COUNCILWS_TOKEN=$(councilws token --sub example --subscribe '*' --publish '*')
  export COUNCILWS_TOKEN
}

@test "each program that needs arguments says how it is used and exits 64" {
  for name in follow publish own_loop; do
    run3 "$EXAMPLES/$name"
    assert_status 64
    assert_out ""
    assert_err_has "usage: $name URL REQUEST"
  done
}

@test "follow prints the events as they were published and ends on final_response" {
  start_hub
  sign
  run_file=$ROOT/docs/examples/council-run.ndjson
  "$EXAMPLES/follow" "$COUNCILWS_URL" sample >"$dir/seen" 2>"$dir/err" &
  follower=$!
  councilws publish sample --file "$run_file" >/dev/null
  wait "$follower" || fail "follow: $(cat "$dir/err")"
  councilws replay sample -o json | jq -r '"\(.message_id) \(.type)"' | diff - <(cut -d' ' -f1,2 "$dir/seen") ||
    fail "ids and types"
  diff <(jq -c .data "$run_file") <(cut -d' ' -f3- "$dir/seen" | jq -c .) || fail "data"
}

@test "follow goes on after what it acknowledged" {
  start_hub
  sign
  make_events 3 | councilws publish r --file - >/dev/null
  councilws publish r final_response >/dev/null
  run3 "$EXAMPLES/follow" "$COUNCILWS_URL" r
  assert_status 0
  assert_err_empty
  [ "$(wc -l <"$dir/out")" -eq 4 ] || fail "all four"
  councilws publish r final_response again=true >/dev/null
  run3 "$EXAMPLES/follow" "$COUNCILWS_URL" r
  assert_run 0 '5 final_response {"again":"true"}' ''
}

@test "follow stopped by a signal ends, and so does one that may not watch" {
  start_hub
  sign
  councilws publish r log >/dev/null
  "$EXAMPLES/follow" "$COUNCILWS_URL" r >"$dir/seen" &
  follower=$!
  wait_for "$dir/seen" '^1 log'
  kill -INT "$follower"
  status=0
  wait "$follower" || status=$?
  assert_status 1
  COUNCILWS_TOKEN=none run3 "$EXAMPLES/follow" "$COUNCILWS_URL" r
  assert_run 1 '' 'follow: *'
}

@test "publish sends more than may be unanswered at once, and each is stored once" {
  start_hub
  sign
  run3 "$EXAMPLES/publish" "$COUNCILWS_URL" r 3000
  assert_status 0
  assert_out "the last of 3002 events is number 3002"
  assert_err_empty
  [ "$(councilws status r -o json | jq -r .status)" = completed ] || fail "completed"
  councilws replay r -o json --after 3001 | jq -ce .data | diff - <(echo '{"success":true}')
}

@test "publish that is not allowed says so" {
  start_hub
  COUNCILWS_TOKEN=$(councilws token --sub reader --subscribe '*')
  export COUNCILWS_TOKEN
  run3 "$EXAMPLES/publish" "$COUNCILWS_URL" r 1
  assert_run 1 'the last of 3 events is number 0' 'publish: *'
}

@test "embed_hub publishes to the hub inside it, follows it and drains it" {
  run3 "$EXAMPLES/embed_hub"
  assert_status 0
  assert_err_empty
  [[ "$(head -n 1 "$dir/out")" =~ ^hub\ at\ http://127.0.0.1:[0-9]+$ ]] || fail "its URL"
  diff <(tail -n +2 "$dir/out") - <<'LINES' || fail "its events"
1 processing_started {"message": "from inside"}
2 final_response {"success": true}
LINES
}

@test "own_loop's timer and its client share one loop, which closes clean" {
  start_hub
  sign
  "$EXAMPLES/own_loop" "$COUNCILWS_URL" r >"$dir/seen" 2>"$dir/err" &
  program=$!
  wait_for "$dir/seen" '^tick: 0 events so far'
  councilws publish r log >/dev/null
  wait_for "$dir/seen" '^tick: 1 events so far'
  councilws publish r final_response >/dev/null
  wait "$program" || fail "own_loop: $(cat "$dir/err")"
  [ "$(grep -v '^tick' "$dir/seen" | cut -d' ' -f1,2)" = $'1 log\n2 final_response' ] || fail "events: $(cat "$dir/seen")"
}
