#!/usr/bin/env bats
# Two hubs that share a log in NATS JetStream: one story, since a loss of the log is noticed after 15 s.

load ../cli/common
load hubs

watcher_count() {
  councilws status run -o json --url "$(at "$1")" | jq .watcher_count
}

# post HUB N: one event by HTTP; the status in $code, head and body in files.
post() {
  code=$(curl -s -D "$dir/head" -o "$dir/body" -w '%{http_code}' --max-time 60 -H "Authorization: Bearer $token" \
    -H 'Content-Type: application/json' -d "{\"type\":\"log\",\"data\":{\"n\":$2}}" \
    "$(at "$1")/api/v1/requests/run/events")
}

# The watcher of that hub has 1 … N, each once and in order.
has_all() {
  wait_for "$dir/watch.$1" "\"message_id\":$2,"
  jq .message_id "$dir/watch.$1" | diff <(seq "$2") - || fail "the watcher of $1 has not each once, in order"
}

@test "two hubs over one log: either takes publishes and watchers, a hub and the log may go and come back" {
  mkfifo "$dir/never"
  start_nats
  start_one one
  start_one two
  token=$(councilws token --sub me --admin)
  local hub_name
  for hub_name in one two; do
    "$COUNCILWS" watch run -o json --subscriber "$hub_name" --url "$(at "$hub_name")" >"$dir/watch.$hub_name" 2>"$dir/talk.$hub_name" 3>&- &
  done
  until_is 2 watcher_count one
  until_is 2 watcher_count two

  run3 councilws publish run log n:=1 --url "$(at one)"
  assert_run 0 1 ''
  run3 councilws publish run log n:=2 --url "$(at two)"
  assert_run 0 2 ''
  has_all one 2
  has_all two 2

  # A hub is killed, and what it missed is there when it is back.
  kill -9 "$(cat "$dir/two.pid")"
  wait "$(cat "$dir/two.pid")" || true # bash says so here, and not on the next command's standard error
  run3 councilws publish run log n:=3 --url "$(at one)"
  assert_run 0 3 ''
  start_one two "$(at two | sed 's/.*://')"
  has_all one 3
  has_all two 3
  until_is 2 watcher_count one
  post two 4
  [ "$code" = 201 ] || fail "$code $(cat "$dir/body")"
  has_all one 4
  has_all two 4

  # The log goes.
  kill -9 "$nats"
  wait "$nats" || true
  until_is 503 readiness one
  until_is 503 readiness two
  [ "$(jq -r .status "$dir/readiness")" = store_unavailable ] || fail "$(cat "$dir/readiness")"
  for hub_name in one two; do
    post "$hub_name" 5
    [ "$code" = 503 ] || fail "$code $(cat "$dir/body")"
    grep -qi '^retry-after: ' "$dir/head" || fail "no Retry-After: $(cat "$dir/head")"
    [ "$(jq -r .error.code "$dir/body")" = store_unavailable ] || fail "$(cat "$dir/body")"
  done
  run3 councilws replay run -o json --url "$(at two)"
  assert_status 0
  assert_err_empty
  [ "$(wc -l <"$dir/out")" = 4 ] || fail "what is stored cannot be read"

  # And comes back.
  start_nats
  until_is 200 readiness one
  until_is 200 readiness two
  [ "$(jq -c . "$dir/readiness")" = '{"status":"ready","log":{"replicas":1,"storage":"file"}}' ] || fail "$(cat "$dir/readiness")"
  post two 5
  [ "$code" = 201 ] || fail "$code $(cat "$dir/body")"
  [ "$(jq .first_message_id "$dir/body")" = 5 ] || fail "$(cat "$dir/body")"
  has_all one 5
  has_all two 5
  [ ! -s "$dir/talk.one" ] || fail "the watcher of one was disturbed: $(cat "$dir/talk.one")"

  # Both end in good order, and have the same.
  for hub_name in one two; do
    kill "$(cat "$dir/$hub_name.pid")"
    timeout 20 tail --pid="$(cat "$dir/$hub_name.pid")" -f /dev/null || fail "hub $hub_name does not end"
  done
  local all='SELECT message_id, committed_ms, type, timestamp, data FROM events ORDER BY 1'
  [ "$(sqlite3 "$dir/one.db" "$all")" = "$(sqlite3 "$dir/two.db" "$all")" ] || fail "the hubs' states differ"
}
