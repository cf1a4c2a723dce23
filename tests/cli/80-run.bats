#!/usr/bin/env bats
# run: a command's start, output and end as events, and a command that does not notice.

load common

NOWHERE=http://127.0.0.1:1

data_of() {
  "$COUNCILWS" replay "$1" -o json | jq -c "select(.type == \"$2\").data"
}

@test "stdout and stderr pass through apart and unchanged, and are events of their own" {
  start_hub
  run3 councilws run r -- sh -c 'printf "one\ntwo"; printf "three\n" >&2'
  assert_status 0
  printf 'one\ntwo' | cmp - "$dir/out"
  printf 'three\n' | cmp - "$dir/err"
  run3 councilws replay r -o json
  assert_status 0
  assert_err_empty
  [ "$(jq -r .type "$dir/out" | sort | paste -sd,)" = final_response,log,log,log,processing_started ] || fail "types"
  [ "$(data_of r log | jq -r 'select(.stream == "stdout").message' | paste -sd,)" = one,two ] || fail "stdout"
  [ "$(data_of r log | jq -r 'select(.stream == "stderr").message')" = three ] || fail "stderr"
  [ "$(data_of r processing_started | jq -c '[.stage, .command[0], (.pid > 0)]')" = '["execution","sh",true]' ] || fail "start"
  [ "$(data_of r final_response | jq -c '[.success, .exit_code, has("signal"), (.usage.max_rss_bytes > 0), (.executionTime >= 0)]')" = \
    '[true,0,false,true,true]' ] || fail "end: $(data_of r final_response)"
  run3 councilws status r -o json
  assert_status 0
  assert_err_empty
  [ "$(jq -c '[.status, .stage]' "$dir/out")" = '["completed","complete"]' ] || fail "status"
}

@test "its status is CMD's: a failure, a signal, not found, not executable" {
  start_hub
  run3 councilws run a -- sh -c 'exit 7'
  assert_status 7
  assert_out ""
  assert_err_empty
  run3 councilws watch a
  assert_run 1 '*started    execution  command=*' ''
  [ "$(data_of a final_response | jq -c '[.success, .exit_code]')" = '[false,7]' ] || fail "7"
  run3 councilws run b -- sh -c 'kill -TERM $$'
  assert_run 143 '' ''
  [ "$(data_of b final_response | jq -c '[.success, .exit_code, .signal]')" = '[false,143,"TERM"]' ] || fail "143"
  run3 councilws run c -- "$dir/none"
  assert_status 127
  assert_out ""
  assert_err_has "cannot run '$dir/none': No such file or directory"
  [ "$(data_of c final_response | jq -c '[.success, .exit_code, .message]')" = '[false,127,"No such file or directory"]' ] || fail "127"
  run3 councilws run d -- "$dir"
  assert_run 126 '' '*: Permission denied*'
  [ "$(data_of d processing_started | wc -l)" -eq 1 ] || fail "126"
}

@test "usage: 64 without a command, 65 for a bad request_id, and CMD is not run" {
  run3 councilws run r --
  assert_run 64 '' '*run needs more arguments; usage: councilws run REQUEST -- CMD*'
  run3 councilws run r/x -- touch "$dir/ran"
  assert_run 65 '' '*id is not one of A-Z a-z*'
  run3 councilws run r --url bad:// -- touch "$dir/ran"
  assert_run 64 '' '*it begins with http:*'
  [ ! -e "$dir/ran" ] || fail "it ran"
  echo >"$dir/file"
  run3 councilws run r --spool "$dir/file/s" -- touch "$dir/ran"
  assert_run 73 '' '*cannot keep events in*'
  [ ! -e "$dir/ran" ] || fail "it ran"
  POSIXLY_CORRECT=1 run3 councilws run --url $NOWHERE --linger 0s r -- sh -c 'exit 3'
  assert_run 3 '' '*connect to server; is the hub running, and is --url right*'
}

