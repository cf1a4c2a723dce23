#!/usr/bin/env bats
# The hub under a service manager: what it tells it, and sockets that it is given. $SERVICE_MANAGER stands in for systemd.

load common

# manage [OPTION …] -- COMMAND-OPTION …: a hub under the manager, whose lines are in $dir/seen.
manage() {
  local options=()
  while [ "$1" != -- ]; do
    options+=("$1")
    shift
  done
  shift
  "$SERVICE_MANAGER" "${options[@]}" "$COUNCILWS" serve --store memory: "$@" \
    >"$dir/seen" 2>"$dir/hub.log" 3>&- &
  hub=$!
}

# The lines of the manager that say what was notified.
told() {
  grep -E '^(READY|RELOADING|STOPPING|accepts|does not|exit)' "$dir/seen" | paste -sd' '
}

check_notifications() {
  manage -n "$1" -c "$dir/hub.sock" -- --listen "unix:$dir/hub.sock"
  wait_for "$dir/seen" '^READY=1'
  [ "$(told)" = "accepts READY=1" ] || fail "ready: $(cat "$dir/seen")"
  kill -HUP "$hub"
  wait_for "$dir/hub.log" 'read again'
  stop_hub -TERM
  [ "$(told)" = "accepts READY=1 RELOADING=1 accepts READY=1 STOPPING=1 exit 0" ] || fail "$(cat "$dir/seen")"
  grep -q '^MONOTONIC_USEC=[1-9][0-9]*$' "$dir/seen" || fail "the time of the reload"
}

@test "READY=1 comes once connections are accepted and after a reload, STOPPING=1 when it drains" {
  check_notifications "$dir/notify"
}

@test "the same over an abstract socket" {
  check_notifications "@councilws-test-$$-$RANDOM"
}

@test "a hub that cannot start is never ready" {
  manage -n "$dir/notify" -- --listen nonsense
  wait "$hub"
  hub=
  [ "$(told)" = "exit 78" ] || fail "$(cat "$dir/seen")"
}

@test "a manager that is not there changes nothing" {
  export NOTIFY_SOCKET=$dir/none
  start_hub
  grep -q 'cannot tell the service manager' "$dir/hub.log" || fail "says so"
  run3 councilws publish r log
  assert_run 0 1 ''
  stop_hub
  [ "$hub_status" -eq 0 ] || fail "exit status $hub_status"
}

served_on_the_given_port() {
  wait_for "$dir/seen" '^http://'
  port=$(head -1 "$dir/seen")
  grep -qx "http://127.0.0.1:$port" "$dir/seen" || fail "$(cat "$dir/seen")"
  run3 councilws publish r log --url "http://127.0.0.1:$port"
  assert_run 0 1 ''
  stop_hub -TERM
  [ "$(told)" = "exit 0" ] || fail "$(cat "$dir/seen")"
}

@test "a socket inherited as descriptor 3 is served: --listen fd:3" {
  manage -l -- --listen fd:3
  served_on_the_given_port
}

@test "without --listen the sockets that are handed over are served" {
  manage -l --
  served_on_the_given_port
}

@test "sockets that were handed over to another process are not taken" {
  export LISTEN_FDS=1 LISTEN_PID=1
  start_hub
  run3 councilws publish r log
  assert_run 0 1 ''
  [[ $COUNCILWS_URL == http://127.0.0.1:* ]] || fail "$COUNCILWS_URL"
}

@test "the unit starts nothing but the command and the shell that every Debian has" {
  run3 sh -c "sed -n 's/^Exec[A-Za-z]*=\\([^ ]*\\).*/\\1/p' '$UNIT' | sort -u"
  assert_status 0
  assert_out "/bin/sh
/usr/bin/councilws"
  assert_err_empty
}

@test "the systemd unit is one that systemd understands, and it is hardened" {
  sed "s|^ExecStart=[^ ]*|ExecStart=/bin/true|" "$UNIT" >"$dir/councilws.service"
  cp "$ROOT/packaging/councilws.socket" "$dir"
  run3 systemd-analyze verify --man=no "$dir/councilws.service" "$dir/councilws.socket"
  assert_status 0
  assert_out ""
  assert_err_empty
  run3 systemd-analyze security --offline=true --threshold=15 --no-pager "$dir/councilws.service"
  assert_run 0 '*NAME                                                        *' ''
}
