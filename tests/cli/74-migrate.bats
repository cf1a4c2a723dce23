#!/usr/bin/env bats
# From a hub on a file to a log that hubs share, and back, with a real nats-server.

load common
load nats

setup() {
  common_setup
  state=(--nats-state "$dir/state.db") # of the first hub
}

epoch_of() {
  sqlite3 "$1" "SELECT epoch FROM streams WHERE request_id='$2'"
}

# A store with request a: 5 events, the last one under an event id, of which 3 are acknowledged.
make_store() {
  start_hub
  make_events 4 | councilws publish a --file - >/dev/null
  councilws publish a log n:=5 --event-id five >/dev/null
  councilws watch a --subscriber s --from start --count 3 >/dev/null
  wait_for_position a 3
  stop_hub
}

start_hub_of_log() {
  start_hub --store "$NATS" "${state[@]}"
}

assert_no_part() {
  [ -z "$(find "$dir" -name '*.part')" ] || fail "left behind: $(ls "$dir")"
}

@test "a store goes on in a log, and back: ids, epochs, event ids and positions stay" {
  start_nats
  make_store
  epoch=$(epoch_of "$dir/hub.db" a)
  before=$(sha256sum <"$dir/hub.db")
  run3 councilws migrate "sqlite:$dir/hub.db" "$NATS" "${state[@]}"
  assert_run 0 '' "councilws: '$dir/state.db' is a state of '$NATS' and goes on from 'sqlite:$dir/hub.db'"
  [ "$(stat -c %a "$dir/state.db")" = 600 ] || fail "mode"
  [ "$(sha256sum <"$dir/hub.db")" = "$before" ] || fail "the store was changed"

  start_hub_of_log
  run3 councilws publish a log n:=5 --event-id five
  assert_run 0 5 '*'
  run3 councilws publish a final_response success:=true
  assert_run 0 6 ''
  run3 councilws watch a --subscriber s -o json
  assert_run 0 '*' ''
  [ "$(jq -r .message_id "$dir/out" | paste -sd,)" = 4,5,6 ] || fail "after what was acknowledged"
  stop_hub
  [ "$(epoch_of "$dir/state.db" a)" = "$epoch" ] || fail "epoch in the state"

  run3 councilws migrate "$NATS" "sqlite:$dir/back.db" "${state[@]}"
  assert_run 0 '' "councilws: 'sqlite:$dir/back.db' goes on from '$NATS': it has all of its log, up to entry *"
  start_hub --store "sqlite:$dir/back.db"
  run3 councilws publish a log n:=5 --event-id five
  assert_run 0 5 '*'
  run3 councilws publish a log n:=7
  assert_run 0 7 ''
  stop_hub
  [ "$(epoch_of "$dir/back.db" a)" = "$epoch" ] || fail "epoch in the store"
}

@test "other hubs of the log are given the state of one that runs, or start from a copy of it" {
  start_nats
  make_store
  run3 councilws migrate "sqlite:$dir/hub.db" "$NATS" "${state[@]}"
  assert_run 0 '' '*goes on from*'
  run3 councilws serve --listen 127.0.0.1:0 --store "$NATS" --nats-state "$dir/empty.db"
  assert_run 73 '' "*the log builds on a store that was brought to it: start from a copy of another hub's state (councilws backup); no other hub that is ready offers one"

  start_hub_of_log
  first=$hub first_url=$COUNCILWS_URL
  start_hub --store "$NATS" --nats-state "$dir/empty.db"
  "$COUNCILWS" watch a --subscriber s --count 3 -o json >"$dir/watched" &
  watcher=$!
  run3 councilws publish a log n:=6 --url "$first_url"
  assert_run 0 6 ''
  wait "$watcher" || fail "the watcher's status: $?"
  [ "$(jq -r .message_id "$dir/watched" | paste -sd,)" = 4,5,6 ] || fail "on the second hub"
  stop_hub

  run3 councilws backup "$dir/copy.db" --store "sqlite:$dir/state.db"
  assert_run 0 '' '*is a copy of*'
  kill "$first"
  wait "$first"
  start_hub --store "$NATS" --nats-state "$dir/copy.db"
  run3 councilws publish a log n:=7
  assert_run 0 7 ''
  stop_hub
}

