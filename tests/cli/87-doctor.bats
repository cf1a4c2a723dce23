#!/usr/bin/env bats
# doctor: each step, each way it can fail, the exit code of the first failure, and what it says to do.

load common

# verdicts: those of the last -o json, as "name=ok,tcp=ok,…".
verdicts() {
  jq -r '.check + "=" + .verdict' "$dir/out" | paste -sd,
}

advice_of() {
  jq -r "select(.check == \"$1\").advice // \"\"" "$dir/out"
}

# make_certificate NAME OPTION …: NAME.pem and NAME.key for 127.0.0.1.
make_certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/$1.key" -out "$dir/$1.pem" \
    -subj /CN=test -addext "subjectAltName=${2:-IP:127.0.0.1}" -days "${3:-100}" 2>/dev/null
}

# sign_expired NAME: the same, whose time was over in 2021.
sign_expired() {
  make_certificate "$1"
  openssl req -new -key "$dir/$1.key" -subj /CN=test -addext subjectAltName=IP:127.0.0.1 -out "$dir/csr" 2>/dev/null
  : >"$dir/index"
  printf '[ca]\ndefault_ca=c\n[c]\ndatabase=%s\nnew_certs_dir=%s\nrand_serial=yes\ndefault_md=sha256\npolicy=p\ncopy_extensions=copy\n[p]\ncommonName=supplied\n' \
    "$dir/index" "$dir" >"$dir/ca.cnf"
  openssl ca -config "$dir/ca.cnf" -selfsign -batch -notext -keyfile "$dir/$1.key" -in "$dir/csr" \
    -startdate 20200101000000Z -enddate 20210101000000Z -out "$dir/$1.pem" 2>/dev/null
}

@test "all is well: 0, a verdict for each step, and nothing is left behind" {
  start_hub
  run3 councilws doctor -o json
  assert_status 0
  assert_err_empty
  [ "$(verdicts)" = "name=ok,tcp=ok,tls=skipped,hub=ok,clock=ok,token=ok,upgrade=ok,publish=ok,round trip=ok" ] || fail "verdicts"
  run3 councilws list -o json
  assert_status 0
  assert_err_empty
  assert_out ""
  run3 councilws doctor
  assert_status 0
  assert_err_empty
  [[ $out == "ok       name "*"ok       round trip  seen by the watcher "* ]] || fail "text"
  run3 councilws doctor --request mine
  assert_run 0 '*skipped  tls         the URL is without TLS*' ''
  [ "$("$COUNCILWS" replay mine -o json | jq -r .type)" = doctor ] || fail "it stays where one names the request"
}

@test "by a unix socket, and by a name" {
  start_hub_on "unix:$dir/sock"
  run3 councilws doctor -o json --url "unix:$dir/sock"
  assert_status 0
  assert_err_empty
  [ "$(verdicts)" = "name=skipped,tcp=ok,tls=skipped,hub=ok,clock=ok,token=ok,upgrade=ok,publish=ok,round trip=ok" ] || fail "verdicts"
  run3 councilws doctor -o json --url "unix:$dir/none"
  assert_run 69 '*start the hub with --listen unix:PATH, or mend --url*' ''
  stop_hub
  start_hub
  run3 councilws doctor -o json --url "http://localhost:$(hub_port)/"
  assert_run 0 '*the URL is without TLS*' ''
}

@test "name 68, TCP 69: said, with what to do, and the rest is skipped" {
  run3 councilws doctor -o json --url http://no-such-host.invalid
  assert_status 68
  assert_err_empty
  [ "$(verdicts)" = "name=failed,tcp=skipped,tls=skipped,hub=skipped,clock=skipped,token=skipped,upgrade=skipped,publish=skipped,round trip=skipped" ] || fail "verdicts"
  [[ $(advice_of name) == *"--url"* ]] || fail "advice"
  run3 councilws doctor -o json --url http://127.0.0.1:1
  assert_status 69
  assert_err_empty
  [[ $(verdicts) == name=ok,tcp=failed,* ]] || fail "verdicts"
  [[ $(advice_of tcp) == *"is the hub running"* ]] || fail "advice"
  run3 councilws doctor --url ftp://x
  assert_run 64 '' '*it begins with http:*'
}

