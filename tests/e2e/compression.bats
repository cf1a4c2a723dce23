#!/usr/bin/env bats
# Compressed messages, with a stock client: the same bytes of data, fewer on the wire.

load ../cli/common

# follow OFFER FILE: what compression.js says of request r.
follow() {
  node "$E2E/compression.js" "ws://127.0.0.1:$(hub_port)/api/v1/ws/r?from=start" "$(councilws token --sub "c$1" --admin)" "$COUNT" "$1" >"$dir/$2" ||
    fail "the client failed"
}

COUNT=2000

make_wordy_events() {
  seq "$COUNT" | sed 's/.*/{"type":"log","data":{"n":&,"message":"the council weighs the answer, the council merges the answer","cost":0.00&}}/'
}

@test "what a compressing client gets is what another gets, in a fraction of the bytes" {
  start_hub --compression on
  make_wordy_events >"$dir/events"
  councilws publish r --file "$dir/events" >/dev/null
  follow no plain
  COUNT=$((COUNT + 1)) follow yes packed
  [ "$(head -1 "$dir/plain")" = none ]
  [[ "$(head -1 "$dir/packed")" == permessage-deflate* ]]
  sed -n '3,$p' "$dir/plain" >"$dir/plain.data"
  sed -n '3,$p' "$dir/packed" | sed '$d' >"$dir/packed.data"
  cmp "$dir/plain.data" "$dir/packed.data"
  jq -c .data "$dir/events" | cmp - <(sed '$d' "$dir/plain.data" | jq -c .)
  plain=$(sed -n 2p "$dir/plain") packed=$(sed -n 2p "$dir/packed")
  [ $((packed * 4)) -lt $((plain * 3)) ] || fail "$packed of $plain bytes"
}

@test "without --compression on it is not agreed to" {
  start_hub
  make_wordy_events | head -3 | councilws publish r --file - >/dev/null
  COUNT=3 follow yes packed
  [ "$(head -1 "$dir/packed")" = none ]
}
