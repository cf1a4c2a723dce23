#!/usr/bin/env bats
# How watching ends where it is less plain, and data and names at the edge of what is allowed.

load common

@test "--exit-from reads the ending event's data also where it was acknowledged before" {
  start_hub
  councilws publish r error code:=3 retrying:=true >/dev/null
  councilws publish r final_response code:=9 >/dev/null
  run3 councilws watch r --exit-from code
  assert_run 9 '*error                 code=*' ''
  run3 councilws watch r --exit-from code
  assert_status 9
  assert_err_has 'r: had already ended (completed)'
  assert_out ""
  run3 councilws watch r --exit-from nowhere
  assert_run 65 '' '*r: had already ended (completed)*'
  run3 councilws watch r
  assert_run 0 '' '*r: had already ended (completed)*'
}

@test "an ending event that comes just after the backlog is shown, and not taken for one of before" {
  mkfifo "$dir/late"
  NODE_PATH=/usr/share/nodejs node "$ROOT/tests/cli/late_end.js" >"$dir/late" 3>&- &
  read -r -t 20 COUNCILWS_URL <"$dir/late"
  export COUNCILWS_URL
  COUNCILWS_TOKEN=any run3 timeout 20 "$COUNCILWS" watch r -o json
  assert_status 0
  assert_err_empty
  [ "$(jq -r .type "$dir/out" | paste -sd,)" = log,final_response ] || fail "both"
  COUNCILWS_TOKEN=any run3 timeout 20 "$COUNCILWS" watch before -o json # it had ended, and something came afterwards
  assert_status 0
  assert_err_has "before: had already ended (completed)"
  [ "$(jq -r .type "$dir/out" | paste -sd,)" = log,log ] || fail "both"
}

@test "an end that cannot be read is no good end" {
  start_hub
  echo '{"type":"final_response","data":{"success":false,"x":1e999}}' | councilws publish r --file - >/dev/null
  run3 councilws watch r --no-ack
  assert_status 65
  assert_err_has 'event cannot be read'
  [[ $out == *'{"success":false,"x":1e999}'* ]] || fail "shown as it is"
  run3 councilws watch r --no-ack -o json
  assert_status 65
  assert_err_has 'event cannot be read'
  [[ $out == *'"data":{"success":false,"x":1e999}}' ]] || fail "byte for byte"
}

@test "NUL: none in --data from a file, shown within a string" {
  start_hub
  printf '{"a":1}\0{"b":2}' >"$dir/in"
  run3 councilws publish r log --data "@$dir/in"
  assert_status 65
  assert_out ""
  assert_err_has "the data is not valid JSON"
  councilws publish r log 'message:="a\u0000b"' >/dev/null
  run3 councilws watch r --no-follow
  assert_status 0
  assert_err_empty
  [[ $out == *'a\u0000b'* ]] || fail "cut at the NUL"
}

@test "every allowed request_id works in every command, '.' and '..' too" {
  start_hub
  longest=$(printf '%0128d' 7)
  for id in . .. ... -dash a:b~c_d.e "$longest"; do
    run3 councilws publish -- "$id" final_response
    assert_run 0 1 ''
    run3 councilws watch -- "$id"
    assert_status 0
    assert_err_empty
    [ -n "$out" ] || fail "watch $id"
    run3 councilws replay -o json -- "$id"
    assert_run 0 '*timestamp*' ''
    run3 councilws status -o json -- "$id"
    assert_status 0
    assert_err_empty
    [ "$(jq -r .request_id "$dir/out")" = "$id" ] || fail "status $id"
    run3 councilws delete --yes -- "$id"
    assert_run 0 '' ''
  done
  for id in '' status a/b 'a b' "$longest"0; do
    run3 councilws publish "$id" log
    assert_run 65 '' '?*'
    run3 councilws watch "$id"
    assert_run 65 '' '?*'
  done
}

@test "--from new shows only what comes; --after beyond the end is a gap" {
  start_hub
  make_events 3 | councilws publish r --file - >/dev/null
  "$COUNCILWS" watch r --from new --no-ack -o json >"$dir/seen" 2>/dev/null &
  watcher=$!
  timeout 20 bash -c 'until "$COUNCILWS" status r -o json | grep -q "\"watcher_count\":1"; do sleep 0.05; done'
  councilws publish r final_response >/dev/null
  wait "$watcher"
  [ "$(jq -r .message_id "$dir/seen")" = 4 ] || fail "$(cat "$dir/seen")"
  run3 councilws watch r --after 1000 --no-ack --no-follow --on-gap fail
  assert_run 81 '' '*on may be gone (epoch)*'
  run3 councilws watch r --after 1000 --no-ack --no-follow -o json
  assert_status 0
  assert_err_has "events from 1001 on may be gone (epoch)"
  [ "$(wc -l <"$dir/out")" -eq 4 ] || fail "begins anew"
}

@test "a stream that was deleted and began again is no continuation: a gap in a running watch" {
  start_hub
  port=$(hub_port)
  make_events 3 | councilws publish r --file - >/dev/null
  "$COUNCILWS" watch r -o json --no-ack --on-gap fail >"$dir/seen" 2>"$dir/talk" &
  watcher=$!
  wait_for "$dir/seen" '"n": 3'
  stop_hub
  wait_for "$dir/talk" 'next attempt in'
  rm "$dir"/hub.db*
  start_hub_on "127.0.0.1:$port"
  make_events 1 | councilws publish r --file - >/dev/null
  status=0
  wait "$watcher" || status=$?
  assert_status 81
  grep -q 'may be gone (epoch)' "$dir/talk" || fail "$(cat "$dir/talk")"
}

@test "a running watch whose token the hub takes no more ends with 77, and says why" {
  head -c 48 /dev/urandom | base64 >"$dir/key"
  start_hub --secret-file "$dir/key"
  COUNCILWS_TOKEN=$(councilws token --secret-file "$dir/key" --sub me --subscribe '*' --publish '*')
  export COUNCILWS_TOKEN
  make_events 1 | councilws publish r --file - >/dev/null
  "$COUNCILWS" watch r >"$dir/seen" 2>"$dir/talk" &
  watcher=$!
  wait_for "$dir/seen" 'n=1'
  head -c 48 /dev/urandom | base64 >"$dir/key"
  kill -HUP "$hub"
  status=0
  wait "$watcher" || status=$?
  assert_status 77
  [ "$(cat "$dir/talk")" = "councilws: r: the hub closed the connection: the token is no longer valid" ] ||
    fail "$(cat "$dir/talk")"
}
