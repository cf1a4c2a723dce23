#!/usr/bin/env bats
# The live picture of watch, in a terminal.

load common
load terminal

sample() {
  echo "$ROOT/docs/examples/council-run.ndjson"
}

# publish_sample REQUEST FROM TO: these lines of the sample run.
publish_sample() {
  sed -n "$2,$3p" "$(sample)" | councilws publish "$1" --file - >/dev/null
}

@test "a run is drawn in place as it happens; the last picture stays, the response below it" {
  start_hub
  open_pane 80x24 'councilws watch r'
  wait_for_pane '^r  pending  .*live'
  publish_sample r 1 14
  wait_for_pane '^r  processing  0:.*live'
  wait_for_pane '▸ execution → arbitration'
  assert_pane_has '35 %  1/4 subtasks  cost 0.0043  2.0k tokens'
  assert_pane_has '^✓ users     done     Member      voice-small    0.84    0.0012     950    6.1s'
  assert_pane_has '^09:00:13  log '
  publish_sample r 15 24
  wait_for_pane 'status=0'
  assert_pane_has '^r  completed  0:30$'
  assert_pane_has '✓ complete$'
  assert_pane_has '^── response ─'
  assert_pane_has '^happen again.$'
  assert_pane_lacks 'processing'
  wait_for_pane 'left in order'
  [ "$(tmux_ display -p '#{cursor_flag} #{wrap_flag}')" = "1 1" ] || fail "cursor or wrap"
}

@test "what was drawn is acknowledged, and the picture still begins at the first event" {
  start_hub
  open_pane 80x24 'councilws watch r'
  publish_sample r 1 14
  wait_for_pane '1/4 subtasks'
  wait_for_position r 14
  press q
  wait_for_pane 'status=130'
  wait_for_pane 'left in order'
  open_pane 80x24 'councilws watch r'
  wait_for_pane '1/4 subtasks'
}

@test "it fits 40x10, and another size as soon as there is one" {
  start_hub
  publish_sample r 1 14
  open_pane 40x10 'councilws watch r'
  wait_for_pane '^ana → rou → \[exe\] → arb → syn → com$'
  assert_pane_has '^▸ costs'
  tmux_ resize-window -x 90 -y 30
  wait_for_pane '^✓ analysis → ✓ routing → ▸ execution'
  [ "$(pane | grep -c '1/4 subtasks')" -eq 1 ] || fail "twice:" "$(pane)"
  tmux_ resize-window -x 50 -y 12
  wait_for_pane '^ana → rou'
  [ "$(pane | grep -c '1/4')" -eq 1 ] || fail "twice:" "$(pane)"
}

@test "data never drives the terminal, and is not longer than a line" {
  start_hub
  councilws publish r log 'message:="\u001b]0;pwned\u0007\u001b[2J\u202e\u009b31m"' >/dev/null
  councilws publish r execution_progress 'subtaskId:="\u001b[1;1HX"' agent='日本語のエージェント名前です' >/dev/null
  councilws publish r log text="$(printf '%010000d' 7)" >/dev/null
  open_pane 80x24 'councilws watch r'
  wait_for_pane '\\x1b\]0;pwned\\x07\\x1b\[2J\\u202e\\x9b31m'
  assert_pane_has '^▸ \\x1b\[1;1HX'
  assert_pane_has '日本語のエー… '
  assert_pane_has 'text=0*…$'
  [ "$(pane | grep -c '^r  processing')" -eq 1 ] || fail "$(pane)"
  [ "$(tmux_ display -p '#{pane_title}')" != pwned ] || fail "the title"
}

@test "a thousand subtasks: those that run and failed are shown, the rest is counted" {
  start_hub
  seq -f '{"type":"x","data":{"subtaskId":"s%.0f","status":"completed"}}' 0 999 |
    sed '/"s500"/s/completed/running/; /"s501"/s/completed/failed/' | councilws publish r --file - >/dev/null
  open_pane 80x24 'councilws watch r'
  wait_for_pane '998/1000 subtasks  1 failed'
  assert_pane_has '^▸ s500 '
  assert_pane_has '^✗ s501 '
  assert_pane_has '^… 9[0-9][0-9] more: 9[0-9][0-9] done'
}