@test "what cannot be moved stays as it was, and it is said why" {
  start_nats
  make_store
  run3 councilws migrate "sqlite:$dir/none.db" "$NATS" "${state[@]}"
  assert_run 66 '' "councilws: cannot open the store '$dir/none.db': No such file or directory"
  printf '%01000d' 0 >"$dir/text"
  run3 councilws migrate "sqlite:$dir/text" "$NATS" "${state[@]}"
  assert_run 65 '' "councilws: the store '$dir/text' is damaged (file is not a database)*"
  start_hub
  run3 councilws migrate "sqlite:$dir/hub.db" "$NATS" "${state[@]}"
  assert_run 75 '' "councilws: the store '$dir/hub.db' is in use by another hub (pid $hub)"
  stop_hub
  run3 councilws migrate "sqlite:$dir/hub.db" nats://127.0.0.1:1 "${state[@]}"
  assert_run 75 '' 'councilws: no NATS server answers at 127.0.0.1:1*'
  run3 councilws migrate "sqlite:$dir/hub.db" nats:host "${state[@]}"
  assert_run 78 '' "*nats://HOST*"
  run3 councilws migrate memory: "$NATS" "${state[@]}"
  assert_run 78 '' "councilws: from 'memory:' to '$NATS': give sqlite:PATH and nats://HOST*"
  run3 councilws migrate "sqlite:$dir/hub.db" "sqlite:$dir/new.db" "${state[@]}"
  assert_run 78 '' "councilws: '$dir/hub.db' is no state of a log; to copy a store, use councilws backup"
  run3 councilws migrate "sqlite:$dir/hub.db" "$NATS" --nats-replicas 3 "${state[@]}"
  assert_run 78 '' "*set nats-replicas to 1*"
  [ ! -e "$dir/state.db" ] || fail "a state was made"

  : >"$dir/state.db"
  run3 councilws migrate "sqlite:$dir/hub.db" "$NATS" "${state[@]}"
  assert_run 73 '' "councilws: '$dir/state.db' is there already: give another name"
  rm "$dir/state.db"
  run3 councilws migrate "sqlite:$dir/hub.db" "$NATS" "${state[@]}"
  assert_run 0 '' '*goes on from*' # nothing of all this is in the log
  run3 councilws migrate "sqlite:$dir/state.db" "$NATS" --nats-prefix other "${state[@]}"
  assert_run 78 '' "councilws: '$dir/state.db' is the state of a log already*"
  run3 councilws migrate "sqlite:$dir/hub.db" "$NATS" --nats-state "$dir/second.db"
  assert_run 78 '' "councilws: the log has entries, up to 1, and has to be new*"
  [ ! -e "$dir/second.db" ] || fail "a second state was made"
  assert_no_part
}

@test "a copy that fails half way leaves nothing behind, and the log as it was" {
  start_nats
  start_hub
  make_events 500 | councilws publish a --file - >/dev/null
  stop_hub
  run3 bash -c 'trap "" XFSZ; ulimit -f 40; exec "$@"' _ "$COUNCILWS" migrate "sqlite:$dir/hub.db" "$NATS" --nats-state "$dir/state.db"
  assert_run 75 '' '*state.db*'
  [ -z "$(find "$dir" -name 'state.db*')" ] || fail "left behind: $(ls "$dir")"
  run3 councilws migrate "sqlite:$dir/hub.db" "$NATS" "${state[@]}"
  assert_run 0 '' '*goes on from*'
}

@test "a state that has not come to the end of its log is refused, and without the log it gets new epochs" {
  start_nats
  make_store
  run3 councilws migrate "sqlite:$dir/hub.db" "$NATS" "${state[@]}"
  assert_run 0 '' '*goes on from*'
  cp "$dir/state.db" "$dir/behind.db"
  start_hub_of_log
  councilws publish a log n:=6 >/dev/null
  run3 councilws migrate "$NATS" "sqlite:$dir/back.db" "${state[@]}"
  assert_run 75 '' "*in use by another hub (pid $hub)"
  stop_hub
  run3 councilws migrate "$NATS" "sqlite:$dir/back.db" --nats-state "$dir/behind.db"
  assert_run 78 '' "councilws: the state '$dir/behind.db' is at entry 1 of the log, which ends with *: stop all hubs*"
  for i in 1 2; do # it is looked for, not made
    run3 councilws migrate "$NATS" "sqlite:$dir/back.db" --nats-prefix none "${state[@]}"
    assert_run 78 '' "councilws: there is no stream 'none' at *"
  done
  [ ! -e "$dir/back.db" ] || fail "a store was made"

  stop_nats
  run3 councilws migrate "$NATS" "sqlite:$dir/back.db" "${state[@]}"
  assert_run 75 '' 'councilws: no NATS server answers at *'
  run3 councilws serve --listen 127.0.0.1:0 --store "sqlite:$dir/behind.db"
  assert_run 78 '' "*make a store of it with councilws migrate*"
  run3 councilws migrate "sqlite:$dir/behind.db" "sqlite:$dir/back.db"
  assert_run 0 '' "councilws: 'sqlite:$dir/back.db' goes on from 'sqlite:$dir/behind.db', which was at entry 1 of its log, of *"
  start_hub --store "sqlite:$dir/back.db"
  run3 councilws replay a -o json
  assert_run 0 '*' ''
  [ "$(wc -l <"$dir/out")" -eq 5 ] || fail "events"
  [ "$(epoch_of "$dir/back.db" a)" != "$(epoch_of "$dir/state.db" a)" ] || fail "epoch"
}

@test "what is not said is the state directory's, or that of the settings" {
  start_nats
  "$COUNCILWS" serve --listen 127.0.0.1:0 >"$dir/line" 2>>"$dir/hub.log" &
  hub=$!
  wait_for "$dir/line" http
  councilws publish a log --url "$(cat "$dir/line")" >/dev/null
  stop_hub
  mkdir -p "$dir/config/councilws"
  printf 'nats-prefix team\nnats-state %s\n' "$dir/own.db" >"$dir/config/councilws/config"
  run3 councilws migrate sqlite: "$NATS"
  assert_run 0 '' "councilws: '$dir/own.db' is a state of '$NATS' and goes on from 'sqlite:$dir/state/councilws/hub.db'"
  run3 councilws migrate "$NATS" sqlite:
  assert_run 73 '' "councilws: '$dir/state/councilws/hub.db' is there already: give another name"
  run3 councilws migrate "sqlite:$dir/own.db" "sqlite:$dir/back.db" # though nothing of it is a log's
  assert_run 0 '' '*goes on from*'
}
