#!/usr/bin/env bats
# Help, usage errors and settings, without a hub.

load common

@test "help and --help print to stdout and exit 0, for the whole and for each command" {
  run3 councilws --help
  assert_status 0
  assert_err_empty
  [[ $out == *"serve"*"publish"*"watch"* ]] || fail "commands are missing"
  for command in serve publish watch replay run status list delete token doctor help; do
    run3 councilws "$command" --help
    assert_status 0
    assert_err_empty
    [[ $out == "usage: councilws $command"* ]] || fail "usage of $command"
    by_flag=$out
    run3 councilws help "$command"
    assert_status 0
    assert_err_empty
    assert_out "$by_flag"
  done
}

@test "--version prints the version of the library" {
  run3 councilws --version
  assert_status 0
  assert_err_empty
  [[ $out =~ ^councilws\ [0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "a version"
}

@test "wrong usage exits 64 and says what and where to read on" {
  run3 councilws
  assert_status 64
  assert_err_has 'a command is missing;'
  assert_out ""
  run3 councilws frobnicate
  assert_status 64
  assert_out ""
  assert_err_has "no such command 'frobnicate'"
  run3 councilws watch
  assert_status 64
  assert_out ""
  assert_err_has "usage: councilws watch REQUEST"
  run3 councilws watch r --frobnicate
  assert_status 64
  assert_out ""
  assert_err_has "no such option '--frobnicate'"
  run3 councilws watch r --timeout
  assert_status 64
  assert_out ""
  assert_err_has "a value is missing after '--timeout'"
  run3 councilws watch r --timeout 5
  assert_status 64
  assert_out ""
  assert_err_has "--timeout: '5' is not a time like 250ms"
  run3 councilws watch r -o oval
  assert_status 64
  assert_out ""
  assert_err_has "'oval' is not one of auto|text|tree|json"
  run3 councilws list extra
  assert_status 64
  assert_out ""
  assert_err_has "unexpected argument 'extra'"
  run3 councilws replay
  assert_run 64 '' '*give either a REQUEST or --file; see*'
  run3 councilws publish r
  assert_status 64
  assert_out ""
  assert_err_has "TYPE, or --file"
}

@test "an unknown key in the configuration file names file and line, and exits 78" {
  mkdir -p "$XDG_CONFIG_HOME/councilws"
  printf '# mine\n\nurl http://127.0.0.1:1\nfrobnicate 3\n' >"$XDG_CONFIG_HOME/councilws/config"
  run3 councilws list
  assert_status 78
  assert_out ""
  assert_err_has "$XDG_CONFIG_HOME/councilws/config:4: unknown setting 'frobnicate'"
}

@test "a bad value in the configuration file names file and line, and exits 78" {
  printf 'heartbeat-interval = 20\n' >"$dir/c"
  run3 councilws serve --config "$dir/c"
  assert_status 78
  assert_out ""
  assert_err_has "$dir/c:1: heartbeat-interval: '20' is not a time"
  run3 councilws serve --config "$dir/none"
  assert_status 78
  assert_out ""
  assert_err_has "cannot read '$dir/none'"
}

@test "an option beats a variable, which beats the file, which beats the default" {
  printf 'url http://127.0.0.1:1/file\n' >"$dir/c"
  run3 councilws list --config "$dir/c" --url ftp://option
  assert_status 64
  assert_out ""
  assert_err_has "ftp://option"
  COUNCILWS_URL=ftp://variable run3 councilws list --config "$dir/c"
  assert_status 64
  assert_out ""
  assert_err_has "ftp://variable"
  printf 'url ftp://file\n' >"$dir/c"
  run3 councilws list --config "$dir/c"
  assert_status 64
  assert_out ""
  assert_err_has "ftp://file"
}

@test "a closed standard output ends the command quietly with 141" {
  set +o pipefail
  { status=0; councilws help 2>"$dir/err" || status=$?; echo "$status" >"$dir/status"; } | true
  # The pipe may still take a short help; a long run of it cannot.
  run3 bash -c '{ s=0; for i in $(seq 200); do "$COUNCILWS" help serve || { s=$?; break; }; done; echo $s >"$1/status"; } 2>"$1/err" | head -c 1 >/dev/null' _ "$dir"
  assert_status 0
  assert_out ""
  [ "$(cat "$dir/status")" = 141 ] || fail "status $(cat "$dir/status")"
  [ ! -s "$dir/err" ] || fail "talk: $(cat "$dir/err")"
}

@test "a full standard output is an input or output error, 74" {
  [ -e /dev/full ] || fail "no /dev/full"
  status=0
  councilws help >/dev/full 2>"$dir/err" || status=$?
  assert_status 74
  grep -q "cannot write to standard output" "$dir/err"
}
