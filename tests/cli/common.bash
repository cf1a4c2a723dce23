# common: what every .bats file loads: a directory, a hub on port 0, and asserts that say what they saw.
# $COUNCILWS is the binary under test (set by ctest).

bats_require_minimum_version 1.5.0

setup() {
  common_setup
}

common_setup() {
  dir=$(mktemp -d "${BATS_TMPDIR:-/tmp}/councilws.XXXXXX")
  export XDG_STATE_HOME=$dir/state XDG_CONFIG_HOME=$dir/config
  unset COUNCILWS_URL COUNCILWS_TOKEN NO_COLOR
  hub=
}

teardown() {
  common_teardown
}

common_teardown() {
  stop_hub
  local job
  for job in $(jobs -l | sed -E 's/^\[[0-9]+\][-+]? *//; s/^ *([0-9]+) .*/\1/'); do # all of a pipeline
    kill -9 "$job" 2>/dev/null || true
  done
  rm -rf "$dir"
}

# Not for a job in the background: its pid would be that of a shell around it. "$COUNCILWS" … & is.
councilws() {
  "$COUNCILWS" "$@"
}

# start_hub [OPTION …]: a hub on loopback, any port, store in $dir/hub.db; its URL becomes the default one.
start_hub() {
  start_hub_on 127.0.0.1:0 "$@"
}

# start_hub_on ADDRESS [OPTION …]
start_hub_on() {
  local address=$1
  shift
  rm -f "$dir/url"
  mkfifo "$dir/url"
  "$COUNCILWS" serve --listen "$address" --store "sqlite:$dir/hub.db" "$@" \
    >"$dir/url" 2>>"$dir/hub.log" 3>&- &
  hub=$!
  if ! read -r -t 20 COUNCILWS_URL <"$dir/url"; then
    echo "the hub did not start:" >&2
    cat "$dir/hub.log" >&2
    return 1
  fi
  export COUNCILWS_URL
}

# start_fake ANSWERS: a hub that says just that, at COUNCILWS_URL; teardown ends it.
start_fake() {
  mkfifo "$dir/fake"
  node "$ROOT/tests/cli/fake_hub.js" "$1" >"$dir/fake" 2>/dev/null 3>&- &
  read -r -t 20 COUNCILWS_URL <"$dir/fake"
  export COUNCILWS_URL
  rm "$dir/fake"
}

# stop_hub [SIGNAL]: ends it and waits; its status is in $hub_status.
stop_hub() {
  hub_status=0
  [ -n "$hub" ] || return 0
  kill "${1:--TERM}" "$hub" 2>/dev/null || true
  wait "$hub" || hub_status=$?
  hub=
}

# The hub's port, to start another one on the same.
hub_port() {
  echo "${COUNCILWS_URL##*:}"
}

# run3 COMMAND …: stdout in $out, stderr in $err, exit status in $status, each apart.
run3() {
  status=0
  "$@" >"$dir/out" 2>"$dir/err" || status=$?
  out=$(<"$dir/out")
  err=$(<"$dir/err")
}

fail() {
  printf '%s\n' "$@" "status: ${status-}" "stdout: ${out-}" "stderr: ${err-}" >&2
  [ ! -f "$dir/hub.log" ] || sed 's/^/hub: /' "$dir/hub.log" >&2
  return 1
}

assert_status() {
  [ "$status" -eq "$1" ] || fail "expected status $1"
}

assert_out() {
  [ "$out" = "$1" ] || fail "expected stdout: $1"
}

# assert_run STATUS STDOUT STDERR: the three together; the last two are patterns for all of it, '' for nothing at all.
assert_run() {
  assert_status "$1"
  assert_out_like "$2"
  assert_err_like "$3"
}

assert_out_like() {
  [[ $out == $1 ]] || fail "expected stdout like: $1"
}

assert_err_like() {
  [[ $err == $1 ]] || fail "expected stderr like: $1"
}

assert_err_has() {
  [[ "$err" == *"$1"* ]] || fail "expected in stderr: $1"
}

assert_err_empty() {
  [ -z "$err" ] || fail "expected nothing on stderr"
}

# wait_for FILE PATTERN: until a line of FILE matches; at most 20 s.
wait_for() {
  timeout 20 bash -c 'until grep -q -- "$2" "$1" 2>/dev/null; do sleep 0.05; done' _ "$1" "$2" ||
    fail "no line like '$2' in $1: $(cat "$1" 2>/dev/null)"
}

# wait_for_position REQUEST N: until some subscriber's position of N is in the store; at most 20 s.
wait_for_position() {
  timeout 20 bash -c 'until [ "$(sqlite3 "$1/hub.db" \
    "SELECT count(*) FROM positions JOIN streams USING(stream_id) WHERE request_id='\''$2'\'' AND message_id=$3")" -gt 0 ]; do sleep 0.05; done' \
    _ "$dir" "$1" "$2" || fail "no position of $2 in $1"
}

# A run of N plain events as NDJSON.
make_events() {
  seq -f '{"type": "log", "data": {"n": %.0f}}' "$1" # bats makes every command of a loop slow
}
