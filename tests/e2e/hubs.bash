# hubs: hubs "one" and "two" over a log in one nats-server, for a .bats file that loads it after common.

teardown() {
  [ -z "${nats-}" ] || kill -9 "$nats" 2>/dev/null || true
  local name
  for name in one two; do
    [ ! -f "$dir/$name.pid" ] || kill -9 "$(cat "$dir/$name.pid")" 2>/dev/null || true
  done
  common_teardown
}

# On a port that it keeps: $nats_port, or a free one.
start_nats() {
  rm -f "$dir/nats/"*.ports
  mkdir -p "$dir/nats"
  /usr/sbin/nats-server -js -a 127.0.0.1 -p "${nats_port:--1}" -sd "$dir/jetstream" --ports_file_dir "$dir/nats" \
    >>"$dir/nats.log" 2>&1 3>&- &
  nats=$!
  timeout 20 bash -c 'until [ -s "$1/nats-server_$2.ports" ]; do sleep 0.05; done' _ "$dir/nats" "$nats" ||
    fail "nats-server: $(cat "$dir/nats.log")"
  nats_port=$(jq -r '.nats[0]' "$dir/nats/nats-server_$nats.ports" | sed 's/.*://')
}

# start_one NAME [PORT]: a hub of the log with a state of its own; its URL is in $dir/NAME.url.
start_one() {
  rm -f "$dir/$1.fifo"
  mkfifo "$dir/$1.fifo"
  "$COUNCILWS" serve --listen "127.0.0.1:${2:-0}" --store "nats://127.0.0.1:$nats_port" --nats-state "$dir/$1.db" \
    >"$dir/$1.fifo" 2>>"$dir/hub.log" 3>&- &
  echo $! >"$dir/$1.pid"
  read -r -t 20 url <"$dir/$1.fifo" || fail "hub $1 did not start"
  echo "$url" >"$dir/$1.url"
}

at() {
  cat "$dir/$1.url"
}

# until_is WHAT EXPECTED COMMAND …: until the command says so; at most 40 s.
until_is() {
  local expected=$1 seen= end=$((SECONDS + 40))
  shift
  until seen=$("$@") && [ "$seen" = "$expected" ]; do
    [ "$SECONDS" -lt "$end" ] || fail "not '$expected' but '$seen': $*"
    read -r -t 0.1 <>"$dir/never" || true
  done
}

readiness() {
  curl -s -o "$dir/readiness" -w '%{http_code}' "$(at "$1")/healthz/ready"
}
