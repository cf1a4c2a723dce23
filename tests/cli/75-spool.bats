#!/usr/bin/env bats
# publish --spool: what is kept, what is sent again, and kills, full disks and damage at every point.

load common

NOWHERE=http://127.0.0.1:1

# trace STRACE-OPTION … COMMAND: a prefix for a command whose system calls are to fail or to kill it. It must not follow
# into what it cannot trace, and leaks cannot be looked for under a tracer.
trace() {
  ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o /dev/null "$@"
}

need_strace() {
  strace -qq -o /dev/null true 2>/dev/null && return 0
  [ "${CWS_REQUIRE_PRIVILEGED-}" != 1 ] || fail "strace cannot trace here"
  skip "strace is missing or may not trace here"
}

events_of() {
  "$COUNCILWS" replay "$1" -o json | jq -c .data
}

@test "no hub: 75, the event is kept, and the same command sends it once" {
  run3 councilws publish r log n:=1 --spool "$dir/s" --url $NOWHERE --linger 0s
  assert_status 75
  assert_out ""
  assert_err_has "1 events of 'r' are kept in '$dir/s/r.spool'"
  [ "$(stat -c %a "$dir/s" "$dir/s/r.spool" | paste -sd,)" = 700,600 ] || fail "modes"
  run3 councilws publish r log n:=1 --spool "$dir/s" --url $NOWHERE --linger 0s
  assert_status 75
  assert_out ""
  assert_err_has "1 events of the input had been taken in before"
  start_hub
  run3 councilws publish r log n:=1 --spool "$dir/s"
  assert_status 0
  assert_err_has 'events of the input had been taken in before'
  assert_out 1
  [ -z "$(ls "$dir/s")" ] || fail "the spool is empty"
  run3 councilws publish r log n:=1 --spool "$dir/s"
  assert_status 0
  assert_err_empty
  assert_out 2 # done before: this is a new one
}

@test "without TYPE and --file only what is kept is sent; nothing kept is no failure" {
  for n in 1 2; do
    run3 councilws publish r log n:=$n --spool "$dir/s" --url $NOWHERE --linger 0s
    assert_run 75 '' '*connect to server; is the hub running, and is --url right*'
  done
  start_hub
  run3 councilws publish r --spool "$dir/s"
  assert_status 0
  assert_err_empty
  assert_out $'1\n2'
  run3 councilws publish r --spool "$dir/s"
  assert_status 0
  assert_out ""
  assert_err_has "keeps nothing of 'r'"
  run3 councilws publish 'r/x' --spool "$dir/s"
  assert_run 65 '' '*id is not one of A-Z a-z*'
}

@test "a file is kept whole, in order, with its own event_ids and bytes; more lines may follow" {
  cp "$ROOT/docs/examples/council-run.ndjson" "$dir/in"
  echo '{"type":"log","event_id":"mine","data":{"x": 1.50}}' >>"$dir/in"
  run3 councilws publish r --file "$dir/in" --spool "$dir/s" --url $NOWHERE --linger 0s
  assert_status 75
  assert_out ""
  assert_err_has "25 events of 'r' are kept"
  start_hub
  echo '{"type":"log"}' >>"$dir/in"
  run3 councilws publish r --file "$dir/in" --spool "$dir/s" -o json
  assert_status 0
  assert_err_has "25 events of the input had been taken in before"
  [ "$(jq -r .message_id "$dir/out" | paste -sd,)" = "$(seq 26 | paste -sd,)" ] || fail "ids"
  councilws replay r -o json | head -25 | sed 's/.*"data"://; s/}$//' >"$dir/stored"
  head -25 "$dir/in" | sed 's/.*"data": *//; s/}$//' | diff - "$dir/stored" || fail "bytes"
  run3 councilws publish r log 'x:=1.50' --event-id mine -o json
  assert_run 65 '' '*was used for another content, of message*' # the id is in the hub, with other content
}

@test "a bad line: 65, and mended, the same file goes on behind what was taken in" {
  start_hub
  printf '{"type":"log","data":1}\n{"type":"log","data":}\n{"type":"log","data":3}\n' >"$dir/in"
  run3 councilws publish r --file "$dir/in" --spool "$dir/s"
  assert_status 65
  assert_out 1
  assert_err_has "line 2"
  assert_err_has "goes on behind it"
  sed -i 's/:}/:2}/' "$dir/in"
  run3 councilws publish r --file "$dir/in" --spool "$dir/s"
  assert_status 0
  assert_err_has 'events of the input had been taken in before'
  assert_out $'2\n3'
  [ "$(events_of r | paste -sd,)" = 1,2,3 ] || fail "each once"
}

