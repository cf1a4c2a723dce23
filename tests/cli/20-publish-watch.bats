#!/usr/bin/env bats
# Publishing and watching through a real hub.

load common

@test "an event is published with k=v and k:=JSON, printed with its id, and comes out byte for byte" {
  start_hub
  run3 councilws publish r1 log text='a "b" ü' n:=0.0012 big:=12345678901234567890 'o:={"b":1,"a":[ 1 ]}'
  assert_status 0
  assert_err_empty
  assert_out 1
  run3 councilws publish r1 final_response success:=true
  assert_status 0
  assert_err_empty
  assert_out 2
  run3 councilws watch r1 -o json
  assert_status 0
  assert_err_empty
  data=$(head -n 1 "$dir/out" | sed 's/.*"data"://; s/}$//')
  [ "$data" = '{"text":"a \"b\" ü","n":0.0012,"big":12345678901234567890,"o":{"b":1,"a":[ 1 ]}}' ] ||
    fail "data: $data"
  [ "$(jq -r .message_id "$dir/out" | paste -sd,)" = 1,2 ] || fail "ids"
}

@test "a whole run from a file: order, ids 1 to n, data byte for byte, in watch and in replay" {
  start_hub
  run=$ROOT/docs/examples/council-run.ndjson
  n=$(wc -l <"$run")
  run3 councilws publish sample --file "$run"
  assert_status 0
  assert_err_empty
  assert_out "$(seq "$n")"
  sed 's/.*"data": //; s/}$//' "$run" >"$dir/expected"
  run3 councilws watch sample -o json --from start
  assert_status 0
  assert_err_empty
  sed 's/.*"data"://; s/}$//' "$dir/out" | diff "$dir/expected" - || fail "watch"
  jq -r .message_id "$dir/out" | diff <(seq "$n") - || fail "ids"
  cp "$dir/out" "$dir/watched"
  run3 councilws replay sample -o json
  assert_status 0
  assert_err_empty
  diff "$dir/watched" "$dir/out" || fail "replay"
}

@test "the same after kill -9 of the hub and a restart" {
  start_hub
  councilws publish sample --file "$ROOT/docs/examples/council-run.ndjson" >/dev/null
  councilws replay sample -o json >"$dir/before"
  stop_hub -KILL
  start_hub
  run3 councilws replay sample -o json
  assert_status 0
  assert_err_empty
  diff "$dir/before" "$dir/out" || fail "after the restart"
  run3 councilws publish sample log again=yes
  assert_status 0
  assert_err_empty
  assert_out 25
}

@test "a watcher that starts before the request exists sees everything, and ends with the request" {
  start_hub
  "$COUNCILWS" watch early -o json >"$dir/seen" 2>"$dir/talk" &
  watcher=$!
  councilws publish early log n:=1 >/dev/null
  councilws publish early final_response success:=true >/dev/null
  wait "$watcher"
  [ "$(jq -r .type "$dir/seen" | paste -sd,)" = log,final_response ] || fail "$(cat "$dir/seen")"
}

@test "watch exits 1 where final_response says success false, and on an error that is not retried" {
  start_hub
  councilws publish a final_response success:=false >/dev/null
  run3 councilws watch a
  assert_run 1 '*response        success=false*' ''
  councilws publish b error retrying:=true >/dev/null
  councilws publish b error message=broken >/dev/null
  run3 councilws watch b -o json
  assert_status 1
  assert_err_empty
  [ "$(wc -l <"$dir/out")" -eq 2 ] || fail "both errors are shown"
}

@test "what was acknowledged does not come again, for this subscriber only" {
  start_hub
  councilws publish r log n:=1 >/dev/null
  councilws publish r log n:=2 >/dev/null
  run3 councilws watch r -o json --no-follow
  assert_status 0
  assert_err_empty
  [ "$(wc -l <"$dir/out")" -eq 2 ] || fail "two at first"
  councilws publish r log n:=3 >/dev/null
  run3 councilws watch r -o json --no-follow
  assert_status 0
  assert_err_empty
  [ "$(jq -r .data.n "$dir/out")" = 3 ] || fail "then the third"
  run3 councilws watch r -o json --no-follow --subscriber other --no-ack
  assert_status 0
  assert_err_empty
  [ "$(wc -l <"$dir/out")" -eq 3 ] || fail "three for another"
  run3 councilws watch r -o json --no-follow --subscriber other
  assert_status 0
  assert_err_empty
  [ "$(wc -l <"$dir/out")" -eq 3 ] || fail "again, since --no-ack acknowledged nothing"
}

@test "a request that had ended and was acknowledged ends watch at once, with its status" {
  start_hub
  councilws publish r final_response success:=false >/dev/null
  run3 councilws watch r
  assert_run 1 '*response        success=false*' ''
  run3 councilws watch r --timeout 20s
  assert_status 1
  assert_out ""
  assert_err_has "had already ended (failed)"
}