@test "TLS: good, unknown CA, other name, expired, soon to expire, none; a client certificate is shown" {
  make_certificate good
  start_hub --tls-cert "$dir/good.pem" --tls-key "$dir/good.key"
  run3 councilws doctor -o json --cacert "$dir/good.pem"
  assert_status 0
  assert_err_empty
  [[ $(jq -r 'select(.check == "tls") | .verdict + " " + .message' "$dir/out") =~ ^ok\ TLSv1\.3,\ the\ certificate\ is\ good\ for\ (99|100)\ days$ ]] || fail "tls"
  run3 councilws doctor -o json
  assert_status 76
  assert_err_empty
  [[ $(verdicts) == name=ok,tcp=ok,tls=failed,hub=skipped,* ]] || fail "verdicts"
  [[ $(advice_of tls) == *--cacert* ]] || fail "advice"
  run3 councilws doctor -o json --url "http://127.0.0.1:$(hub_port)"
  assert_run 76 '*no answer by HTTP: the connection was clos*' ''
  [[ $(advice_of hub) == *https://* ]] || fail "advice"
  stop_hub
  for case in "other:DNS:elsewhere:100:a name in --url" "soon:IP:127.0.0.1:3:renew it soon"; do
    IFS=: read -r name kind value days advice <<<"$case"
    make_certificate "$name" "$kind:$value" "$days"
    start_hub --tls-cert "$dir/$name.pem" --tls-key "$dir/$name.key"
    run3 councilws doctor -o json --cacert "$dir/$name.pem"
    assert_out_like '*: connected*'
    assert_err_empty
    [[ $(advice_of tls) == *"$advice"* ]] || fail "$name"
    assert_status "$([ "$name" = other ] && echo 76 || echo 0)"
    stop_hub
  done
  sign_expired old
  start_hub --tls-cert "$dir/old.pem" --tls-key "$dir/old.key"
  run3 councilws doctor -o json --cacert "$dir/old.pem"
  assert_run 76 '*certificate (then SIGHUP reloads it)*' ''
  [[ $(advice_of tls) == *"renew the hub's certificate"* ]] || fail "expired"
  stop_hub
  start_hub
  run3 councilws doctor -o json --url "https://127.0.0.1:$(hub_port)"
  assert_run 76 '*the handshake failed: wrong version number*' ''
  [[ $(advice_of tls) == *http://* ]] || fail "no TLS there"
}

@test "a hub that asks for a client certificate: 76 without one, 0 with it" {
  make_certificate good
  start_hub --tls-cert "$dir/good.pem" --tls-key "$dir/good.key" --tls-client-ca "$dir/good.pem"
  run3 councilws doctor -o json --cacert "$dir/good.pem"
  assert_status 76
  assert_err_empty
  jq -r .advice "$dir/out" | grep -q -- --cert || fail "advice"
  run3 councilws doctor -o json --cacert "$dir/good.pem" --cert "$dir/good.pem" --key "$dir/good.key"
  assert_run 0 '*, the certificate is good for*' ''
}

@test "what answers is no hub, is not ready, lets no WebSocket through, or has another time" {
  local ready='"/healthz/ready": [200, {"status": "ready"}]' token
  start_hub # for its secret
  token=$(councilws token --sub me --admin)
  stop_hub
  start_fake '{}'
  run3 councilws doctor -o json
  assert_status 76
  assert_err_empty
  [[ $(verdicts) == *,hub=failed,clock=ok,token=skipped,* ]] || fail "verdicts"
  start_fake '{"/healthz/ready": [503, {"status": "draining"}]}'
  run3 councilws doctor -o json
  assert_run 75 '*the hub answers with status*' ''
  start_fake "{$ready}"
  COUNCILWS_TOKEN=$token run3 councilws doctor -o json
  assert_status 76
  assert_err_empty
  [[ $(verdicts) == *,token=ok,upgrade=failed,publish=skipped,"round trip=skipped" ]] || fail "verdicts"
  [[ $(advice_of upgrade) == *proxy* ]] || fail "advice"
  start_fake '{"/healthz/ready": [200, {}, {"Date": "Thu, 01 Jan 2026 00:00:00 GMT"}]}'
  run3 councilws doctor -o json
  assert_status 76
  assert_err_empty
  [[ $(verdicts) == *,clock=warning,* ]] || fail "verdicts"
  [[ $(advice_of clock) == *NTP* ]] || fail "advice"
  start_fake '{"/healthz/ready": "hang"}'
  run3 councilws doctor -o json
  assert_run 76 '*no answer by HTTP: the connection was clos*' ''
}

@test "tokens: none, nonsense, expired, of another key; rights to watch, to publish, to neither" {
  start_hub
  XDG_STATE_HOME=$dir/other run3 councilws doctor -o json
  assert_status 77
  assert_err_empty
  [[ $(verdicts) == *,token=failed,upgrade=skipped,* ]] || fail "verdicts"
  [[ $(advice_of token) == *--token-file* ]] || fail "advice"
  COUNCILWS_TOKEN=nonsense run3 councilws doctor -o json
  assert_run 77 '*the URL is without TLS*' ''
  printf '%064d' 1 >"$dir/key"
  COUNCILWS_TOKEN=$(councilws token --sub me --admin --secret-file "$dir/key") run3 councilws doctor -o json
  assert_status 77
  assert_err_empty
  [[ $(verdicts) == *,token=ok,upgrade=failed,* ]] || fail "verdicts"
  [[ $(advice_of upgrade) == *"the hub's key"* ]] || fail "advice"
  COUNCILWS_TOKEN=$(councilws token --sub me --ttl 1s) # expired a second later, whoever asks
  export COUNCILWS_TOKEN
  timeout 20 bash -c 'until "$COUNCILWS" doctor -o json | grep -q "\"token\",\"verdict\":\"failed\""; do sleep 0.2; done'
  run3 councilws doctor -o json
  assert_status 77
  assert_err_empty
  [[ $(jq -r 'select(.check == "token").message' "$dir/out") == *"expired for"* ]] || fail "expired"
  unset COUNCILWS_TOKEN
  COUNCILWS_TOKEN=$(councilws token --sub me) run3 councilws doctor -o json
  assert_status 0
  assert_err_empty
  [[ $(verdicts) == *,upgrade=ok,publish=skipped,"round trip=skipped" ]] || fail "a login token"
  COUNCILWS_TOKEN=$(councilws token --sub me --publish 'a-?-*') run3 councilws doctor -o json
  assert_status 0
  assert_err_empty
  [[ $(verdicts) == *,upgrade=ok,publish=ok,"round trip=skipped" ]] || fail "publishing only"
  [[ $out == *"may publish to a-?-*"*"event 1 of 'a-x-doctor-"* ]] || fail "a name within its rights"
  COUNCILWS_TOKEN=$(councilws token --sub me --publish 'a-*' --subscribe 'a-*') run3 councilws doctor -o json --request other
  assert_status 77
  assert_err_empty
  [[ $(verdicts) == *,upgrade=failed,* ]] || fail "neither"
}