@test "an event that the hub refuses: 65, the others are published, and it does not come again" {
  start_hub --max-event-bytes 4k
  { echo '{"type":"log","data":1}'
    head -c 5000 /dev/zero | tr '\0' x | jq -Rcs '{type:"log",data:.}'
    echo '{"type":"log","data":3}'; } >"$dir/in"
  run3 councilws publish r --file "$dir/in" --spool "$dir/s"
  assert_status 65
  assert_err_has "event 2:"
  assert_out $'1\n2'
  [ -z "$(ls "$dir/s")" ] || fail "nothing is left"
}

@test "not allowed: 77, and the event stays" {
  start_hub
  COUNCILWS_TOKEN=nonsense run3 councilws publish r log --spool "$dir/s"
  assert_status 77
  assert_out ""
  assert_err_has "1 events of 'r' are kept"
  run3 councilws publish r log --spool "$dir/s"
  assert_status 0
  assert_err_has 'events of the input had been taken in before'
  assert_out 1
}

@test "a hub that goes away while a pipe writes: all is taken in, and comes in order, once" {
  start_hub
  port=$(hub_port)
  mkfifo "$dir/slow"
  "$COUNCILWS" publish r --file "$dir/slow" --spool "$dir/s" >"$dir/ids" 2>"$dir/talk" &
  publisher=$!
  exec 7>"$dir/slow"
  make_events 1 >&7
  wait_for "$dir/ids" '^1$'
  stop_hub -KILL
  make_events 20 | tail -19 >&7
  wait_for "$dir/s/r.spool" '"n": 20'
  start_hub_on "127.0.0.1:$port" 7>&- # or the pipe would never end
  wait_for "$dir/ids" '^20$'
  exec 7>&-
  status=0
  wait "$publisher" || status=$?
  assert_status 0
  [ "$(events_of r | jq .n | paste -sd,)" = "$(seq 20 | paste -sd,)" ] || fail "order"
  [ -z "$(ls "$dir/s")" ] || fail "nothing is left"
}

@test "two processes on one spool: the second gets 75, and disturbs nothing" {
  mkfifo "$dir/slow"
  "$COUNCILWS" publish r --file "$dir/slow" --spool "$dir/s" --url $NOWHERE --linger 0s >/dev/null 2>"$dir/talk" &
  publisher=$!
  exec 7>"$dir/slow"
  make_events 1 >&7
  wait_for "$dir/s/r.spool" '"n": 1'
  run3 councilws publish r log --spool "$dir/s"
  assert_status 75
  assert_out ""
  assert_err_has "another process works on the events of 'r'"
  kill -KILL "$publisher"
  exec 7>&-
  wait "$publisher" || true
  start_hub
  run3 councilws publish r --spool "$dir/s"
  assert_status 0
  assert_err_empty
  assert_out 1
}

@test "a record that was cut off is dropped, and said; damage before the end is refused with 65" {
  make_events 3 >"$dir/in"
  councilws publish r --file "$dir/in" --spool "$dir/s" --url $NOWHERE --linger 0s 2>/dev/null || true
  cp "$dir/s/r.spool" "$dir/whole"
  size=$(stat -c %s "$dir/whole")
  last=$(tail -n 1 "$dir/whole" | wc -c)
  start_hub
  for cut in 1 2 $((last / 2)) $((last - 1)); do
    head -c $((size - cut)) "$dir/whole" >"$dir/s/r.spool"
    # Nothing is said of a file that is not looked at, so each is sent to a request of its own.
    sed -i "1s/.*/$(head_record "cut$cut")/" "$dir/s/r.spool"
    mv "$dir/s/r.spool" "$dir/s/cut$cut.spool"
    run3 councilws publish "cut$cut" --spool "$dir/s"
    assert_status 0
    assert_out $'1\n2'
    assert_err_has "the last $((last - cut)) bytes are no whole record, dropped"
  done
  sed '2s/log/lug/' "$dir/whole" >"$dir/s/r.spool"
  run3 councilws publish r --spool "$dir/s"
  assert_status 65
  assert_out ""
  assert_err_has "is damaged at byte"
  cp "$dir/whole" "$dir/s/other.spool"
  run3 councilws publish other --spool "$dir/s"
  assert_status 65
  assert_out ""
  assert_err_has "not a spool of this request"
  cp "$dir/whole" "$dir/s/r.spool"
  run3 councilws publish r --file "$dir/in" --spool "$dir/s"
  assert_status 0
  assert_err_has 'events of the input had been taken in before'
  assert_out $'1\n2\n3'
}

