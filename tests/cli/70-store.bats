#!/usr/bin/env bats
# The store as a file: looked through, copied, restored.

load common

@test "serve --check-store says what is there and serves nothing; also while a hub runs" {
  run3 councilws serve --check-store --store "sqlite:$dir/none.db"
  assert_status 66
  assert_out ""
  assert_err_has "$dir/none.db"
  [ ! -e "$dir/none.db" ] || fail "it was made"
  start_hub
  make_events 5 | councilws publish a --file - >/dev/null
  make_events 3 | councilws publish b --file - >/dev/null
  run3 councilws serve --check-store --store "sqlite:$dir/hub.db"
  assert_status 0
  assert_err_empty
  [[ $out == "sqlite:$dir/hub.db is good: 2 requests, 8 events, "* ]] || fail "report"
  run3 councilws serve --check-store --store memory:
  assert_run 78 '' '*is no file: give sqlite:PATH*'
}

@test "a damaged event is found, named, and left as it is" {
  start_hub
  make_events 5 | councilws publish a --file - >/dev/null
  stop_hub
  sqlite3 "$dir/hub.db" "UPDATE events SET data='{\"n\": 9}' WHERE message_id=3"
  before=$(sha256sum <"$dir/hub.db")
  run3 councilws serve --check-store --store "sqlite:$dir/hub.db"
  assert_status 65
  assert_out ""
  assert_err_has "message 3 of request 'a'"
  [ "$(sha256sum <"$dir/hub.db")" = "$before" ] || fail "changed"
}

@test "backup while a hub is being published to is the state of one moment, and a good store" {
  start_hub
  make_events 3000 | "$COUNCILWS" publish a --file - >"$dir/ids" &
  publisher=$!
  wait_for "$dir/ids" '^100$'
  run3 councilws backup "$dir/copy.db" --store "sqlite:$dir/hub.db"
  assert_run 0 '' '*is a copy of*'
  wait "$publisher"
  run3 councilws serve --check-store --store "sqlite:$dir/copy.db"
  assert_status 0
  assert_err_empty
  [[ $out == *"1 requests, "* ]] || fail "report"
  [ "$(stat -c %a "$dir/copy.db")" = 600 ] || fail "mode"
  [ -z "$(find "$dir" -name '*.part*')" ] || fail "left behind: $(ls "$dir")"
  run3 councilws backup "$dir/copy.db" --store "sqlite:$dir/hub.db"
  assert_status 73
  assert_out ""
  assert_err_has "is there already"
  run3 councilws backup "$dir/nowhere/copy.db" --store "sqlite:$dir/hub.db"
  assert_run 73 '' '*: No such file or directory*'
  run3 councilws backup "$dir/copy2.db" --store "sqlite:$dir/none.db"
  assert_run 66 '' '*: No such file or directory*'
  [ ! -e "$dir/copy2.db" ] || fail "made of nothing"
}

@test "a backup that fails half way leaves nothing behind" {
  start_hub
  make_events 500 | councilws publish a --file - >/dev/null
  run3 bash -c 'trap "" XFSZ; ulimit -f 16; exec "$@"' _ "$COUNCILWS" backup "$dir/copy.db" --store "sqlite:$dir/hub.db"
  assert_status 75
  assert_out ""
  assert_err_has "copy.db"
  [ -z "$(find "$dir" -name 'copy.db*')" ] || fail "left behind: $(ls "$dir")"
}

@test "clients resume on a restored copy: what they acknowledged in it stays, what it does not know is a gap" {
  start_hub
  port=$(hub_port)
  make_events 5 | councilws publish a --file - >/dev/null
  run3 councilws watch a --subscriber behind --from start --count 3 -o json
  assert_run 0 '*timestamp*' ''
  wait_for_position a 3
  councilws backup "$dir/copy.db" --store "sqlite:$dir/hub.db"
  "$COUNCILWS" watch a --subscriber ahead --from start --timeout 60s -o json >"$dir/seen" 2>"$dir/talk" &
  watcher=$!
  make_events 5 | councilws publish a --file - >/dev/null
  wait_for "$dir/seen" '"message_id":10,'
  stop_hub -KILL
  rm -f "$dir"/hub.db*
  cp "$dir/copy.db" "$dir/hub.db"
  start_hub_on "127.0.0.1:$port"
  wait_for "$dir/talk" 'epoch'
  printf '{"type":"log","data":{"n":"other"}}\n' | councilws publish a --file - >/dev/null
  councilws publish a final_response >/dev/null
  wait_for "$dir/seen" final_response # at an id that it has passed in the old epoch
  wait "$watcher" || fail "the watcher: $(cat "$dir/talk")"
  # The new epoch from its beginning: nothing of it is taken for what it is not.
  tail -n 7 "$dir/seen" | jq -r .message_id | diff <(seq 7) - || fail "all of the new epoch"
  run3 councilws watch a --subscriber behind -o json
  assert_status 0
  assert_err_empty
  [ "$(jq -r .message_id "$dir/out" | paste -sd,)" = 4,5,6,7 ] || fail "after what was acknowledged in the copy"
}
