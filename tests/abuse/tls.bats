#!/usr/bin/env bats
# Plain text, noise and silence where TLS is spoken.

load ../cli/common

@test "plain text, noise and silence on a TLS port end or wait by themselves, and TLS clients do not notice" {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost \
    -addext 'subjectAltName=IP:127.0.0.1' -keyout "$dir/key" -out "$dir/cert" 2>/dev/null
  start_hub --tls-cert "$dir/cert" --tls-key "$dir/key"
  port=$(hub_port)
  "$COUNCILWS" watch run --cacert "$dir/cert" -o json --count 20 >"$dir/seen" 2>"$dir/talk" &
  watcher=$!
  make_events 10 | councilws publish run --cacert "$dir/cert" --file - >/dev/null
  wait_for "$dir/seen" '"message_id":10,'

  for i in $(seq 20); do
    exec {silent}<>"/dev/tcp/127.0.0.1/$port" # never says a word
    printf '\026\003\001' >&$silent           # or no more than this
  done
  for noise in 'GET /healthz/live HTTP/1.1\r\nHost: hub\r\n\r\n' '\026\003\001\377\377noise' '\377\377\377\377\377\377\377\377\377'; do
    exec 8<>"/dev/tcp/127.0.0.1/$port"
    (printf "$noise" >&8) || true # it may be cut after the first line
    timeout 10 cat <&8 >"$dir/answer" || true
    ! grep -q HTTP "$dir/answer" || fail "answered in plain text: $(cat "$dir/answer")"
    exec 8>&-
  done
  run3 curl -sS --cacert "$dir/cert" --tls-max 1.1 "$COUNCILWS_URL/healthz/live"
  [ "$status" -eq 35 ] || fail "TLS 1.1 is spoken"

  make_events 10 | councilws publish run --cacert "$dir/cert" --file - >/dev/null
  wait "$watcher" || fail "$(cat "$dir/talk")"
  jq -r .message_id "$dir/seen" | diff <(seq 20) - || fail "not each once, in order"
}
