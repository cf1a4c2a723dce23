#!/usr/bin/env bats
# Limits and other settings of a hub, and what clients make of them.

load common

# get PATH [CURL OPTION …]: the status in $code, the body in $dir/body; with the token in $dir/t.
get() {
  local path=$1
  shift
  code=$(curl -sS -m 10 -o "$dir/body" -w '%{http_code}' -H "Authorization: Bearer $(cat "$dir/t")" \
    "$@" "$COUNCILWS_URL$path")
}

@test "too many connections of an address: 75, and a watcher in place is not disturbed" {
  start_hub --max-connections-per-address 1
  "$COUNCILWS" watch r >"$dir/seen" 2>"$dir/talk" &
  watcher=$!
  # Seen from outside: a call of ours would take the place that the watcher is to have.
  timeout 60 bash -c 'until [ -n "$(ss -Htn state established "( sport = :$1 )")" ]; do sleep 0.05; done' _ "$(hub_port)"
  run3 councilws list
  assert_status 75
  assert_out ""
  assert_err_has "too many connections"
  run3 councilws watch r --must-exist
  assert_run 75 '' '*r: too many connections*'
  run3 councilws publish r log --timeout 100ms
  assert_run 124 '' '*timed out'
  kill -0 "$watcher" || fail "the watcher is gone"
  [ ! -s "$dir/talk" ] || fail "$(cat "$dir/talk")"
}

@test "beyond the publish rate a publisher waits and comes through, storing each event once" {
  start_hub --max-publish-rate 5
  make_events 20 >"$dir/in"
  run3 councilws publish r --file "$dir/in"
  assert_run 0 "$(seq 20)" ''
  run3 councilws publish r log
  assert_status 0
  assert_out 21
  assert_err_has "too many events; next attempt in"
}

@test "--max-request-bytes keeps the newest; COUNCILWS_ variables set options of serve" {
  export COUNCILWS_MAX_REQUEST_BYTES=1k
  start_hub
  unset COUNCILWS_MAX_REQUEST_BYTES
  make_events 200 | councilws publish r --file - >/dev/null
  run3 councilws status r -o json
  assert_status 0
  assert_err_empty
  [ "$(jq '.bytes <= 1024 and .count < 200 and .last_message_id == 200' "$dir/out")" = true ] || fail "trimmed"
  COUNCILWS_WORKERS=many run3 councilws serve
  assert_status 78
  assert_out ""
  assert_err_has "COUNCILWS_WORKERS: 'many'"
}

@test "issuer, audience and origin are held to" {
  openssl rand -hex 32 >"$dir/s"
  start_hub --secret-file "$dir/s" --issuer me --audience hub --allow-origin https://ok.example
  make() { councilws token --sub a --admin --secret-file "$dir/s" "$@" >"$dir/t"; }
  make --issuer you --audience hub
  run3 councilws list --token-file "$dir/t"
  assert_status 77
  assert_out ""
  assert_err_has '"iss"'
  make --issuer me
  run3 councilws list --token-file "$dir/t"
  assert_status 77
  assert_out ""
  assert_err_has '"aud"'
  make --issuer me --audience hub
  run3 councilws list --token-file "$dir/t"
  assert_run 0 '' ''
  get /api/v1/requests -H 'Origin: https://ok.example'
  [ "$code" = 200 ] || fail "allowed: $code"
  get /api/v1/requests -H 'Origin: https://evil.example'
  [ "$code" = 403 ] || fail "not allowed: $code"
}

@test "a token that expired before or meanwhile: 77 and its age, never the token" {
  openssl rand -hex 32 >"$dir/s"
  start_hub --secret-file "$dir/s"
  b64() { openssl base64 -A | tr '+/' '-_' | tr -d =; }
  forge() { # SECONDS from now
    local text
    text=$(printf '{"alg":"HS256"}' | b64).$(printf '{"sub":"a","exp":%d,"councilws":{"admin":true}}' "$(($(date +%s) + $1))" | b64)
    echo "$text.$(printf %s "$text" | openssl dgst -sha256 -hmac "$(cat "$dir/s")" -binary | b64)" >"$dir/t"
  }
  forge -70
  run3 councilws list --token-file "$dir/t"
  assert_status 77
  assert_out ""
  assert_err_has "expired 7"
  # A minute of leeway: this one ends in about two seconds, and a new try is refused.
  forge -58
  run3 councilws watch r --token-file "$dir/t"
  assert_status 77
  assert_out ""
  assert_err_has "the token expired"
  [[ $err != *"$(cat "$dir/t")"* ]] || fail "shown"
}

