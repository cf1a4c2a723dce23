#!/usr/bin/env bats
# Commands other than the picture, in a terminal: tables, lines cut to the width, keys of replay.

load common
load terminal

@test "lines are cut to the width of a terminal, with a mark, and nowhere else" {
  start_hub
  long=$(printf '%050d' 7)
  councilws publish r log a="$long" b="$long" >/dev/null
  open_pane 60x10 'councilws watch r --no-follow --no-ack -o text; councilws replay r'
  wait_for_pane 'status=0'
  [ "$(pane | grep -c '^    1  .*…$')" -eq 2 ] || fail "$(pane)"
  assert_pane_lacks '^0'
  run3 councilws watch r --no-follow --no-ack
  assert_status 0
  assert_err_empty
  [[ $out == *"a=$long  b=$long" ]] || fail "cut in a file"
}

@test "status and list are tables on a terminal and stay as they were elsewhere" {
  start_hub
  councilws publish sample --file "$ROOT/docs/examples/council-run.ndjson" >/dev/null
  open_pane 80x40 'councilws list; councilws status sample; councilws status'
  wait_for_pane 'status=0'
  assert_pane_has '^request  status      done  stage     events  began'
  assert_pane_has '^sample   completed  100 %  complete      24  20'
  assert_pane_has '^subtask  state  agent       model            cost  tokens'
  assert_pane_has '^effort   done   Engineer    builder-large  0.0210    3.1k'
  assert_pane_has '^store writable *yes'
  run3 councilws list
  assert_status 0
  assert_err_empty
  [[ $out == *"  sample" && $out != *request* ]] || fail "list"
  run3 councilws status sample
  assert_status 0
  assert_err_empty
  [[ $out == *"  effort  done  Engineer  builder-large  3115 tokens  0.021"* ]] || fail "status"
  run3 councilws status
  assert_status 0
  assert_err_empty
  [[ $out == *store_writable* ]] || fail "hub"
}

@test "replay --speed: space pauses and goes on, the right arrow steps, q quits" {
  printf '{"type":"log","timestamp":"%d-01-01T00:00:00Z"}\n' 2020 2021 2022 2023 >"$dir/in"
  start_hub
  open_pane 80x20 'councilws replay --file "$dir/in" --speed 1'
  wait_for_pane '^    1  '
  press Right
  wait_for_pane '^    2  '
  press Space
  wait_for_pane 'goes on'
  press Space
  wait_for_pane 'paused; space goes on'
  press Right
  wait_for_pane '^    3  '
  assert_pane_lacks '^    4  '
  press q
  wait_for_pane 'status=130'
  wait_for_pane 'left in order'
}

@test "run: ctrl-C reaches the command once, from the terminal, and not a second time from us" {
  start_hub
  cat >"$dir/count.pl" <<'EOF'
    $| = 1;
    open $got, ">", $ARGV[0];
    $SIG{INT} = sub { $n++; print "interrupted $n\n"; syswrite $got, "$n\n" };
    $SIG{USR1} = sub { print "told\n"; exit 3 };
    print "ready\n";
    sleep 1 while 1;
EOF
  open_pane 80x20 'sh -c "echo \$\$ >\"$dir/pid\"; exec \"$COUNCILWS\" run r -- perl \"$dir/count.pl\" \"$dir/got\""'
  wait_for_pane '^ready$'
  kill -STOP "$(cat "$dir/pid")" # so that what it would send comes later, and is not one with the other
  press C-c
  wait_for "$dir/got" '^1$'
  kill -CONT "$(cat "$dir/pid")"
  wait_for_pane 'interrupted 1$'
  kill -USR1 "$(cat "$dir/pid")" # sent on behind what else there was to be sent on
  wait_for_pane '^told$'
  wait_for_pane 'status=3'
  assert_pane_lacks 'interrupted 2'
  wait_for_pane 'left in order'
}

@test "serve prints a link that signs in on a terminal, where it uses its own secret, and nowhere else" {
  openssl rand -hex 32 >"$dir/secret"
  serve='councilws serve --listen 127.0.0.1:0 --store memory:'
  open_pane 400x20 "$serve"
  wait_for_pane '#token='
  [ "$(pane -J | grep -c '^http://127.0.0.1:[0-9]*$')" -eq 1 ] || fail "one line on stdout"
  link=$(pane -J | sed -n 's/.*\(http:.*#token=[A-Za-z0-9._-]*\).*/\1/p')
  printf '%s' "${link#*#token=}" >"$dir/t"
  run3 councilws list --url "${link%%/#*}" --token-file "$dir/t"
  assert_run 0 '' ''
  press C-c
  wait_for_pane 'status=0'
  for other in "$serve -q" "$serve --log-format json" "$serve --secret-file $dir/secret" "$serve 2>$dir/log" \
    "councilws serve --listen unix:$dir/s --store memory:"; do
    open_pane 400x20 "$other"
    wait_for_pane '^http:\|^unix:'
    press C-c
    wait_for_pane 'status=0'
    assert_pane_lacks 'token='
  done
  ! grep 'token=' "$dir/log" || fail "a log shows it"
}
