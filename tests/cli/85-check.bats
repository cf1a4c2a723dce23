#!/usr/bin/env bats
# status --check: each of its four codes, its one line, and the limits.

load common

one_line() {
  [ "$(wc -l <"$dir/out")" -eq 1 ] || fail "one line"
  assert_err_empty
}

@test "a hub that is well: 0, one line with the measures, nothing on stderr" {
  start_hub
  run3 councilws status --check
  assert_status 0
  one_line
  [[ $out =~ ^COUNCILWS\ OK\ -\ operational,\ 0\ watchers\ \|\ time=[0-9]+\.[0-9]+s\;\;\;0$ ]] || fail "line"
  run3 councilws status --check -w time=1m --critical time=2m
  assert_status 0
  assert_err_empty
  [[ $out == *"time="*"s;60.000;120.000;0" ]] || fail "limits are told"
}

@test "no hub, no answer in time: 2; what cannot be asked at all: 3" {
  run3 councilws status --check --url http://127.0.0.1:1
  assert_status 2
  one_line
  [[ $out == "COUNCILWS CRITICAL - "*"connect"* ]] || fail "why"
  start_fake '{"/healthz/ready": "hang"}'
  run3 councilws status --check --timeout 200ms
  assert_status 2
  assert_err_empty
  [[ $out == "COUNCILWS CRITICAL - no answer in time" ]] || fail "why"
  run3 councilws status --check -w nonsense=1
  assert_status 3
  one_line
  [[ $out == "COUNCILWS UNKNOWN - --warning nonsense=1: "* ]] || fail "why"
  start_hub
  COUNCILWS_TOKEN=x run3 councilws status r --check
  assert_status 3
  one_line
}

@test "a store that cannot be written to is 2, a drain is 1" {
  start_fake '{"/healthz/ready": [503, {"status": "store_unavailable", "message": "disk | full"}]}'
  run3 councilws status --check
  assert_status 2
  assert_err_empty
  [[ $out == "COUNCILWS CRITICAL - store_unavailable: disk / full |"* ]] || fail "line"
  start_fake '{"/healthz/ready": [503, {"status": "draining"}], "/api/v1/ws/status": [200, {"status": "operational"}]}'
  run3 councilws status --check
  assert_status 1
  assert_err_empty
  [[ $out == "COUNCILWS WARNING - the hub is draining |"* ]] || fail "line"
  start_fake '{"/healthz/ready": [503, {"from": "a proxy"}]}'
  run3 councilws status --check
  assert_run 2 '*COUNCILWS CRITICAL - too much is pending (status*' ''
}

@test "a request: running, pending, failed, unknown" {
  start_hub
  councilws publish on analysis_started >/dev/null
  run3 councilws status on --check
  assert_status 0
  assert_err_empty
  [[ $out == "COUNCILWS OK - processing | time="*" lag=0;;;0 age="* ]] || fail "line"
  councilws publish bad error >/dev/null
  run3 councilws status bad --check
  assert_status 2
  assert_err_empty
  [[ $out == "COUNCILWS CRITICAL - the request failed |"* ]] || fail "line"
  run3 councilws status none --check
  assert_status 2
  one_line
}

@test "lag and age: beyond -w is 1, beyond -c is 2, the worst counts; what has ended does not age" {
  start_hub
  "$COUNCILWS" watch r --no-ack >"$dir/seen" 2>/dev/null &
  councilws publish r log --timestamp 2026-01-01T00:00:00Z >/dev/null
  make_events 4 | councilws publish r --file - >/dev/null
  wait_for "$dir/seen" 'n=4'
  run3 councilws status r --check -w lag=5 -c lag=5
  assert_run 0 '*COUNCILWS OK - processing*' ''
  run3 councilws status r --check -w lag=4
  assert_status 1
  one_line
  [[ $out == "COUNCILWS WARNING - lag 5, more than 4 |"*" lag=5;4;;0"* ]] || fail "line"
  run3 councilws status r --check -w lag=1 -c lag=4 -w age=1h
  assert_run 2 '*COUNCILWS CRITICAL - lag*' ''
  run3 councilws status r --check -w lag=1 -c age=0s
  assert_status 2
  assert_err_empty
  [[ $out == "COUNCILWS CRITICAL - age "* ]] || fail "the worst"
  councilws publish r final_response >/dev/null
  run3 councilws status r --check -c age=0s
  assert_run 0 '*COUNCILWS OK - completed*' ''
}