@test "--until, --exit-from, --count, --type, --after" {
  start_hub
  councilws publish r log n:=1 >/dev/null
  councilws publish r deploy code:=7 'result:={"exit":300,"ok":false}' >/dev/null
  councilws publish r final_response success:=true >/dev/null
  run3 councilws watch r --no-ack --until deploy
  assert_run 0 '*deploy                code=*' ''
  run3 councilws watch r --no-ack --until deploy --exit-from code
  assert_run 7 '*deploy                code=*' ''
  run3 councilws watch r --no-ack --until deploy --exit-from result.exit
  assert_run 63 '*deploy                code=*' ''
  run3 councilws watch r --no-ack --until deploy --exit-from result.ok
  assert_run 1 '*deploy                code=*' ''
  run3 councilws watch r --no-ack --until deploy --exit-from nowhere
  assert_status 65
  assert_out_like '*deploy                code=*'
  assert_err_has "no number at 'nowhere'"
  run3 councilws watch r --no-ack --until never
  assert_run 80 '*response        success=true*' ''
  run3 councilws watch r --no-ack --no-follow --until never
  assert_run 80 '*response        success=true*' ''
  run3 councilws watch r --no-ack --count 1 -o json
  assert_status 0
  assert_err_empty
  [ "$(wc -l <"$dir/out")" -eq 1 ] || fail "--count"
  run3 councilws watch r --no-ack --type deploy,final_response -o json
  assert_status 0
  assert_err_empty
  [ "$(jq -r .type "$dir/out" | paste -sd,)" = deploy,final_response ] || fail "--type"
  run3 councilws watch r --no-ack --after 2 -o json
  assert_status 0
  assert_err_empty
  [ "$(jq -r .message_id "$dir/out")" = 3 ] || fail "--after"
}

@test "--timeout is 124, --idle is 82, --must-exist is 66" {
  start_hub
  run3 councilws watch quiet --timeout 300ms
  assert_run 124 '' '*timed out*'
  run3 councilws watch quiet --idle 300ms
  assert_run 82 '' '*no event for too long*'
  run3 councilws watch none --must-exist
  assert_status 66
  assert_out ""
  assert_err_has "no"
  councilws publish some final_response >/dev/null
  run3 councilws watch some --must-exist
  assert_run 0 '*response*' ''
}

@test "--on-gap: a warning, or exit 81, when events were trimmed" {
  start_hub --max-request-events 3
  make_events 10 | councilws publish r --file - >/dev/null
  run3 councilws watch r --from start --no-follow --no-ack -o json
  assert_status 0
  assert_err_has "events 1 to 7 are gone (expired)"
  [ "$(jq -r .message_id "$dir/out" | paste -sd,)" = 8,9,10 ] || fail "what is left"
  run3 councilws watch r --from start --no-follow --no-ack --on-gap fail
  assert_run 81 '' '*are gone (expired)*'
}

@test "more than one request: each line names its own, one exit status" {
  start_hub
  councilws publish a final_response success:=true >/dev/null
  councilws publish b final_response success:=false >/dev/null
  run3 councilws watch a b -o json
  assert_status 1
  assert_err_empty
  [ "$(jq -r .request_id "$dir/out" | sort | paste -sd,)" = a,b ] || fail "request_ids"
}

@test "a bad line ends publish with 65, names its number, and what was before it is published" {
  start_hub
  printf '{"type":"log","data":{"n":1}}\n\n{"type":"log","data":{"n":2}}\n{"type":"log","data":}\n{"type":"log"}\n' >"$dir/in"
  run3 councilws publish r --file "$dir/in"
  assert_status 65
  assert_out $'1\n2'
  assert_err_has "line 4: line 1 column"
  assert_err_has "the lines before it are published"
  run3 councilws replay r -o json
  assert_status 0
  assert_err_empty
  [ "$(wc -l <"$dir/out")" -eq 2 ] || fail "two are stored"
}

@test "bad events on the command line: 65 or 64, and the hub is not asked" {
  export COUNCILWS_URL=http://127.0.0.1:1
  run3 councilws publish r 'ty pe'
  assert_status 65
  assert_out ""
  assert_err_has "type: byte 3"
  run3 councilws publish r ack
  assert_status 65
  assert_out ""
  assert_err_has "the protocol itself"
  run3 councilws publish r log 'n:={'
  assert_run 65 '' '*expected near end of file*'
  run3 councilws publish r log novalue
  assert_status 64
  assert_out ""
  assert_err_has "'novalue' is neither k=v nor k:=JSON"
  run3 councilws publish r log --data '{"a":1,"a":2}'
  assert_run 65 '' '*the data is not valid JSON: line*'
  run3 councilws publish r log --data @"$dir/none"
  assert_run 66 '' '*: No such file or directory*'
  run3 councilws publish 'r/x' log
  assert_status 65
  assert_out ""
  assert_err_has "request_id"
  run3 councilws publish r --file "$dir/none"
  assert_run 66 '' '*: No such file or directory*'
}