# The head of another request's file, with its CRC.
head_record() {
  node -e 'const b = "S 1 " + process.argv[1] + " 0123456789abcdef"; let c = ~0;
    for (const x of Buffer.from(b)) { c ^= x; for (let i = 0; i < 8; i++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1; }
    console.log((~c >>> 0).toString(16).padStart(8, "0") + " " + b)' "$1"
}

@test "a spool that cannot be made is 73" {
  echo file >"$dir/file"
  run3 councilws publish r log --spool "$dir/file/s"
  assert_status 73
  assert_out ""
  assert_err_has "cannot keep events"
}

@test "a full or failing disk: 74, what was taken in is sent, and the rest comes with the next run" {
  need_strace
  start_hub
  make_events 3 >"$dir/in"
  for failure in pwrite64:error=ENOSPC:when=2 fsync:error=EIO:when=3 pwrite64:retval=0:when=2; do
    r=r${failure//[^a-zA-Z0-9]/-}
    run3 trace -e trace=pwrite64,fsync -e "inject=$failure" "$COUNCILWS" publish "$r" --file "$dir/in" --spool "$dir/s"
    assert_status 74
    assert_out ""
    assert_err_has "cannot keep events"
    run3 councilws publish "$r" --file "$dir/in" --spool "$dir/s"
    assert_run 0 $'1\n2\n3' ''
    [ "$(events_of "$r" | jq .n | paste -sd,)" = 1,2,3 ] || fail "$failure: $(events_of "$r")"
  done
}

@test "killed at every write, fsync, removal, send and receive: each event is stored, once, in order" {
  need_strace
  start_hub
  make_events 3 >"$dir/in"
  kills=0
  for call in pwrite64 fsync unlink flock sendto recvfrom; do
    for ((n = 1; n <= 40; n++)); do
      r=$call-$n
      run3 trace -e "trace=$call" -e "inject=$call:signal=KILL:when=$n" \
        "$COUNCILWS" publish "$r" --file "$dir/in" --spool "$dir/s"
      [ "$status" -ne 0 ] || break
      assert_run 137 '*([123'$'\n''])' '*Killed*'
      kills=$((kills + 1))
      # No file and no event: it had not begun. No file and events: it was done.
      if [ -e "$dir/s/$r.spool" ] || [ -z "$(events_of "$r" 2>/dev/null)" ]; then
        run3 councilws publish "$r" --file "$dir/in" --spool "$dir/s"
        assert_run 0 '*([123'$'\n''])' '?(*taken in before)'
      fi
      [ "$(events_of "$r" | jq .n | paste -sd,)" = 1,2,3 ] || fail "$r: $(events_of "$r")"
    done
  done
  [ "$kills" -ge 10 ] || fail "only $kills kills: the calls have other names"
  [ -z "$(ls "$dir/s")" ] || fail "left: $(ls "$dir/s")"
}

# big_events N BYTES: N events of so many bytes, {"n": 1, …} and so on.
big_events() {
  local padding
  padding=$(head -c "$2" /dev/zero | tr '\0' x)
  seq -f "{\"type\":\"log\",\"data\":{\"n\": %.0f, \"x\": \"$padding\"}}" "$1"
}

# numbers_of REQUEST: n of each event that has one.
numbers_of() {
  events_of "$1" 2>/dev/null | jq '.n // empty' | paste -sd,
}

# until_smaller FILE BYTES: at most 20 s.
until_smaller() {
  timeout 20 bash -c 'until [ "$(stat -c %s "$1")" -lt "$2" ]; do sleep 0.02; done' _ "$1" "$2" ||
    fail "it stays large: $(ls -l "$1")"
}

@test "a spool does not grow: what is acknowledged leaves its file, and the input is still known" {
  start_hub
  mkfifo "$dir/slow"
  "$COUNCILWS" publish r --file "$dir/slow" --spool "$dir/s" >"$dir/ids" 2>"$dir/talk" &
  publisher=$!
  exec 7>"$dir/slow"
  big_events 20 60000 >"$dir/in"
  for part in 1,10 11,20; do
    sed -n "${part}p" "$dir/in" >&7
    wait_for "$dir/ids" "^${part#*,}$"
    until_smaller "$dir/s/r.spool" 400000
  done
  grep -q '^........ H ' "$dir/s/r.spool" || fail "it was not made smaller"
  kill -KILL "$publisher"
  exec 7>&-
  wait "$publisher" || true
  echo '{"type":"log","data":{"n": 21}}' >>"$dir/in"
  run3 councilws publish r --file "$dir/in" --spool "$dir/s"
  assert_status 0
  assert_out 21
  assert_err_has "20 events of the input had been taken in before"
  [ "$(numbers_of r)" = "$(seq 21 | paste -sd,)" ] || fail "each once: $(numbers_of r)"
  [ -z "$(ls "$dir/s")" ] || fail "left: $(ls "$dir/s")"
}

@test "the spool of run does not grow, and knows only how much it has dropped" {
  start_hub
  mkfifo "$dir/slow"
  "$COUNCILWS" run r --spool "$dir/s" -- cat "$dir/slow" >/dev/null 2>"$dir/talk" &
  runner=$!
  exec 7>"$dir/slow"
  for part in 1 2; do
    big_events 20 20000 >&7
    wait_for_count r $((20 * part + 1))
    until_smaller "$dir/s/r.spool" 300000
  done
  grep -q '^........ D [1-9]' "$dir/s/r.spool" || fail "it was not made smaller"
  ! grep -q '^........ H ' "$dir/s/r.spool" || fail "it keeps what nobody will ask for"
  exec 7>&-
  wait "$runner"
  [ "$(numbers_of r)" = "$(seq 20 | paste -sd,),$(seq 20 | paste -sd,)" ] || fail "each once: $(numbers_of r)"
}

# wait_for_count REQUEST N: until the hub has so many events; at most 20 s.
wait_for_count() {
  timeout 20 bash -c 'until [ "$("$COUNCILWS" status "$1" -o json 2>/dev/null | jq .count)" = "$2" ]; do sleep 0.05; done' _ "$1" "$2" ||
    fail "no $2 events of $1"
}

# killed_at CALL N REQUEST COMMAND …: at its N-th such system call on the file that takes the spool's place, or on the
# directory.
killed_at() {
  run3 trace -P "$dir/s/$3.spool.new" -P "$dir/s" -e "trace=$1" -e "inject=$1:signal=KILL:when=$2" "$COUNCILWS" "${@:4}"
  [ "$status" -eq 137 ] || assert_run 0 '?*' '?(councilws: *)'
  [ "$status" -eq 0 ] || assert_err_has Killed
}

# each_step NAME CALL …: "NAME REQUEST CALL N" for every such call, until it is not killed any more; how often it was, in
# $kills.
each_step() {
  kills=0
  for call in "${@:2}"; do
    for ((n = 1; n <= 40; n++)); do
      "$1" "$1-$call-$n" $call $n
      [ "$status" -eq 137 ] || break
      kills=$((kills + 1))
    done
  done
}

publish_step() {
  killed_at "$2" "$3" "$1" publish "$1" --file "$dir/in" --spool "$dir/s"
  assert_out_like '*([1-6'$'\n''])'
  if [ -e "$dir/s/$1.spool" ] || [ -z "$(numbers_of "$1")" ]; then
    councilws publish "$1" --file "$dir/in" --spool "$dir/s" >/dev/null 2>&1 || fail "$1: again"
  fi
  [ "$(numbers_of "$1")" = 1,2,3,4,5,6 ] || fail "$1: $(numbers_of "$1")"
}

# The command ends with it: what was taken in is all there, without a hole.
run_step() {
  killed_at "$2" "$3" "$1" run "$1" --spool "$dir/s" -- cat "$dir/in"
  [[ $(cat "$dir/in") == "$out"* ]] || fail "what is passed on"
  councilws publish "$1" --spool "$dir/s" >/dev/null 2>&1 || fail "$1: the rest"
  numbers=$(numbers_of "$1")
  [ "$numbers" = "$(seq "$(echo "$numbers" | tr ',' '\n' | grep -c .)" | paste -sd,)" ] || fail "$1: $numbers"
}

@test "killed at every step of making a spool smaller: each event is stored, once, in order" {
  need_strace
  start_hub
  big_events 6 60000 >"$dir/in"
  each_step publish_step openat write fsync rename unlink
  [ "$kills" -ge 10 ] || fail "only $kills kills"
  big_events 20 20000 >"$dir/in"
  each_step run_step rename
  [ "$kills" -ge 1 ] || fail "only $kills kills"
  [ -z "$(ls "$dir/s")" ] || fail "left: $(ls "$dir/s")"
}
