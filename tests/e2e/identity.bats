#!/usr/bin/env bats
# Who a hub is to NATS, and what it may: a JWT and a seed, a certificate that the server wants to see, the rights of the example; and who the
# server is to it.

load ../cli/common

teardown() {
  [ -z "${nats-}" ] || kill -9 "$nats" 2>/dev/null || true
  common_teardown
}

# signed NAME MORE …: $dir/NAME.crt and NAME.key, of the authority $dir/ca.
signed() {
  local name=$1
  shift
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" -keyout "$dir/$name.key" -out "$dir/$name.csr" 2>/dev/null
  openssl x509 -req -in "$dir/$name.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -days 2 -out "$dir/$name.crt" "$@" 2>/dev/null
}

start_nats() {
  mkdir -p "$dir/nats"
  /usr/sbin/nats-server -c "$dir/nats.conf" --ports_file_dir "$dir/nats" >>"$dir/nats.log" 2>&1 3>&- &
  nats=$!
  timeout 20 bash -c 'until [ -s "$1/nats-server_$2.ports" ]; do sleep 0.05; done' _ "$dir/nats" "$nats" ||
    fail "nats-server: $(cat "$dir/nats.log")"
  nats_port=$(jq -r '.nats[0]' "$dir/nats/nats-server_$nats.ports" | sed 's/.*://')
}

# refused TEXT ARGUMENTS …: serve says TEXT, and does not begin.
refused() {
  local text=$1
  shift
  run3 timeout 30 "$COUNCILWS" serve --listen 127.0.0.1:0 --store "nats://127.0.0.1:$nats_port" --nats-state "$dir/refused.db" "$@"
  assert_status 78
  assert_out ""
  assert_err_has "$text"
}

@test "a hub shows NATS its JWT and its certificate, and looks at the server's" {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca -keyout "$dir/ca.key" -out "$dir/ca.crt" 2>/dev/null
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=other -keyout "$dir/other.key" -out "$dir/other.crt" 2>/dev/null
  signed server -extfile <(echo subjectAltName=IP:127.0.0.1)
  signed client
  mkdir "$dir/us" "$dir/them"
  python3 "$ROOT/tests/e2e/nats_identity.py" "$dir/us"
  python3 "$ROOT/tests/e2e/nats_identity.py" "$dir/them"
  cat >"$dir/nats.conf" <<END
listen: 127.0.0.1:-1
jetstream { store_dir: "$dir/jetstream" }
tls { cert_file: "$dir/server.crt", key_file: "$dir/server.key", ca_file: "$dir/ca.crt", verify: true }
include us/accounts.conf
END
  start_nats

  local user=(--nats-credentials "$dir/us/user.creds") ca=(--nats-tls-ca "$dir/ca.crt")
  local certificate=(--nats-tls-cert "$dir/client.crt" --nats-tls-key "$dir/client.key")
  refused "refuses the credentials of $dir/them/user.creds" --nats-credentials "$dir/them/user.creds" "${ca[@]}" "${certificate[@]}"
  refused "wants to know who this is: give" "${ca[@]}" "${certificate[@]}"
  refused "TLS with NATS at 127.0.0.1:$nats_port fails" "${user[@]}" "${certificate[@]}" --nats-tls-ca "$dir/other.crt"
  refused "give nats-tls-cert" "${user[@]}" "${ca[@]}"
  refused "nats-tls-cert: cannot use '$dir/client.crt' with '$dir/other.key'" "${user[@]}" "${ca[@]}" --nats-tls-cert "$dir/client.crt" --nats-tls-key "$dir/other.key"

  start_hub --store "nats://127.0.0.1:$nats_port" --nats-state "$dir/state.db" "${user[@]}" "${ca[@]}" "${certificate[@]}"
  make_events 10 | councilws publish run --file - >/dev/null
  councilws watch run -o json --count 10 | jq .message_id | diff <(seq 10) - || fail "not each once, in order"
}

@test "the rights of the example are all that a hub needs, and all that the guide and Kubernetes name" {
  local examples=$ROOT/docs/examples/cluster
  sed -n '/may publish to/,/^$/p' "$ROOT/docs/scaling.md" | grep -oE '`(PREFIX|\$JS)[^`]*`' | tr -d '`' | sed 's/PREFIX/councilws/' | sort >"$dir/guide"
  grep -qxF '$JS.API.STREAM.MSG.GET.councilws' "$dir/guide" || fail "the guide: $(cat "$dir/guide")"
  local file
  for file in nats.conf kubernetes.yaml; do
    sed -n '/publish: \[/,/\]/p' "$examples/$file" | grep -oE '"[^"]*"' | tr -d '"' | grep -v '\.>$' | sort | diff "$dir/guide" - || fail "$file"
  done

  sed -e '/sync_interval/d' -e '/^cluster {/,/^}/d' -e "s|/data|$dir/jetstream|" -e 's/0.0.0.0:4222/127.0.0.1:-1/' -e 's/127.0.0.1:8222/127.0.0.1:-1/' \
    "$examples/nats.conf" >"$dir/nats.conf"
  export NATS_NAME=one NATS_PASSWORD=secret
  start_nats
  echo "$NATS_PASSWORD" >"$dir/password"
  start_hub --store "nats://127.0.0.1:$nats_port" --nats-state "$dir/state.db" --nats-user hub --nats-password-file "$dir/password"
  make_events 10 | councilws publish run --file - >/dev/null
  councilws watch run -o json --count 10 | jq .message_id | diff <(seq 10) - || fail "not each once, in order"
  stop_hub
  ! grep -i violation "$dir/nats.log" || fail "it wants more"
}
