#!/usr/bin/env bats
# What goes to which descriptor: talk, colour, help's width, streams that are closed or full.

load common

@test "-q silences talk and no exit code; -v tells of the settings that were read" {
  start_hub
  councilws publish r final_response success:=false >/dev/null
  councilws watch r >/dev/null || true
  run3 councilws watch r
  assert_status 1
  assert_out ""
  assert_err_has "had already ended"
  run3 councilws watch r -q
  assert_status 1
  assert_out ""
  assert_err_empty
  printf 'url %s\n' "$COUNCILWS_URL" >"$dir/c"
  run3 councilws list -v --config "$dir/c"
  assert_status 0
  assert_out_like '*failed      complete*'
  assert_err_has "settings from $dir/c"
  COUNCILWS_CONFIG=$dir/c run3 councilws list -v
  assert_status 0
  assert_out_like '*failed      complete*'
  assert_err_has "settings from $dir/c"
}

@test "colour: none where stdout is no terminal, with NO_COLOR or TERM=dumb; --color has the last word" {
  start_hub
  councilws publish r log >/dev/null
  has_colour() { grep -q $'\x1b\[' "$1"; }
  on_terminal() {
    env -u NO_COLOR TERM=xterm "$@" script -qec '"$COUNCILWS" status r' /dev/null </dev/null >"$dir/out" 2>&1
  }
  councilws status r >"$dir/out"
  ! has_colour "$dir/out" || fail "in a file"
  councilws status r --color always >"$dir/out"
  has_colour "$dir/out" || fail "always"
  on_terminal
  has_colour "$dir/out" || fail "on a terminal"
  on_terminal NO_COLOR=1
  ! has_colour "$dir/out" || fail "NO_COLOR"
  on_terminal TERM=dumb
  ! has_colour "$dir/out" || fail "TERM=dumb"
  on_terminal COUNCILWS_COLOR=never
  ! has_colour "$dir/out" || fail "COUNCILWS_COLOR"
}

@test "help fits 80 columns and leaves no blanks at the end of a line" {
  for command in "" serve publish watch replay status list delete token help; do
    councilws help $command >"$dir/out"
    ! grep -n ' $' "$dir/out" || fail "blanks at the end: help $command"
    [ "$(wc -L <"$dir/out")" -le 80 ] || fail "wider than 80: help $command"
  done
}

@test "a full stdout is 74 and told once, however much is to be written" {
  start_hub
  make_events 20 | councilws publish r --file - >/dev/null
  for command in "watch r --no-ack --no-follow" "replay r -o json" "replay r --into r2" "status" "list"; do
    status=0
    councilws $command >/dev/full 2>"$dir/err" || status=$?
    [ "$status" -eq 74 ] || fail "$command: $status"
    [ "$(grep -c 'cannot write to standard output' "$dir/err")" -eq 1 ] || fail "$command: $(cat "$dir/err")"
  done
  run3 councilws watch r --no-follow -o json
  assert_status 0
  assert_err_empty
  [ "$(wc -l <"$dir/out")" -eq 20 ] || fail "what was not written was not acknowledged"
}

@test "a closed stdout ends watch and replay quietly with 141" {
  start_hub
  make_events 2000 | councilws publish r --file - >/dev/null
  for command in "watch r --no-ack -o json" "replay r -o json"; do
    bash -c '{ "$COUNCILWS" '"$command"' 2>"$1/err"; echo $? >"$1/status"; } | head -n 1 >/dev/null' _ "$dir"
    [ "$(cat "$dir/status")" = 141 ] || fail "$command: $(cat "$dir/status")"
    [ ! -s "$dir/err" ] || fail "$command: $(cat "$dir/err")"
  done
}

@test "descriptors 0 to 2 that are closed are no descriptors for anything else" {
  start_hub
  councilws publish r log >/dev/null
  status=0
  councilws watch r --no-ack --no-follow 2>"$dir/err" >&- || status=$?
  assert_status 74
  grep -q 'Bad file descriptor' "$dir/err"
  status=0
  councilws publish r --file - <&- 2>/dev/null || status=$?
  assert_status 74
  status=0
  councilws publish r log >"$dir/out" 2>&- <&- || status=$?
  assert_status 0
  [ "$(cat "$dir/out")" = 2 ] || fail "stdout"
}

@test "wrong options are named as they were written" {
  run3 councilws watch r --no-ack -zx
  assert_status 64
  assert_out ""
  assert_err_has "no such option '-z'"
  run3 councilws watch r --quiet=yes
  assert_status 64
  assert_out ""
  assert_err_has "no value goes with '--quiet=yes'"
  run3 councilws --color always list
  assert_status 64
  assert_out ""
  assert_err_has "a command goes before '--color'"
  for option in data timestamp event-id; do
    run3 councilws publish r --file "$dir/in" "--$option" 1
    assert_status 64
    assert_out ""
    assert_err_has "--$option is for one event"
  done
  run3 councilws list --cacert "$dir/none"
  assert_status 66
  assert_out ""
  assert_err_has "'$dir/none': No such file"
  for name in '' 'a b' a/b "$(printf '%065d' 0)"; do
    run3 councilws watch r --subscriber "$name"
    assert_status 64
    assert_out ""
    assert_err_has "1 to 64 characters"
  done
}
