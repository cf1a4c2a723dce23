#!/usr/bin/env bats
# Every exit code of `councilws help`, each by the plainest way to it; the first test holds that none is missing
# here. What else leads to a code stands with its command: publish and watch in 20 and 25, spools in 75, run in 80
# (whose codes are CMD's), --check in 85 (which has its own four), doctor in 87.

load common

# until_watched REQUEST PID: somebody is connected to it, or PID has ended.
until_watched() {
  timeout 20 bash -c 'until "$COUNCILWS" status "$1" -o json 2>/dev/null | grep -q "\"watcher_count\":1" ||
    ! kill -0 "$2" 2>/dev/null; do sleep 0.05; done' _ "$1" "$2"
}

@test "every code of the help has a test in this file, and no other has" {
  councilws help | sed -n '/^Exit codes:/,/^$/s/^ *\([0-9][0-9+n]*\)  .*/\1/p' | sort >"$dir/helped"
  sed -n 's/^@test "exit \([0-9+n]*\):.*/\1/p' "$BATS_TEST_FILENAME" | sort >"$dir/tested"
  [ "$(wc -l <"$dir/helped")" -ge 20 ] || fail "the help could not be read: $(cat "$dir/helped")"
  diff "$dir/helped" "$dir/tested" || fail "codes"
}

@test "exit 0: done, ended well; also at --until, and by --exit-from 0" {
  start_hub
  councilws publish r step code:=0 ok:=true >/dev/null
  councilws publish r error code:=9 >/dev/null
  run3 councilws watch r --no-ack --until step --until other
  assert_run 0 '*step                  code=*' ''
  run3 councilws watch r --no-ack --until error # asked for, it is no failure
  assert_run 0 '*step                  code=*' ''
  for path in code ok; do
    run3 councilws watch r --no-ack --until step --exit-from $path
    assert_run 0 '*step                  code=*' ''
  done
}

@test "exit 1: the watched request failed; --exit-from gives 1 to 63, and of more requests the highest counts" {
  start_hub
  councilws publish r final_response success:=false code:=5 big:=64 huge:=1e300 below:=-3 part:=0.5 text=7 >/dev/null
  run3 councilws watch r --no-ack
  assert_run 1 '*response        success=false  code=*' ''
  for pair in success:1 code:5 big:63 huge:63 below:1 part:1 text:65; do
    run3 councilws watch r --no-ack --exit-from "${pair%:*}"
    assert_status "${pair#*:}"
    assert_err_like "?(councilws: --exit-from: no number at 'text' *)"
    assert_out_like '*response        success=false  code=*'
  done
  councilws publish s final_response code:=7 >/dev/null
  run3 councilws watch r s --no-ack --exit-from code
  assert_run 7 '*response        success=false  code=*' ''
}

@test "exit 64: usage" {
  run3 councilws watch
  assert_status 64
  assert_err_has 'watch needs an argument; usage: councilws watch REQUEST...'
  assert_out ""
}

@test "exit 65: bad input data" {
  run3 councilws publish r 'ty pe'
  assert_run 65 '' '*is not one of A-Z a-z*'
}

@test "exit 66: unknown request, or no such file" {
  start_hub
  run3 councilws watch none --must-exist
  assert_run 66 '' '*none: no such request*'
  run3 councilws publish r --file "$dir/none"
  assert_run 66 '' '*: No such file or directory*'
}

@test "exit 68: host not found" {
  run3 councilws status --url http://no-such-host.invalid
  assert_run 68 '' '*no-such-host.invalid: Could not resolve host: no-such-host.invalid; is*'
}

@test "exit 69: cannot connect" {
  run3 councilws status --url http://127.0.0.1:1
  assert_run 69 '' '*connect to server; is the hub running, and is --url right*'
}

@test "exit 70: an internal error, of the hub's" {
  start_fake '{"/api/v1/requests/r": [500, {"error": {"code": "internal", "message": "broken", "temporary": true}}]}'
  run3 councilws status r
  assert_status 70
  assert_out ""
  assert_err_has broken
}

@test "exit 71: the operating system refuses" {
  strace -qq -o /dev/null true 2>/dev/null || skip "strace is missing or may not trace here"
  ASAN_OPTIONS=detect_leaks=0 run3 strace -f -qq -o /dev/null -e trace=signalfd4 -e inject=signalfd4:error=EMFILE:when=1 \
    "$COUNCILWS" run r --url http://127.0.0.1:1 -- touch "$dir/ran"
  assert_run 71 '' '*cannot take signals: Too many open files*'
  [ ! -e "$dir/ran" ] || fail "it ran"
}

@test "exit 73: cannot create" {
  echo >"$dir/file"
  run3 councilws serve --listen 127.0.0.1:0 --store "sqlite:$dir/file/hub.db"
  assert_run 73 '' '*cannot open the store*'
}

@test "exit 74: output that cannot be written" {
  status=0
  councilws help >/dev/full 2>"$dir/err" || status=$?
  assert_status 74
}

@test "exit 75: try again: a hub that drains, a quota, a spool that is kept" {
  start_fake '{"/api/v1/requests/r": [503, {"error": {"code": "draining", "message": "later"}}],
    "/api/v1/requests/s": [429, {"error": {"code": "rate_limited", "message": "slowly"}}]}'
  run3 councilws status r
  assert_run 75 '' '*r: later*'
  run3 councilws status s
  assert_run 75 '' '*s: slowly*'
  run3 councilws publish r log --spool "$dir/s" --url http://127.0.0.1:1 --linger 0s
  assert_run 75 '' '*connect to server; is the hub running, and is --url right*'
}

