# nats: a real nats-server for a .bats file that loads it after common. common_teardown ends it, stop_nats does before.

# start_nats [OPTION …]: one with JetStream on loopback, any port, its files in $dir/nats; the store's URI is in $NATS. Again after
# stop_nats it has what it had, on another port.
start_nats() {
  mkdir -p "$dir/nats"
  nats-server --addr 127.0.0.1 --port -1 --jetstream --store_dir "$dir/nats/store" --ports_file_dir "$dir/nats" \
    --log "$dir/nats/log" "$@" 3>&- &
  nats=$!
  wait_for "$dir/nats/nats-server_$nats.ports" '}'
  NATS=$(jq -r '.nats[0]' "$dir/nats/nats-server_$nats.ports")
  wait_for "$dir/nats/log" 'Server is ready'
}

stop_nats() {
  kill -9 "$nats"
  wait "$nats" || true
}
