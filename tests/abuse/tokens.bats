#!/usr/bin/env bats
# No log, error, status page or command shows a token, wherever it came in and however it was refused.

load ../cli/common

# What may not be found anywhere: the signature of a token.
signature() {
  echo "${1##*.}"
}

ask() {
  curl -sS -m 5 -i "$@" >>"$dir/answers" 2>>"$dir/answers" || true
  printf '\n' >>"$dir/answers"
}

# upgrade PATH [CURL OPTION …]: a handshake; what follows it is not waited for.
upgrade() {
  local path=$1
  shift
  curl -sS -m 0.3 -i -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
    -H 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==' "$@" "$COUNCILWS_URL$path" >>"$dir/answers" 2>/dev/null || true
  printf '\n' >>"$dir/answers"
}

# every_way TOKEN: in a header, a subprotocol, the query; where it is looked at and where it is not; alone and with another.
every_way() {
  upgrade "/api/v1/ws/r?token=$1"
  upgrade "/api/v1/ws/r?token=$1&token=other"
  upgrade "/api/v1/ws/r?after=x&token=$1"
  upgrade "/api/v1/ws/r" -H "Authorization: Bearer $1"
  upgrade "/api/v1/ws/r" -H "Sec-WebSocket-Protocol: councilws.v1, bearer.$1"
  upgrade "/api/v1/ws/r?token=other" -H "Authorization: Bearer $1"
  upgrade "/api/v1/ws/r?token=$1" -H "Authorization: Bearer other"
  ask -H "Authorization: Bearer $1" "$COUNCILWS_URL/api/v1/requests/r"
  ask -H "Authorization: Bearer $1" "$COUNCILWS_URL/api/v1/ws/status"
  ask -H "Authorization: Bearer $1" "$COUNCILWS_URL/metrics"
  ask -H "Authorization: $1" "$COUNCILWS_URL/api/v1/requests"
  ask "$COUNCILWS_URL/api/v1/requests?token=$1"
  ask -m 0.3 -H 'Accept: text/event-stream' "$COUNCILWS_URL/api/v1/requests/r/events?token=$1"
  ask -H 'Accept: text/event-stream' -H "Authorization: Bearer other" "$COUNCILWS_URL/api/v1/requests/r/events?token=$1"
  ask "$COUNCILWS_URL/$1?token=$1"
  ask -X POST -H "Authorization: Bearer $1" -d '{"type":"log"}' "$COUNCILWS_URL/api/v1/requests/r/events"
  ask -X POST -H "Authorization: Bearer $1" -d '{"type":' "$COUNCILWS_URL/api/v1/requests/r/events"
}

@test "a token is found in no log, answer, metric or message" {
  start_hub --log-level debug
  good=$(councilws token --sub ann --publish '*' --subscribe '*' --admin)
  watching=$(councilws token --sub ann --subscribe 'q*')
  head -c 32 /dev/urandom | base64 >"$dir/other" # its newline is not of the secret: raw bytes may end with one, too
  foreign=$(councilws token --sub ann --admin --secret-file "$dir/other")
  tokens=("$good" "$watching" "$foreign")
  for token in "${tokens[@]}"; do
    every_way "$token"
    COUNCILWS_TOKEN=$token timeout 5 "$COUNCILWS" watch r -v --no-follow --from start --timeout 2s >>"$dir/commands" 2>&1 || true
    COUNCILWS_TOKEN=$token "$COUNCILWS" publish r log -v >>"$dir/commands" 2>&1 || true
    COUNCILWS_TOKEN=$token "$COUNCILWS" status -v >>"$dir/commands" 2>&1 || true
  done
  kill -HUP "$hub"
  wait_for "$dir/hub.log" 'read again'
  stop_hub

  grep -q ' 101 ' "$dir/answers" && grep -q ' 401 ' "$dir/answers" && grep -q ' 403 ' "$dir/answers" || fail "$(cat "$dir/answers")"
  grep -q 'session' "$dir/hub.log" || fail "the log says nothing of sessions"
  ! grep -F '#token=' "$dir/hub.log" || fail "a link that signs in is in a log"
  for token in "${tokens[@]}"; do
    ! grep -F -- "$(signature "$token")" "$dir/answers" "$dir/commands" "$dir/hub.log" || fail "a token shows"
  done
}