@test "exit 76: protocol or TLS failure" {
  start_hub
  run3 councilws status --url "https://127.0.0.1:$(hub_port)"
  assert_run 76 '' '*wrong version number*'
  start_fake '{}'
  run3 councilws watch r
  assert_run 76 '' '*r: the peer broke the protocol (status*'
}

@test "exit 77: not allowed" {
  start_hub
  COUNCILWS_TOKEN=nonsense run3 councilws watch r
  assert_run 77 '' '*r: the token does not have three parts*'
  COUNCILWS_TOKEN=$(councilws token --sub me) run3 councilws publish r log
  assert_run 77 '' '*this token may not publish to*'
  COUNCILWS_TOKEN=$(councilws token --sub me --publish '*') run3 councilws watch r # not let wait for what never comes
  assert_status 77
  assert_out ""
  assert_err_has "r: this token may not watch 'r'"
}

@test "exit 78: configuration" {
  printf 'frobnicate 1\n' >"$dir/c"
  run3 councilws status --config "$dir/c"
  assert_run 78 '' '*: unknown setting*'
}

@test "exit 80: the stream ended without --until" {
  start_hub
  councilws publish r step >/dev/null
  "$COUNCILWS" watch r --until never >"$dir/seen" 2>"$dir/talk" &
  watcher=$!
  wait_for "$dir/seen" step
  councilws publish r final_response >/dev/null
  status=0
  wait "$watcher" || status=$?
  assert_status 80
  run3 councilws watch r --until never # acknowledged, it does not come again
  assert_run 80 '' '*r: had already ended (completed)*'
  run3 councilws watch r --no-ack --no-follow --from start --until never --exit-from code
  assert_run 80 '*response*' ''
}

@test "exit 81: a gap with --on-gap fail, also where others are well; --on-gap warn goes on" {
  start_hub --max-request-events 2
  make_events 5 | councilws publish r --file - >/dev/null
  councilws publish s final_response >/dev/null
  run3 councilws watch r --from start --no-follow --no-ack --on-gap fail
  assert_status 81
  assert_out ""
  assert_err_has "events 1 to 3 are gone"
  run3 councilws watch s r --from start --no-ack --on-gap fail
  assert_run 81 '*response*' '*are gone (expired)*'
  for choice in "" "--on-gap warn"; do
    run3 councilws watch r --from start --no-follow --no-ack -o json $choice
    assert_status 0
    assert_err_has "events 1 to 3 are gone"
    [ "$(jq -r .message_id "$dir/out" | paste -sd,)" = 4,5 ] || fail "what is left"
  done
}

@test "exit 82: --idle passed without an event; each event begins it anew; heartbeats are none" {
  start_hub --heartbeat-interval 100ms
  run3 councilws watch r --idle 500ms
  assert_status 82
  assert_out ""
  assert_err_has "no event for too long"
  # It ends no sooner than --idle after the last event, however slow the machine is. Where the event itself was too
  # late, it is done again with more time.
  for idle in 1 2 4 8 16; do
    "$COUNCILWS" watch s --idle ${idle}s --no-ack --from new -o json >"$dir/seen" 2>"$dir/talk" &
    watcher=$!
    until_watched s "$watcher"
    sleep "$((idle * 6 / 10)).$((idle * 6 % 10))" # with it before the event, it would end too early
    sent=${EPOCHREALTIME/./}
    councilws publish s log idle:=$idle >/dev/null
    status=0
    wait "$watcher" || status=$?
    ended=${EPOCHREALTIME/./}
    assert_status 82
    [ ! -s "$dir/seen" ] || break
  done
  [ -s "$dir/seen" ] || fail "no event came in time"
  [ $((ended - sent)) -ge $((idle * 1000000)) ] || fail "ended $((ended - sent)) us after an event"
}

@test "exit 124: --timeout passed, whatever comes in between" {
  start_hub
  councilws publish r log >/dev/null
  run3 councilws watch r --timeout 500ms -o json
  assert_status 124
  assert_err_has 'timed out'
  [ "$(wc -l <"$dir/out")" -eq 1 ] || fail "what came is shown"
}

@test "exit 128+n: ended by signal n, by a closed pipe as well" {
  start_hub
  for pair in INT:130 TERM:143 HUP:129; do
    env --default-signal=INT "$COUNCILWS" watch r >/dev/null 2>&1 &
    watcher=$!
    until_watched r "$watcher"
    kill "-${pair%:*}" "$watcher"
    status=0
    wait "$watcher" || status=$?
    assert_status "${pair#*:}"
    timeout 20 bash -c 'while "$COUNCILWS" status r -o json 2>/dev/null | grep -q "\"watcher_count\":1"; do sleep 0.05; done'
  done
  make_events 2000 | councilws publish r --file - >/dev/null
  run3 bash -c '{ s=0; "$COUNCILWS" replay r || s=$?; echo $s >"$1/status"; } | head -n 1' _ "$dir"
  assert_run 0 '*log                   n=*' ''
  [ "$(cat "$dir/status")" = 141 ] || fail "$(cat "$dir/status")"
}