@test "an event larger than the limit: 65, and the hub goes on" {
  start_hub --max-event-bytes 4k
  head -c 5000 /dev/zero | tr '\0' x | jq -Rs '{text: .}' >"$dir/big"
  run3 councilws publish r log --data "@$dir/big"
  assert_status 65
  assert_out ""
  assert_err_has "at most 4096"
  run3 councilws publish r log small=1
  assert_status 0
  assert_err_empty
  assert_out 1
}

@test "--data from JSON, a file, standard input; NDJSON without a last newline; a slow pipe is not held back" {
  start_hub
  run3 councilws publish r log --data '[1, 2.50]'
  assert_status 0
  assert_err_empty
  assert_out 1
  printf '"text"' >"$dir/d"
  run3 councilws publish r log --data "@$dir/d"
  assert_status 0
  assert_err_empty
  assert_out 2
  run3 bash -c 'printf "{\"x\": 1e2}" | "$COUNCILWS" publish r log --data -'
  assert_status 0
  assert_err_empty
  assert_out 3
  run3 bash -c 'printf "{\"type\":\"log\"}\n{\"type\":\"log\"}" | "$COUNCILWS" publish r --file -'
  assert_status 0
  assert_err_empty
  assert_out $'4\n5'
  mkfifo "$dir/slow"
  "$COUNCILWS" publish r --file "$dir/slow" >"$dir/ids" &
  publisher=$!
  exec 7>"$dir/slow"
  echo '{"type":"log"}' >&7
  wait_for "$dir/ids" '^6$'
  echo '{"type":"log"}' >&7
  wait_for "$dir/ids" '^7$'
  exec 7>&-
  wait "$publisher"
  run3 councilws replay r -o json --to 3
  assert_status 0
  assert_err_empty
  [ "$(sed 's/.*"data"://; s/}$//' "$dir/out" | paste -sd' ')" = '[1, 2.50] "text" {"x": 1e2}' ] ||
    fail "bytes of data"
}

@test "--event-id makes a retry safe; the same id with other content is refused" {
  start_hub
  run3 councilws publish r log --event-id e-1 a=1
  assert_status 0
  assert_err_empty
  assert_out 1
  run3 councilws publish r log --event-id e-1 a=1 -o json
  assert_status 0
  assert_err_empty
  [ "$(jq -c '[.message_id, .duplicate]' "$dir/out")" = '[1,true]' ] || fail "the same answer"
  run3 councilws publish r log --event-id e-1 a=2
  assert_status 65
  assert_out ""
  assert_err_has "event"
}

@test "no hub: publish and watch say so and exit 69; an unknown host is 68" {
  export COUNCILWS_URL=http://127.0.0.1:1
  run3 councilws publish r log a=1
  assert_status 69
  assert_out ""
  assert_err_has "is the hub running"
  run3 councilws watch r
  assert_run 69 '' '*): Connection refused; next attempt in*'
  run3 councilws status
  assert_run 69 '' '*connect to server; is the hub running, and is --url right*'
  run3 councilws list --url http://no-such-host.invalid
  assert_run 68 '' '*no-such-host.invalid: Could not resolve host: no-such-host.invalid; is*'
  run3 councilws list --url gopher://x
  assert_run 64 '' '*it begins with http:*'
}

@test "control bytes in events never reach the terminal as such" {
  start_hub
  councilws publish r log --data '{"message":"a\u001b[31mred\u0007\nx"}' >/dev/null
  run3 councilws watch r --no-follow
  assert_status 0
  assert_err_empty
  [[ $out == *'a\x1b[31mred\x07\nx'* ]] || fail "escaped"
  ! grep -q $'\x1b' "$dir/out" || fail "an escape got through"
}

@test "SIGINT ends watch with 130, SIGTERM with 143" {
  start_hub
  for pair in INT:130 TERM:143; do
    # A job of a non-interactive shell ignores SIGINT; env restores it.
    env --default-signal=INT "$COUNCILWS" watch r -v 2>"$dir/talk" >/dev/null &
    watcher=$!
    timeout 20 bash -c 'until "$COUNCILWS" status r -o json 2>/dev/null | grep -q "\"watcher_count\":1"; do sleep 0.05; done'
    kill "-${pair%:*}" "$watcher"
    status=0
    wait "$watcher" || status=$?
    assert_status "${pair#*:}"
    timeout 20 bash -c 'while "$COUNCILWS" status r -o json 2>/dev/null | grep -q "\"watcher_count\":1"; do sleep 0.05; done'
  done
}
