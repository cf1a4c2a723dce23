#!/usr/bin/env bats
# The hub as a process: listeners, signals, settings, refusals to start.

load common

@test "stdout has one URL a listener, and nothing else" {
  start_hub_on 127.0.0.1:0 --listen "unix:$dir/hub.sock" --listen '[::1]:0'
  [[ $COUNCILWS_URL =~ ^http://127\.0\.0\.1:[0-9]+$ ]] || fail "first: $COUNCILWS_URL"
  run3 curl -fsS --unix-socket "$dir/hub.sock" http://hub/healthz/ready
  assert_run 0 '*status*' ''
  run3 councilws status --url "unix:$dir/hub.sock"
  assert_run 0 '*status            operational*' ''
}

@test "SIGTERM drains: watchers are told, exit 0; a new hub on the same store goes on" {
  start_hub
  port=$(hub_port)
  "$COUNCILWS" watch r -o json >"$dir/seen" 2>"$dir/talk" &
  watcher=$!
  councilws publish r log n:=1 >/dev/null
  wait_for "$dir/seen" '"n":1'
  stop_hub -TERM
  [ "$hub_status" -eq 0 ] || fail "exit status $hub_status"
  wait_for "$dir/talk" 'next attempt in'
  start_hub_on "127.0.0.1:$port"
  councilws publish r log n:=2 >/dev/null
  councilws publish r final_response >/dev/null
  wait "$watcher"
  [ "$(jq -r .message_id "$dir/seen" | paste -sd,)" = 1,2,3 ] || fail "$(cat "$dir/seen")"
  grep -q 'connected again' "$dir/talk"
}

@test "a watcher outlives kill -9 of the hub and sees each event once" {
  start_hub
  port=$(hub_port)
  "$COUNCILWS" watch r -o json >"$dir/seen" 2>"$dir/talk" &
  watcher=$!
  make_events 20 | councilws publish r --file - >/dev/null
  wait_for "$dir/seen" '"n": 20'
  stop_hub -KILL
  start_hub_on "127.0.0.1:$port"
  make_events 20 | councilws publish r --file - >/dev/null
  councilws publish r final_response >/dev/null
  wait "$watcher"
  jq -r .message_id "$dir/seen" | diff <(seq 41) - || fail "each once, in order"
}

@test "publish goes on over a restart of the hub, storing each event once" {
  start_hub
  port=$(hub_port)
  mkfifo "$dir/in"
  "$COUNCILWS" publish r --file "$dir/in" >"$dir/ids" 2>"$dir/talk" &
  publisher=$!
  exec 7>"$dir/in"
  make_events 10 >&7
  wait_for "$dir/ids" '^10$'
  stop_hub -KILL
  make_events 10 >&7
  wait_for "$dir/talk" 'next attempt in'
  start_hub_on "127.0.0.1:$port" 7>&-
  exec 7>&-
  wait "$publisher"
  diff <(seq 20) "$dir/ids" || fail "ids"
  [ "$(councilws replay r -o json | wc -l)" -eq 20 ] || fail "stored"
}

@test "a hub with its own secret refuses to listen beyond loopback and says what to give" {
  run3 timeout 20 "$COUNCILWS" serve --listen 0.0.0.0:0 --store memory:
  assert_status 78
  assert_out ""
  assert_err_has "--secret-file"
}

@test "the own secret is made once, mode 0600" {
  start_hub
  [ "$(stat -c %a "$XDG_STATE_HOME/councilws/secret")" = 600 ] || fail "mode"
  before=$(cat "$XDG_STATE_HOME/councilws/secret")
  stop_hub
  start_hub
  [ "$(cat "$XDG_STATE_HOME/councilws/secret")" = "$before" ] || fail "kept"
  ! grep -q "$before" "$dir/hub.log" || fail "the log shows it"
}

@test "what cannot be started says what and where" {
  run3 councilws serve --listen nonsense
  assert_status 78
  assert_out ""
  assert_err_has "nonsense"
  run3 councilws serve --listen 127.0.0.1:0 --store redis://localhost
  assert_status 78
  assert_out ""
  assert_err_has "redis"
  run3 councilws serve --listen 127.0.0.1:0 --secret-file "$dir/none"
  assert_status 78
  assert_out ""
  assert_err_has "$dir/none"
  echo short >"$dir/short"
  run3 timeout 20 "$COUNCILWS" serve --listen 127.0.0.1:0 --secret-file "$dir/short"
  assert_status 78
  assert_out ""
  assert_err_has "32"
  run3 councilws serve --listen 127.0.0.1:0 --tls-cert "$dir/none" --tls-key "$dir/none"
  assert_run 78 '' '*the certificate*'
  head -c 20000 /dev/urandom >"$dir/not-a-db"
  run3 councilws serve --listen 127.0.0.1:0 --store "sqlite:$dir/not-a-db"
  assert_status 65
  assert_out ""
  assert_err_has "$dir/not-a-db"
  start_hub
  run3 councilws serve --listen "127.0.0.1:$(hub_port)" --store memory:
  assert_out ""
  [ "$status" -ne 0 ] || fail "the port is taken"
  assert_err_has "$(hub_port)"
  run3 councilws serve --listen 127.0.0.1:0 --store "sqlite:$dir/hub.db"
  assert_status 73
  assert_out ""
  assert_err_has "hub.db"
}

@test "TLS: a private CA by --cacert; without it the client says why and exits 76" {
  openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/key.pem" -out "$dir/cert.pem" -days 2 \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
  start_hub --tls-cert "$dir/cert.pem" --tls-key "$dir/key.pem"
  [[ $COUNCILWS_URL == https://* ]] || fail "$COUNCILWS_URL"
  run3 councilws publish r final_response --cacert "$dir/cert.pem"
  assert_run 0 1 ''
  run3 councilws watch r --cacert "$dir/cert.pem" -o json
  assert_status 0
  assert_err_empty
  [ "$(wc -l <"$dir/out")" -eq 1 ] || fail "one event"
  run3 councilws publish r log
  assert_run 76 '' '*: SSL certificate problem: self-signed certificate*'
  run3 councilws watch r
  assert_run 76 '' '*is refused: it was not signed by a CA that is known here*'
}

@test "SIGHUP reads keys again; broken ones leave the old ones in place" {
  openssl rand -hex 32 >"$dir/s1"
  openssl rand -hex 32 >"$dir/s2"
  cp "$dir/s1" "$dir/secret"
  start_hub --secret-file "$dir/secret"
  councilws token --secret-file "$dir/s1" --sub a --admin >"$dir/t1"
  councilws token --secret-file "$dir/s2" --sub a --admin >"$dir/t2"
  run3 councilws list --token-file "$dir/t2"
  assert_run 77 '' '*the signature of the token is not that of a known key*'
  cp "$dir/s2" "$dir/secret"
  kill -HUP "$hub"
  wait_for "$dir/hub.log" 'read again'
  run3 councilws list --token-file "$dir/t2"
  assert_run 0 '' ''
  run3 councilws list --token-file "$dir/t1"
  assert_run 77 '' '*the signature of the token is not that of a known key*'
  echo broken >"$dir/secret"
  kill -HUP "$hub"
  wait_for "$dir/hub.log" 'reload failed'
  run3 councilws list --token-file "$dir/t2"
  assert_run 0 '' ''
}

@test "SIGHUP takes keys and limits from the configuration file; a broken file changes nothing" {
  openssl rand -hex 32 >"$dir/s1"
  openssl rand -hex 32 >"$dir/s2"
  mkdir -p "$XDG_CONFIG_HOME/councilws"
  printf 'secret-file %s\n' "$dir/s1" >"$XDG_CONFIG_HOME/councilws/config"
  start_hub
  councilws token --secret-file "$dir/s1" --sub a --admin >"$dir/t1"
  councilws token --secret-file "$dir/s2" --sub a --admin >"$dir/t2"
  printf 'secret-file %s\nmax-publish-rate 1\n' "$dir/s2" >"$XDG_CONFIG_HOME/councilws/config"
  kill -HUP "$hub"
  wait_for "$dir/hub.log" 'read again'
  run3 councilws list --token-file "$dir/t1"
  assert_run 77 '' '*the signature of the token is not that of a known key*'
  post() { curl -s -o "$dir/body" -w '%{http_code}' -H "Authorization: Bearer $(cat "$dir/t2")" \
    -H 'Content-Type: application/x-ndjson' --data-binary @- "$COUNCILWS_URL/api/v1/requests/r/events"; }
  [ "$(make_events 50 | post)" = 201 ] || fail "a batch beyond the rate is let through, then paid off"
  [ "$(make_events 1 | post)" = 429 ] || fail "the new rate holds: $(cat "$dir/body")"
  echo 'no-such-setting 1' >"$XDG_CONFIG_HOME/councilws/config"
  kill -HUP "$hub"
  wait_for "$dir/hub.log" 'reload failed'
  grep -q 'config:1.*no-such-setting' "$dir/hub.log" || fail "names file and line"
  rm "$XDG_CONFIG_HOME/councilws/config"
  run3 councilws list --token-file "$dir/t2"
  assert_run 0 '*processing*' ''
  kill -HUP "$hub"
  wait_for "$dir/hub.log" 'no key is left'
  run3 councilws list --token-file "$dir/t2"
  assert_run 0 '*processing*' ''
}

@test "the log can be JSON, and never shows a token" {
  start_hub --log-format json --log-level debug
  token=$(councilws token --sub me --admin)
  curl -s "$COUNCILWS_URL/api/v1/ws/r?token=$token" >/dev/null
  COUNCILWS_TOKEN=$token run3 councilws watch r --timeout 300ms -v
  assert_status 124
  assert_out ""
  [[ $err != *"$token"* ]] || fail "talk shows it"
  stop_hub
  jq -e .message "$dir/hub.log" >/dev/null || fail "not JSON: $(cat "$dir/hub.log")"
  ! grep -q "$token" "$dir/hub.log" || fail "the log shows it"
}

@test "TLS: a hub that asks for a certificate takes that of --cert and --key; without it the client says so and exits 76" {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/key.pem" -out "$dir/cert.pem" -days 2 \
    -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 2>/dev/null
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/k" -out "$dir/c" -days 2 -subj /CN=other 2>/dev/null
  start_hub --tls-cert "$dir/cert.pem" --tls-key "$dir/key.pem" --tls-client-ca "$dir/cert.pem"
  export COUNCILWS_CACERT=$dir/cert.pem
  run3 councilws publish r final_response --cert "$dir/cert.pem" --key "$dir/key.pem"
  assert_run 0 1 ''
  run3 councilws watch r --cert "$dir/cert.pem" --key "$dir/key.pem" -o json
  assert_run 0 '*timestamp*' ''
  cat "$dir/cert.pem" "$dir/key.pem" >"$dir/both.pem"
  run3 councilws list --cert "$dir/both.pem"
  assert_run 0 '*completed   complete*' ''
  for command in "publish r log" "watch r" "list"; do
    run3 timeout 20 "$COUNCILWS" $command
    assert_status 76
    assert_out ""
    assert_err_has "asks for a certificate of its clients"
    run3 timeout 20 "$COUNCILWS" $command --cert "$dir/c" --key "$dir/k"
    assert_status 76
    assert_out ""
    assert_err_has "certificate"
  done
  run3 councilws list --cert "$dir/none"
  assert_status 66
  assert_out ""
  assert_err_has "$dir/none"
}