@test "no secret on a command line or in the log" {
  openssl rand -hex 32 >"$dir/s"
  start_hub --secret-file "$dir/s" --log-level debug
  councilws token --sub a --admin --secret-file "$dir/s" >"$dir/t"
  COUNCILWS_TOKEN=$(cat "$dir/t") "$COUNCILWS" watch r -v >"$dir/seen" 2>"$dir/talk" &
  watcher=$!
  COUNCILWS_TOKEN=$(cat "$dir/t") run3 councilws publish r final_response -v
  assert_status 0
  assert_out_like 1
  wait "$watcher"
  ! tr '\0' '\n' <"/proc/$hub/cmdline" | grep -qF "$(cat "$dir/s")" || fail "argv"
  get '/api/v1/requests/r%zz'
  get "/api/v1/nope?token=$(cat "$dir/t")"
  stop_hub
  for secret in "$(cat "$dir/t")" "$(cat "$dir/s")"; do
    ! grep -qF "$secret" "$dir/hub.log" "$dir/talk" "$dir/err" "$dir/body" || fail "shown"
  done
}

@test "a coded body is refused as such, not as bad JSON" {
  start_hub
  councilws token --sub a --admin >"$dir/t"
  get /api/v1/requests/r/events -H 'Content-Type: application/json' -H 'Content-Encoding: gzip' -d '{"type":"log"}'
  [ "$code" = 415 ] || fail "$code"
  grep -q content-encoding "$dir/body"
}

@test "SIGHUP's outcome is a line of the log, in the log's format" {
  mkdir -p "$XDG_CONFIG_HOME/councilws"
  start_hub --log-format json
  kill -HUP "$hub"
  wait_for "$dir/hub.log" 'read again'
  echo 'no-such-setting 1' >"$XDG_CONFIG_HOME/councilws/config"
  kill -HUP "$hub"
  wait_for "$dir/hub.log" 'reload failed'
  rm "$XDG_CONFIG_HOME/councilws/config"
  stop_hub
  jq -e '.level and .message' "$dir/hub.log" >/dev/null || fail "not JSON"
}

@test "listeners: a handed-down descriptor, IPv6, a unix socket that is left over" {
  start_hub_on '[::1]:0'
  [[ $COUNCILWS_URL == 'http://[::1]:'* ]] || fail "$COUNCILWS_URL"
  run3 councilws publish r final_response
  assert_run 0 1 ''
  run3 councilws watch r
  assert_run 0 '*response*' ''
  stop_hub
  start_hub_on "unix:$dir/s"
  [ "$(stat -c %a "$dir/s")" = 600 ] || fail "mode of the socket"
  stop_hub -KILL
  start_hub_on "unix:$dir/s"
  run3 councilws watch r --from start --url "unix:$dir/s"
  assert_run 0 '*response*' ''
  stop_hub
  [ ! -e "$dir/s" ] || fail "the socket stays"
  run3 councilws list --url "unix:$dir/s"
  assert_status 69
  assert_out ""
  assert_err_has "$dir/s: "
  echo data >"$dir/file"
  run3 councilws serve --listen "unix:$dir/file" --store memory:
  assert_out ""
  assert_err_like '*cannot listen on*'
  [ "$status" -ne 0 ] || fail "on a file"
  [ "$(cat "$dir/file")" = data ] || fail "the file is gone"
  run3 councilws serve --listen fd:77 --store memory:
  assert_status 78
  assert_out ""
  assert_err_has "descriptor 77"
}

@test "SIGINT drains as SIGTERM does; a second signal ends a drain that waits" {
  rm -f "$dir/url"
  mkfifo "$dir/url"
  env --default-signal=INT "$COUNCILWS" serve --listen 127.0.0.1:0 --store memory: >"$dir/url" 2>"$dir/hub.log" 3>&- &
  hub=$!
  read -r -t 20 COUNCILWS_URL <"$dir/url"
  stop_hub -INT
  [ "$hub_status" -eq 0 ] || fail "SIGINT: $hub_status"
  start_hub --drain-timeout 60s
  councilws publish r log >/dev/null
  "$COUNCILWS" watch r --no-ack >"$dir/seen" 2>/dev/null &
  watcher=$!
  wait_for "$dir/seen" log
  kill -STOP "$watcher"
  head -c 250000 /dev/zero | tr '\0' x >"$dir/x"
  printf '{"type":"log","data":"%s"}\n' "$(cat "$dir/x")" >"$dir/one"
  for _ in $(seq 60); do cat "$dir/one"; done | councilws publish r --file - >/dev/null
  kill -TERM "$hub"
  wait_for "$dir/hub.log" draining
  kill -0 "$hub" || fail "nothing was waited for"
  stop_hub -TERM
  [ "$hub_status" -eq 143 ] || fail "second signal: $hub_status"
  kill -KILL "$watcher"
}
