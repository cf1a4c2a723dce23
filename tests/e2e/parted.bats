#!/usr/bin/env bats
# Hubs whose state is not what their log says: they begin anew, and put back what only they have.

load ../cli/common
load hubs

end_hub() {
  kill "$(cat "$dir/$1.pid")"
  wait "$(cat "$dir/$1.pid")" || fail "hub $1 ended with $?"
}

end_nats() {
  kill -9 "$nats"
  wait "$nats" || true
}

parted() {
  find "$dir" -name '*.parted*' | wc -l
}

# ids HUB: of all events of the run, as that hub has them.
ids() {
  councilws replay run -o json --url "$(at "$1")" | jq -r '"\(.message_id):\(.data.n)"' | paste -sd,
}

epoch() {
  councilws status run -o json --url "$(at "$1")" | jq -r .epoch
}

@test "a log that lost its end is given back what it had acknowledged, under the same ids" {
  mkfifo "$dir/never"
  start_nats
  start_one one
  start_one two
  run3 councilws publish run log n:=1 --url "$(at one)"
  assert_run 0 1 ''
  end_nats
  cp -a "$dir/jetstream" "$dir/before"
  start_nats
  until_is 200 readiness one
  until_is 200 readiness two
  run3 councilws publish run log n:=2 --event-id second --url "$(at one)"
  assert_run 0 2 ''
  run3 councilws publish run log n:=3 --url "$(at two)"
  assert_run 0 3 ''
  run3 councilws watch run --subscriber s --from start --count 3 -o json --url "$(at two)"
  assert_run 0 '*"message_id":3,*' ''
  until_is 1:1,2:2,3:3 ids one
  old_epoch=$(epoch one)
  end_hub one
  end_hub two
  end_nats
  rm -r "$dir/jetstream"
  mv "$dir/before" "$dir/jetstream"

  start_nats
  start_one one
  start_one two
  until_is 200 readiness one
  until_is 200 readiness two
  until_is 0 parted
  until_is 1:1,2:2,3:3 ids one
  until_is 1:1,2:2,3:3 ids two
  [ "$(epoch two)" = "$old_epoch" ] || fail "another epoch"
  run3 councilws publish run log n:=2 --event-id second --url "$(at two)"
  assert_run 0 2 '*'
  run3 councilws publish run log n:=4 --url "$(at one)"
  assert_run 0 4 ''
  run3 councilws watch run --subscriber s --count 1 -o json --url "$(at one)"
  assert_run 0 '*"message_id":4,*' ''
  grep -q "the state '$dir/one.db' was not what the log says: it is kept as '$dir/one.db.parted'" "$dir/hub.log" ||
    fail "$(cat "$dir/hub.log")"
}

@test "a hub that has applied something else than the others ends with 75, and begins anew when it is started again" {
  mkfifo "$dir/never"
  start_nats
  start_one one
  start_one two
  run3 councilws publish run log n:=1 --url "$(at one)"
  assert_run 0 1 ''
  end_hub two
  sqlite3 "$dir/two.db" "UPDATE notes SET value = value + 1 WHERE kind = 'chain'"
  start_one two
  "$COUNCILWS" watch run -o json --url "$(at two)" >"$dir/watched" 2>"$dir/talk" 3>&- &
  watcher=$!
  wait_for "$dir/watched" '"message_id":1,'
  run3 councilws publish run log n:=2 --url "$(at two)"
  assert_run 0 2 ''
  wait_for "$dir/hub.log" "another hub has applied something else than the log"
  run3 councilws publish run log n:=3 --url "$(at one)" # says what it has, and two has something else
  assert_run 0 3 ''
  wait_for "$dir/hub.log" "have applied different entries up to [0-9]* of the log: it has to begin anew"
  code=0
  wait "$(cat "$dir/two.pid")" || code=$?
  [ "$code" = 75 ] || fail "ended with $code: $(cat "$dir/hub.log")"
  until_is 200 readiness one

  start_one two "$(at two | sed 's/.*://')"
  until_is 200 readiness two
  until_is 0 parted
  run3 councilws publish run log n:=4 --url "$(at two)"
  assert_run 0 4 '*'
  wait_for "$dir/watched" '"n":4'
  [ "$(ids one)" = "$(ids two)" ] || fail "$(ids one) and $(ids two)"
  kill "$watcher"
  wait "$watcher" || true
}
