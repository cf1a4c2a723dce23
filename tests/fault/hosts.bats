#!/usr/bin/env bats
# Two hosts, as network namespaces, with two links between them. One link goes down: its TCP connection is gone without FIN or RST, and
# neither side is told.

load ../cli/common

interval=1 # seconds, of heartbeats and pings

# The hub's address is on neither link; the client's host routes to it over via1, and over via2 while that is down.
setup() {
  dir=$(mktemp -d "${BATS_TMPDIR:-/tmp}/councilws.XXXXXX")
  export XDG_STATE_HOME=$dir/state XDG_CONFIG_HOME=$dir/config
  unset COUNCILWS_URL COUNCILWS_TOKEN NO_COLOR
  hub=
  near=cws-hub-$$ far=cws-far-$$
  ip netns add "$near"
  ip netns add "$far"
  local link n=0
  for link in via1 via2; do
    n=$((n + 1))
    ip -n "$near" link add "$link" type veth peer name "$link" netns "$far"
    ip -n "$near" address add "10.77.$n.1/24" dev "$link"
    ip -n "$far" address add "10.77.$n.2/24" dev "$link"
    ip -n "$near" link set "$link" up
    ip -n "$far" link set "$link" up
    ip -n "$far" route add 10.77.0.1/32 via "10.77.$n.1" metric "$n"
  done
  ip -n "$near" link set lo up
  ip -n "$near" address add 10.77.0.1/32 dev lo
  head -c 32 /dev/urandom | base64 >"$dir/secret"
  COUNCILWS_TOKEN=$("$COUNCILWS" token --sub ann --publish '*' --subscribe '*' --admin --secret-file "$dir/secret")
  export COUNCILWS_TOKEN
}

teardown() {
  stop_hub -KILL # a peer that is gone would hold up a drain
  local job
  for job in $(jobs -p); do
    kill -9 "$job" 2>/dev/null || true
  done
  ip netns del "$near" 2>/dev/null || true
  ip netns del "$far" 2>/dev/null || true
  rm -rf "$dir"
}

# Not for a job in the background: its pid would be that of a shell around it. ip netns exec … & is.
at_hub() {
  ip netns exec "$near" "$@"
}

at_far() {
  ip netns exec "$far" "$@"
}

start_hub_there() {
  mkfifo "$dir/url"
  ip netns exec "$near" "$COUNCILWS" serve --listen 0.0.0.0:0 --store "sqlite:$dir/hub.db" --secret-file "$dir/secret" "$@" \
    >"$dir/url" 2>>"$dir/hub.log" 3>&- &
  hub=$!
  read -r -t 20 COUNCILWS_URL <"$dir/url"
  port=${COUNCILWS_URL##*:}
  export COUNCILWS_URL=http://127.0.0.1:$port # as the hub's own host has it
}

metric() {
  at_hub curl -fsS "$COUNCILWS_URL/metrics" | awk -v name="councilws_$1" '$1 == name { print $2 }'
}

publish() {
  make_events "$1" | at_hub "$COUNCILWS" publish run --file - >/dev/null
}

# wait_metric NAME VALUE SECONDS
wait_metric() {
  local until=$((SECONDS + $3))
  while [ "$(metric "$1")" != "$2" ]; do
    [ "$SECONDS" -le "$until" ] || fail "$1 is $(metric "$1") after $3 s"
    read -r -t 0.1 <>"$dir/never" || true
  done
}

@test "a peer that vanishes is dropped for want of a pong, and resumes over another path without loss" {
  mkfifo "$dir/never"
  start_hub_there --heartbeat-interval "${interval}s"
  ip netns exec "$far" "$COUNCILWS" watch run --url "http://10.77.0.1:$port" --subscriber far -o json --count 30 \
    >"$dir/seen" 2>"$dir/talk" 3>&- &
  watcher=$!
  publish 10
  wait_for "$dir/seen" '"message_id":10,'
  at_far ss -Htn dst 10.77.0.1 | grep -q '10\.77\.1\.2' || fail "not over via1: $(at_far ss -Htn)"

  ip -n "$far" link set via1 down
  publish 10
  # An idle interval, and two pings that are not answered; the rest is for a slow machine. Without pings it would take 5 minutes.
  wait_metric closed_no_pong 1 $((3 * interval + 3))

  wait_for "$dir/seen" '"message_id":20,'
  at_far ss -Htn dst 10.77.0.1 | grep -q '10\.77\.2\.2' || fail "not over via2: $(at_far ss -Htn)"
  publish 10
  wait "$watcher" || fail "the watcher: $(cat "$dir/talk")"
  jq -r .message_id "$dir/seen" | diff <(seq 30) - || fail "not each once, in order"
  [ "$(metric watchers)" = 0 ] || fail "$(metric watchers) watchers are left"
}
