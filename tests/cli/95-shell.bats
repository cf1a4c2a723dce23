#!/usr/bin/env bats
# The console: by line from a pipe, and in a terminal with its prompt, history and completion.

load common
load terminal

# in_shell LINE …: the lines come from a pipe.
in_shell() {
  printf '%s\n' "$@" | "$COUNCILWS" shell
}

@test "from a pipe: each command once the one before it is done, without a prompt" {
  start_hub
  run3 in_shell 'publish r log a=1' "publish r log 'b=two words' # a comment" '' 'watch r --no-ack' 'status r' 'list'
  assert_status 0
  assert_err_empty
  [ "$(sed -n 1,2p "$dir/out")" = $'1\n2' ] || fail "ids"
  [[ $(sed -n 3p "$dir/out") == "r     1  "*"  log  "*"a=1" ]] || fail "first event"
  [[ $(sed -n 4p "$dir/out") == "r     2  "*"  log  "*"b=two words" ]] || fail "second event"
  { councilws status r; councilws list; } | grep -v '^watchers' >"$dir/wanted"
  sed -n '5,$p' "$dir/out" | grep -v -e '^watchers' -e ' since ' | diff "$dir/wanted" - ||
    fail "status and list are those of the commands"
}

@test "what was shown is acknowledged at the end, and with --no-ack only what ack names" {
  start_hub
  make_events 3 | councilws publish r --file - >/dev/null
  run3 in_shell 'watch r --no-ack' 'ack r 2'
  assert_status 0
  assert_err_empty
  [ "$(wc -l <"$dir/out")" -eq 3 ] || fail "3 events"
  run3 in_shell 'watch r'
  assert_status 0
  assert_err_empty
  [[ $out == "r     3  "* && $(wc -l <"$dir/out") -eq 1 ]] || fail "the third only"
  run3 in_shell 'watch r'
  assert_status 0
  assert_err_empty
  assert_out ""
  run3 in_shell 'watch r' 'ack r 9'
  assert_status 65
  assert_out ""
  assert_err_has "r: 9 has not been delivered"
}

@test "replay, unwatch, -o json, and a request as argument" {
  start_hub
  make_events 3 | councilws publish r --file - >/dev/null
  run3 bash -c 'printf "%s\n" "unwatch r" "replay r --after 1 --to 2" | "$COUNCILWS" shell r -o json'
  assert_status 0
  assert_err_empty
  [ "$(jq -r '.request_id + " " + (.event.message_id | tostring)' "$dir/out")" = $'r 1\nr 2\nr 3\nr 2' ] || fail "events"
}

@test "a wrong line is named, the others run, and the exit code is that of the first that failed" {
  start_hub
  run3 in_shell 'frobnicate' 'publish r' 'publish r log "open' 'unwatch r' 'watch r --frob' 'publish r log'
  assert_status 64
  assert_out 1
  assert_err_has "no such command 'frobnicate'; 'help' lists them"
  assert_err_has "publish needs"
  assert_err_has "a quote is open at the end of the line"
  assert_err_has "r: is not watched"
  assert_err_has "no such option '--frob'; see 'help watch'"
  assert_err_has "publish needs more arguments; usage: publish REQUEST TYPE"
  [[ $err != *"councilws watch"* && $err != *"councilws publish"* ]] || fail "what does not work there"
  run3 in_shell 'publish r log' 'quit' 'publish r log'
  assert_status 0
  assert_err_empty
  assert_out 2
}

@test "help lists the commands and explains each; it needs no hub" {
  COUNCILWS_URL=http://127.0.0.1:1
  export COUNCILWS_URL
  run3 in_shell help
  assert_status 0
  assert_err_empty
  for command in watch unwatch publish ack status replay list help quit; do
    [[ $out == *"$command  "* ]] || fail "$command"
  done
  run3 in_shell 'help watch' 'publish --help'
  assert_status 0
  assert_err_empty
  [[ $out == "watch REQUEST..."*"--from WHERE"*"publish REQUEST TYPE"* ]] || fail "help"
}

@test "a hub that cannot be reached ends a command, not the console" {
  COUNCILWS_URL=http://127.0.0.1:1
  export COUNCILWS_URL
  run3 in_shell 'status' 'help quit'
  assert_status 69
  assert_err_has 'connect to server; is the hub running, and is --url right'
  [[ $out == quit* ]] || fail "goes on"
}

