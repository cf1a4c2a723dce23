#!/usr/bin/env bats
# A store that was damaged on disk: found at start, named, never touched; and what docs/reliability.md says to do about it.

load ../cli/common

# leaf_of TABLE N: the page of its n-th leaf, from 0.
leaf_of() {
  sqlite3 "$dir/hub.db" "SELECT pageno FROM dbstat WHERE name='$1' AND pagetype='leaf' ORDER BY path LIMIT 1 OFFSET $2"
}

# A store of 400 events whose hub was killed, so that a log lies beside the file.
killed_store() {
  start_hub
  make_events 400 | councilws publish run --file - >/dev/null
  stop_hub
  index_page=$(leaf_of events_by_stream 0)
  events_page=$(leaf_of events 3)
  positions_page=$(leaf_of positions 0)
  start_hub
  councilws publish run last n=1 >/dev/null
  stop_hub -KILL
}

sums() {
  (cd "$dir" && sha256sum hub.db hub.db-wal)
}

# Refused twice with exit 65, and each byte is as before.
expect_refused() {
  local before
  before=$(sums)
  for _ in 1 2; do
    run3 timeout 20 "$COUNCILWS" serve --listen 127.0.0.1:0 --store "sqlite:$dir/hub.db"
    [ "$status" -ne 124 ] || fail "a damaged store is served"
    assert_status 65
    assert_out ""
    assert_err_has "'$dir/hub.db'"
    assert_err_has "damaged"
    assert_err_has ".recover (or .dump)"
    [ "$(sums)" = "$before" ] || fail "the files were changed: $(sums), before: $before"
  done
}

overwrite() {
  head -c "$2" /dev/zero | tr '\0' '\245' |
    dd of="$dir/hub.db" bs=1 seek="$1" conv=notrunc status=none
}

@test "a page of nonsense is found at the start after a kill; neither file nor log is changed" {
  killed_store
  overwrite $((4096 * 5)) 4096
  expect_refused
}

@test "a header of nonsense is found; neither file nor log is changed" {
  killed_store
  overwrite 0 100
  expect_refused
}

@test "a schema of nonsense is found; neither file nor log is changed" {
  killed_store
  overwrite 100 1000
  expect_refused
}

@test "a file that was cut in half is found; neither file nor log is changed" {
  killed_store
  truncate -s 16384 "$dir/hub.db"
  expect_refused
}

@test "a text file is no store and stays what it is" {
  echo "shopping list: milk, bread" >"$dir/hub.db"
  : >"$dir/hub.db-wal"
  expect_refused
}

@test "--check-store finds a damaged page that no event lies on, and changes nothing" {
  killed_store
  overwrite $((4096 * (positions_page - 1))) 4096
  before=$(sums)
  run3 councilws serve --check-store --store "sqlite:$dir/hub.db"
  assert_run 65 '' '*damaged*'
  [ "$(sums)" = "$before" ] || fail "the files were changed"
}

# What docs/reliability.md says, word for word.
rescue() {
  awk '/^<!-- rescue -->/ { on = 1 } on && /^```$/ { exit } on && !/^(<!--|```)/ { print }' \
    "$ROOT/docs/reliability.md" >"$dir/rescue.sh"
  [ -s "$dir/rescue.sh" ] || fail "no rescue in docs/reliability.md"
  (cd "$dir" && bash -eu rescue.sh) || fail "the rescue failed"
}

@test "the rescue of docs/reliability.md keeps all events where only an index is damaged" {
  killed_store
  overwrite $((4096 * (index_page - 1))) 4096
  expect_refused
  rescue
  start_hub
  run3 councilws replay run -o json
  assert_status 0
  assert_err_empty
  [ "$(wc -l <"$dir/out")" -eq 401 ] || fail "all 401 events, as only an index was damaged"
  run3 councilws publish run next n=2
  assert_run 0 402 ''
}

@test "where events are damaged it keeps the others; those that are gone are named, never skipped" {
  killed_store
  overwrite $((4096 * (events_page - 1))) 4096
  expect_refused
  rescue
  kept=$(sqlite3 "$dir/hub.db" 'SELECT count(*) FROM events')
  [ "$kept" -gt 20 ] && [ "$kept" -lt 401 ] || fail "$kept events"
  start_hub
  run3 councilws replay run -o json
  [ "$status" -ne 0 ] || fail "read as if it were whole"
  [ "$(wc -l <"$dir/out")" -lt 401 ] || fail "more than there is"
  assert_err_has "missing"
  run3 councilws replay run -o json --to 10
  assert_status 0
  assert_err_empty
  [ "$(wc -l <"$dir/out")" -eq 10 ] || fail "the first ten"
}