@test "a tree that is higher than its place is scrolled, and Esc goes back to what runs" {
  start_hub
  seq -f '{"type":"x","data":{"subtaskId":"s%.0f","status":"completed"}}' 10 59 |
    sed '/"s50"/s/completed/running/' | councilws publish r --file - >/dev/null
  for size in 80x24 40x10; do
    open_pane $size 'councilws watch r --no-ack'
    wait_for_pane '^▸ s50 '
    assert_pane_has '^… [0-9]* more: '
    press Down
    wait_for_pane '^✓ s10 '
    assert_pane_has '^… 0 above, [0-9]* below'
    assert_pane_lacks '^▸ s50 '
    press j
    wait_for_pane '^… 1 above, '
    assert_pane_lacks '^✓ s10 '
    press End
    wait_for_pane '^✓ s59 '
    assert_pane_has '^… [0-9]* above, 0 below'
    press PageUp
    wait_for_pane '^… [0-9]* above, [1-9][0-9]* below'
    press Home
    wait_for_pane '^✓ s10 '
    press PageDown
    wait_for_pane '^… [1-9][0-9]* above, '
    press Escape
    wait_for_pane '^… [0-9]* more: '
    assert_pane_has '^▸ s50 '
  done
}

@test "a lost hub is told of, and the picture goes on when it is back" {
  start_hub
  port=$(hub_port)
  publish_sample r 1 14
  open_pane 80x24 'councilws watch r'
  wait_for_pane '^r .*live'
  stop_hub
  wait_for_pane '^r .*lost, retry in [0-9]* s'
  assert_pane_has '1/4 subtasks'
  start_hub_on "127.0.0.1:$port"
  wait_for_pane '^r .*live'
  publish_sample r 15 24
  wait_for_pane 'status=0'
  assert_pane_has '4/4 subtasks  cost 0.0364  8.8k tokens'
}

@test "several requests are a line each; keys open one" {
  start_hub
  publish_sample a 1 14
  publish_sample b 1 24
  open_pane 80x24 'councilws watch a b c'
  wait_for_pane '^▸ a  *processing .*35 %'
  assert_pane_has '^  b  *completed .*100 %'
  press Down Enter
  wait_for_pane '^b  completed  0:30'
  assert_pane_has '4/4 subtasks'
  press 1
  wait_for_pane '^a  processing'
  assert_pane_lacks '^b  completed'
  press Enter
  wait_for_pane '^[ab] 09:00:'
  press q
  wait_for_pane 'status=130'
  wait_for_pane 'left in order'
}

@test "the worst end of several is the status, and each has its last line" {
  start_hub
  publish_sample a 1 24
  councilws publish b error message='no model answered' >/dev/null
  open_pane 80x24 'councilws watch a b'
  wait_for_pane 'status=1'
  assert_pane_has '^  b  *failed'
  assert_pane_has '^b: no model answered'
}

@test "a picture that gets lower leaves nothing behind and takes nothing away" {
  start_hub
  open_pane 80x24 'councilws watch a b --idle 500ms'
  wait_for_pane 'status=82'
  [ "$(pane | grep -c '^  [ab]  *pending')" -eq 2 ] || fail "$(pane)"
  assert_pane_lacks 'Enter'
  assert_pane_has '^councilws: no event for too long$'
}

@test "ctrl-C, SIGTERM and even SIGQUIT leave the terminal in order" {
  start_hub
  open_pane 80x24 'councilws watch r'
  wait_for_pane '^r  pending .*live'
  press C-c
  wait_for_pane 'status=130'
  wait_for_pane 'left in order'
  for signal in TERM:143 QUIT:131; do
      open_pane 80x24 'sh -c "echo \$\$ >\"$dir/pid\"; exec \"$COUNCILWS\" watch r"'
    wait_for_pane '^r  pending .*live'
    kill "-${signal%:*}" "$(cat "$dir/pid")"
    wait_for_pane "status=${signal#*:}"
    wait_for_pane 'left in order'
    [ "$(tmux_ display -p '#{cursor_flag} #{wrap_flag}')" = "1 1" ] || fail "cursor or wrap after $signal"
  done
}