@test "in a terminal events appear above the line that is being typed, which stays as it is" {
  start_hub
  open_pane 80x24 'councilws shell r'
  wait_for_pane '^councilws>'
  press 'publish r log from=typ'
  wait_for_pane '^councilws> publish r log from=typ$'
  councilws publish r log from=elsewhere >/dev/null
  wait_for_pane 'from=elsewhere'
  wait_for_pane '^councilws> publish r log from=typ$'
  [ "$(pane | grep -c 'from=typ$')" -eq 1 ] || fail "the line stands there more than once:" "$(pane)"
  pane | grep -A 1 'from=elsewhere' | grep -q '^councilws> publish' || fail "not above the prompt:" "$(pane)"
  press 'ed' Enter
  wait_for_pane 'from=typed$'
  wait_for_pane '^2$'
  press C-d
  wait_for_pane 'status=0'
  wait_for_pane 'left in order'
}

@test "in a terminal 40 wide a long line keeps its place below events" {
  start_hub
  open_pane 40x10 'councilws shell r'
  wait_for_pane '^councilws>'
  press "publish r log text='a line of more than forty characters, that folds"
  wait_for_pane 'folds$'
  for n in 1 2 3; do councilws publish r log n:=$n >/dev/null; done
  wait_for_pane '^r     3  '
  wait_for_pane 'folds$'
  [ "$(pane | grep -c 'folds')" -eq 1 ] || fail "$(pane)"
  [ "$(pane | grep -c '^councilws>')" -eq 1 ] || fail "$(pane)"
  for n in 1 2 3; do [ "$(pane | grep -c "^r     $n  ")" -eq 1 ] || fail "event $n:" "$(pane)"; done
}

@test "status and list are the tables that the commands draw; status alone is the hub" {
  start_hub
  councilws publish sample --file "$ROOT/docs/examples/council-run.ndjson" >/dev/null
  open_pane 100x40 'councilws shell'
  wait_for_pane '^councilws>'
  press 'status sample' Enter
  wait_for_pane '^effort   done   Engineer    builder-large  0.0210    3.1k'
  press 'list' Enter
  wait_for_pane '^sample   completed  100 %  complete      24  20'
  press 'status' Enter
  wait_for_pane '^store writable *yes'
  assert_pane_has "^$COUNCILWS_URL  operational"
  press 'watch' Enter
  wait_for_pane 'usage: watch REQUEST...'
}

@test "Tab completes commands, options, request ids from the hub, and types" {
  start_hub
  councilws publish build-42 my_own_type >/dev/null
  open_pane 80x24 'councilws shell build-42'
  wait_for_pane 'my_own_type'
  press 'unw' Tab
  wait_for_pane '^councilws> unwatch'
  press C-u 'status bui' Tab
  wait_for_pane '^councilws> status build-42'
  press C-u 'publish build-42 fin' Tab
  wait_for_pane '^councilws> publish build-42 final_response'
  press C-u 'publish build-42 my' Tab
  wait_for_pane '^councilws> publish build-42 my_own_type'
  press C-u 'replay build-42 --af' Tab
  wait_for_pane '^councilws> replay build-42 --after'
  press C-u 'list --status fa' Tab
  wait_for_pane '^councilws> list --status failed'
}

@test "ctrl-C drops the line and stays; the history is kept for its owner only, and comes back" {
  start_hub
  open_pane 80x24 'councilws shell'
  wait_for_pane '^councilws>'
  press 'publish r log dropped=1' C-c
  wait_for_pane '^councilws>$'
  press 'publish r log kept=1' Enter
  wait_for_pane '^1$'
  press 'quit' Enter
  wait_for_pane 'status=0'
  [ "$(stat -c %a "$XDG_STATE_HOME/councilws/history")" = 600 ] || fail "mode"
  [ "$(cat "$XDG_STATE_HOME/councilws/history")" = $'publish r log kept=1\nquit' ] || fail "history: $(cat "$XDG_STATE_HOME/councilws/history")"
  open_pane 80x24 'councilws shell'
  wait_for_pane '^councilws>'
  press Up Up
  wait_for_pane '^councilws> publish r log kept=1'
}

@test "suspended and resumed, the line is there again and the terminal was left in order" {
  start_hub
  open_shell 80x24
  wait_for_pane '[$#]'
  press '"$COUNCILWS" shell' Enter
  wait_for_pane '^councilws>'
  press 'status of-this'
  wait_for_pane '^councilws> status of-this'
  press C-z
  wait_for_pane 'Stopped'
  press 'stty -a | grep -qw -- -icanon && echo raw || echo in-order' Enter
  wait_for_pane '^in-order'
  press 'fg' Enter
  wait_for_pane '^councilws> status of-this'
}