@test "a line that is an event is that event; what only looks like one is a log" {
  start_hub
  cat >"$dir/lines" <<'END'
{"type":"execution_progress","data":{"subtaskId":"a","status":"completed","cost":0.0012}}
  {"type":"analysis_complete"}
{"type":"log","level":"info"}
{"type":"heartbeat"}
{"type":5}
{"notype":1}
{"type":"log"
[1]

END
  run3 councilws run r -- cat "$dir/lines"
  assert_status 0
  assert_err_empty
  cmp "$dir/lines" "$dir/out"
  run3 councilws replay r -o json
  assert_status 0
  assert_err_empty
  [ "$(jq -r .type "$dir/out" | paste -sd,)" = \
    processing_started,execution_progress,analysis_complete,log,log,log,log,log,log,log,final_response ] || fail "types"
  [ "$(data_of r log | jq -r .message | head -1)" = '{"type":"log","level":"info"}' ] || fail "as it was"
  [[ "$(data_of r execution_progress)" == *'"cost":0.0012'* ]] || fail "bytes"
  run3 councilws status r -o json
  assert_status 0
  assert_err_empty
  [ "$(jq .subtasks.done "$dir/out")" = 1 ] || fail "summary"
}

@test "a final_response of CMD's own is the end, unless its status says otherwise" {
  start_hub
  run3 councilws run a -- echo '{"type":"final_response","data":{"answer":42}}'
  assert_run 0 '*response*' ''
  [ "$("$COUNCILWS" replay a -o json | jq -r .type | paste -sd,)" = processing_started,final_response,process_exited ] || fail "a"
  run3 councilws run b -- sh -c 'echo "{\"type\":\"final_response\"}"; exit 2'
  assert_run 2 '*response*' ''
  [ "$("$COUNCILWS" status b -o json | jq -r .status)" = failed ] || fail "b"
  run3 councilws run c -- echo '{"type":"final_response","data":{"success":false}}'
  assert_run 0 '*response*' ''
  [ "$("$COUNCILWS" status c -o json | jq -r .status)" = failed ] || fail "c"
}

@test "long lines come in pieces, invalid UTF-8 as U+FFFD, NUL and controls escaped; all passes unchanged" {
  start_hub
  head -c 100000 /dev/zero | tr '\0' 'x' >"$dir/long"
  printf '\nü%.0s' 1 >>"$dir/long"
  printf 'ü%.0s' $(seq 20000) >>"$dir/long"
  printf '\n\xff\xc3(\xed\xa0\x80|\xf0\x9f\x98\x80|a\0b\x1b[31m\t"\\\r\nend' >>"$dir/long"
  run3 councilws run r -- cat "$dir/long"
  assert_status 0
  assert_err_empty
  cmp "$dir/long" "$dir/out"
  data_of r log >"$dir/logs"
  [ "$(jq -r 'select(.continues) | .message | length' "$dir/logs" | paste -sd,)" = 32768,32768,32768,16384 ] || fail "pieces"
  [ "$(jq -rj 'select(.message | startswith("x")).message' "$dir/logs" | wc -c)" -eq 100000 ] || fail "whole"
  [ "$(jq -rj 'select(.message | startswith("ü")).message' "$dir/logs" | wc -m)" -ge 20001 ] || fail "characters are not cut"
  [ "$(tail -n 2 "$dir/logs" | head -n 1 | jq -c .message)" = "$(printf '"\\ufffd\\ufffd(\\ufffd\\ufffd\\ufffd|😀|a\\u0000b\\u001b[31m\\t\\"\\\\"' | jq -c .)" ] ||
    fail "$(tail -n 2 "$dir/logs")"
  [ "$(tail -n 1 "$dir/logs" | jq -r .message)" = end ] || fail "the last line"
}

@test "signals are sent on: TERM, INT, HUP, QUIT, USR1; an ignored one stays ignored" {
  start_hub
  for name in TERM INT HUP QUIT USR1; do
    rm -f "$dir/seen" # or it would be "ready" before it begins
    env --default-signal=INT,QUIT "$COUNCILWS" run "r-$name" -- \
      bash -c "trap 'echo got; exit 40' $name; echo ready; while :; do sleep 0.02; done" >"$dir/seen" 2>"$dir/talk" &
    runner=$!
    wait_for "$dir/seen" ready
    kill "-$name" "$runner"
    status=0
    wait "$runner" || status=$?
    [ "$status" -eq 40 ] || fail "$name: status $status; $(cat "$dir/seen" "$dir/talk")"
    grep -q got "$dir/seen" || fail "$name"
  done
  mkfifo "$dir/in"
  rm -f "$dir/seen"
  env --ignore-signal=HUP "$COUNCILWS" run r -- bash -c 'echo ready; read -r; kill -HUP $$; echo alive' <"$dir/in" >"$dir/seen" 2>"$dir/talk" &
  runner=$!
  exec 7>"$dir/in"
  wait_for "$dir/seen" ready
  kill -HUP "$runner"
  echo >&7
  exec 7>&-
  wait "$runner"
  grep -q alive "$dir/seen" || fail "HUP was not ignored"
}

@test "stopped and continued with the command" {
  start_hub
  set -m # a process group of its own: one whose parent has gone does not stop
  "$COUNCILWS" run r -- bash -c 'echo ready; while [ -d "$1" ] && [ ! -e "$1/go" ]; do sleep 0.02; done' _ "$dir" >"$dir/seen" 2>"$dir/talk" 3>&- &
  runner=$!
  set +m
  wait_for "$dir/seen" ready
  kill -TSTP "$runner"
  timeout 20 bash -c 'until grep -q "^State:.T" "/proc/$1/status"; do sleep 0.02; done' _ "$runner" || fail "not stopped"
  child=$(pgrep -P "$runner")
  grep -q "^State:.T" "/proc/$child/status" || fail "the command is not stopped"
  kill -CONT "$runner"
  touch "$dir/go"
  wait "$runner"
}

@test "the hub is away: CMD runs as ever, the events are kept, and publish --spool sends them" {
  run3 councilws run r --url $NOWHERE --linger 100ms -- sh -c 'echo out; exit 5'
  assert_status 5
  assert_out out
  assert_err_has "3 events of 'r' are kept in '$XDG_STATE_HOME/councilws/spool/r.spool'"
  run3 councilws run r --url $NOWHERE --linger 0s --spool "$dir/s" -- echo mine
  assert_status 0
  assert_out_like mine
  assert_err_has "'councilws publish r --spool $dir/s' sends them"
  start_hub
  run3 councilws publish r --spool "$dir/s"
  assert_status 0
  assert_err_empty
  assert_out $'1\n2\n3'
  run3 councilws run r -- echo later # sends what an earlier run has left, first
  assert_status 0
  assert_out later
  assert_err_empty
  [ "$(data_of r log | jq -r .message | paste -sd,)" = mine,out,later ] || fail "order"
  [ -z "$(ls "$XDG_STATE_HOME/councilws/spool")" ] || fail "nothing is left"
}

@test "a hub that restarts while CMD runs loses nothing, and two runs of one request have a file each" {
  start_hub
  port=$(hub_port)
  mkfifo "$dir/in"
  "$COUNCILWS" run r -- cat <"$dir/in" >"$dir/seen" 2>"$dir/talk" &
  runner=$!
  exec 7>"$dir/in"
  echo one >&7
  wait_for "$dir/seen" one
  run3 councilws run r -- echo beside
  assert_run 0 beside ''
  stop_hub -KILL
  echo two >&7
  wait_for "$dir/seen" two
  start_hub_on "127.0.0.1:$port" 7>&-
  exec 7>&-
  wait "$runner"
  [ "$(data_of r log | jq -r .message | sort | paste -sd,)" = beside,one,two ] || fail "$(data_of r log)"
  [ -z "$(ls "$XDG_STATE_HOME/councilws/spool")" ] || fail "nothing is left"
}

@test "not allowed: said, CMD's status all the same, and the events are kept" {
  start_hub
  COUNCILWS_TOKEN=nonsense run3 councilws run r -- sh -c 'echo out; exit 6'
  assert_status 6
  assert_out out
  assert_err_has "events of 'r' are kept"
}

@test "what CMD leaves behind with its output open is not waited for" {
  start_hub
  run3 timeout 20 "$COUNCILWS" run r -- sh -c 'sleep 300 & echo $! >"$1/left"; echo done' _ "$dir"
  assert_status 0
  assert_err_empty
  assert_out done
  kill "$(cat "$dir/left")"
  run3 timeout 20 "$COUNCILWS" run r2 -- sh -c 'while sleep 0.1; do echo on; done & echo $! >"$1/left"; echo done' _ "$dir"
  assert_run 0 'done*' ''
  kill "$(cat "$dir/left")" || true # SIGPIPE may have been there first
  [ "$("$COUNCILWS" status r2 -o json | jq -r .status)" = completed ] || fail "ended"
}

@test "what CMD leaves behind and that writes soon after its end is still heard" {
  start_hub
  for try in 1 2 3 4 5; do # only a machine that is very slow makes it late
    # It writes once CMD has been waited for.
    run3 "$COUNCILWS" run "r$try" -- bash -c '(while kill -0 $$; do sleep 0.01; done 2>/dev/null; echo late) & echo done'
    assert_status 0
    [ "$out" != $'done\nlate' ] || break
  done
  assert_out $'done\nlate'
  assert_err_empty
  [ "$(data_of "r$try" log | jq -r .message | paste -sd,)" = done,late ] || fail "events"
}

@test "a closed standard output reaches CMD as SIGPIPE; a full one is 74 where CMD itself is well" {
  start_hub
  run3 bash -c '{ s=0; "$COUNCILWS" run r -- sh -c "while echo y; do sleep 0.01; done" || s=$?; echo $s >"$1/status"; } | head -n 1' _ "$dir"
  [ "$(cat "$dir/status")" = 141 ] || fail "$(cat "$dir/status")"
  status=0
  councilws run r2 -- sh -c 'echo x; exit 0' >/dev/full 2>"$dir/err" || status=$?
  assert_status 74
  assert_out_like y
  grep -q "cannot pass on the output" "$dir/err"
}

@test "a slow reader slows CMD down and loses nothing; CMD inherits no descriptors of ours" {
  start_hub
  run3 bash -c '"$COUNCILWS" run r -- seq 20000 | { sleep 1; cat; }'
  assert_status 0
  assert_err_empty
  seq 20000 | cmp - "$dir/out"
  [ "$("$COUNCILWS" status r -o json | jq .count)" = 20002 ] || fail "events"
  run3 ls /proc/self/fd
  assert_status 0
  assert_err_empty
  plain=$out
  run3 councilws run r2 -- ls /proc/self/fd
  assert_status 0
  assert_err_empty
  assert_out "$plain"
}

@test "killed itself, it leaves behind what it has taken in" {
  mkfifo "$dir/in"
  "$COUNCILWS" run r --url $NOWHERE --spool "$dir/s" -- cat <"$dir/in" >"$dir/seen" 2>"$dir/talk" &
  runner=$!
  exec 7>"$dir/in"
  printf 'one\ntwo\n' >&7
  wait_for "$dir/s/r.spool" '"message":"two"'
  kill -KILL "$runner"
  exec 7>&-
  wait "$runner" || true
  start_hub
  run3 councilws publish r --spool "$dir/s"
  assert_status 0
  assert_err_empty
  assert_out $'1\n2\n3'
  [ "$(data_of r log | jq -r .message | paste -sd,)" = one,two ] || fail "lines"
}