@test "ctrl-Z gives the terminal back, fg draws the picture below; in the background there are plain lines" {
  start_hub
  publish_sample r 1 14
  open_shell 80x40
  press '$COUNCILWS watch r' Enter
  wait_for_pane '^r .*live'
  press C-z
  wait_for_pane 'Stopped'
  press 'stty -a | grep -cw -- -icanon; echo visible' Enter
  wait_for_pane '^visible$'
  [ "$(tmux_ display -p '#{cursor_flag}')" = 1 ] || fail "the cursor"
  press 'clear; fg; echo "status=$?"' Enter
  wait_for_pane '^r .*live'
  publish_sample r 15 15
  wait_for_pane 'overwritten'
  press C-c
  wait_for_pane 'status=130'
  press 'clear; $COUNCILWS watch r --from start -o auto &' Enter
  wait_for_pane '^   15  '
  assert_pane_lacks 'live'
}

@test "ctrl-Z where nobody could bring it back changes nothing" {
  start_hub
  publish_sample r 1 14
  open_pane 80x40 'councilws watch r'
  wait_for_pane '^r .*live'
  press C-z
  press C-z
  publish_sample r 15 15
  wait_for_pane 'overwritten'
  press q
  wait_for_pane 'status=130'
}

@test "a job that is sent to the background says nothing, takes no keys, and shows its last picture in the end" {
  start_hub
  publish_sample r 1 14
  open_shell 80x40
  press '$COUNCILWS watch r' Enter
  wait_for_pane '^r .*live'
  press C-z
  wait_for_pane 'Stopped'
  press 'clear; bg' Enter
  press 'echo typed-$((1 + 1))' Enter
  wait_for_pane '^typed-2$'
  publish_sample r 15 15
  wait_for_position r 14
  press 'echo typed-$((2 + 1))' Enter
  wait_for_pane '^typed-3$'
  assert_pane_lacks '^r .*processing'
  councilws status r -o json >"$dir/status"
  [ "$(jq -c '[.watchers[].last_ack, .last_message_id]' "$dir/status")" = '[14,15]' ] ||
    fail "what was not drawn was acknowledged: $(cat "$dir/status")"
  publish_sample r 16 24
  wait_for_pane '^happen again.'
  press Enter
  wait_for_pane 'Done.*watch r'
}

@test "where it cannot be drawn there are plain lines: a file, a pipe, no stderr, TERM=dumb" {
  start_hub
  publish_sample r 1 24
  run3 councilws watch r -o tree --from start
  assert_status 0
  assert_err_empty
  [ "$(grep -c '^ *[0-9]* ' "$dir/out")" -eq 24 ] || fail "24 lines"
  ! grep -q $'\x1b' "$dir/out" || fail "escape sequences"
  open_pane 200x60 'councilws watch r --from start 2>"$dir/talk"; TERM=dumb councilws watch r --from start'
  wait_for_pane 'status=0'
  [ "$(pane | grep -c '^   24  ')" -eq 2 ] || fail "$(pane)"
  assert_pane_lacks '✓'
  open_pane 200x60 'councilws watch r --from start & wait $!' # as a script does
  wait_for_pane 'status=0'
  assert_pane_has '^   24  '
  assert_pane_lacks '✓'
  open_pane 200x60 'councilws watch r -o tree </dev/null'
  wait_for_pane 'status=0'
  assert_pane_has '✓ complete'
}

@test "without colour it says the same" {
  start_hub
  publish_sample r 1 24
  open_pane 80x30 'NO_COLOR=1 councilws watch r'
  wait_for_pane 'status=0'
  ! pane -e | grep -q $'\x1b\[' || fail "$(pane -e | cat -v)"
  assert_pane_has '^✓ users     done'
  open_pane 80x30 'NO_COLOR=1 councilws watch r --color always'
  wait_for_pane 'status=0'
  pane -e | grep -q $'\x1b\[' || fail "$(pane -e | cat -v)"
}

@test "an error in the picture is said again below it" {
  start_hub
  open_pane 80x24 'councilws watch r'
  wait_for_pane '^r .*live'
  councilws publish r log >/dev/null
  wait_for_pane '^.*log'
  councilws delete r --yes >/dev/null
  wait_for_pane 'status=77'
  assert_pane_has '^councilws: r: '
}
