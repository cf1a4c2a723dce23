#!/usr/bin/env bats
# Tokens and what they allow, through the command line.

load common

@test "a token's rights: subscribe and publish globs, plain login tokens, admin" {
  openssl rand -hex 32 >"$dir/secret"
  start_hub --secret-file "$dir/secret"
  make() {
    councilws token --secret-file "$dir/secret" "$@"
  }
  make --sub pub --publish 'build-*' >"$dir/pub"
  make --sub sub --subscribe 'build-*' >"$dir/sub"
  make --sub alice >"$dir/alice"
  make --sub bob >"$dir/bob"
  make --sub root --admin >"$dir/root"
  run3 councilws publish build-1 log a=1 --token-file "$dir/pub"
  assert_run 0 1 ''
  run3 councilws publish other log a=1 --token-file "$dir/pub"
  assert_run 77 '' '*this token may not publish to*'
  run3 councilws watch build-1 --no-follow --token-file "$dir/sub"
  assert_run 0 '*log                   a=*' ''
  run3 councilws watch other --no-follow --token-file "$dir/sub"
  assert_run 77 '' '*other: this token may neither watch nor publish to the request*'
  run3 councilws publish build-1 log --token-file "$dir/alice"
  assert_run 77 '' '*this token may not publish to*'
  run3 councilws watch build-1 --no-follow --token-file "$dir/alice"
  assert_run 0 '*log                   a=*' ''
  run3 councilws publish build-2 log --owner alice --token-file "$dir/pub"
  assert_run 0 1 ''
  run3 councilws watch build-2 --no-follow --token-file "$dir/alice"
  assert_run 0 '    1  *  log *' ''
  run3 councilws watch build-2 --no-follow --token-file "$dir/bob"
  assert_run 77 '' '*: this token may neither watch nor publish to the request*'
  run3 councilws list --token-file "$dir/bob" -o json
  assert_status 0
  assert_err_empty
  [ "$(jq -r .request_id "$dir/out" | paste -sd,)" = build-1 ] || fail "bob sees only what he may"
  run3 councilws delete build-1 --yes --token-file "$dir/bob"
  assert_run 77 '' '*: this token may not delete*'
  run3 councilws delete build-1 --yes --token-file "$dir/root"
  assert_run 0 '' ''
  run3 councilws status build-1 --token-file "$dir/root"
  assert_run 66 '' '*: no such request*'
}

@test "no token, a wrong one, an expired one: 77 and a reason, never the token" {
  openssl rand -hex 32 >"$dir/secret"
  start_hub --secret-file "$dir/secret"
  run3 councilws list
  assert_status 77
  assert_out ""
  assert_err_has "--token-file"
  echo not.a.token >"$dir/bad"
  run3 councilws list --token-file "$dir/bad"
  assert_status 77
  assert_out ""
  [[ $err != *not.a.token* ]] || fail "shown"
  run3 councilws watch r --token-file "$dir/bad"
  assert_run 77 '' 'councilws: r: the claims of the token*'
  run3 councilws list --token-file "$dir/none"
  assert_run 66 '' "*cannot read the token file '$dir/none': No such file or directory"
  councilws token --secret-file "$dir/secret" --sub a --admin --issuer x --ttl 1s >"$dir/short"
  run3 bash -c '"$COUNCILWS" token --secret-file "$1/secret" --sub a --admin | "$COUNCILWS" list --token-file -' _ "$dir"
  assert_run 0 '' ''
  COUNCILWS_TOKEN=$(councilws token --secret-file "$dir/secret" --sub a --admin) run3 councilws list
  assert_run 0 '' ''
}

@test "token --inspect explains one, and checks its signature when given the key" {
  openssl rand -hex 32 >"$dir/s1"
  openssl rand -hex 32 >"$dir/s2"
  councilws token --secret-file "$dir/s1" --sub a --subscribe 'x-*' --ttl 2h >"$dir/t"
  run3 councilws token --inspect "$dir/t"
  assert_status 0
  [ "$(jq -c '[.header.alg, .claims.sub, .claims.councilws.subscribe]' "$dir/out")" = '["HS256","a",["x-*"]]' ] ||
    fail "explained"
  assert_err_has "expires in"
  run3 councilws token --inspect "$dir/t" --secret-file "$dir/s1"
  assert_run 0 '*councilws*' '*the signature is good*'
  run3 councilws token --inspect "$dir/t" --secret-file "$dir/s2"
  assert_run 77 '*councilws*' '*the signature of the token is not that of a known key*'
  echo x >"$dir/x"
  run3 councilws token --inspect "$dir/x"
  assert_run 65 '' '*the token does not have three parts*'
}

@test "RSA, PSS and EC keys: signed with the private key, verified by the hub with the public one" {
  openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$dir/rsa.pem" 2>/dev/null
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$dir/ec.pem" 2>/dev/null
  openssl pkey -in "$dir/rsa.pem" -pubout -out "$dir/rsa.pub"
  openssl pkey -in "$dir/ec.pem" -pubout -out "$dir/ec.pub"
  start_hub --public-key "$dir/rsa.pub" --public-key "$dir/ec.pub"
  for pair in rsa:RS256 rsa:PS384 ec:ES256; do
    councilws token --key "$dir/${pair%:*}.pem" --alg "${pair#*:}" --sub a --admin >"$dir/t"
    run3 councilws list --token-file "$dir/t"
    assert_run 0 '' ''
  done
  # The public key's text as an HMAC secret: not made here, and the hub does not take what is made elsewhere.
  run3 councilws token --secret-file "$dir/rsa.pub" --sub a --admin
  assert_run 78 '' '*: the secret is a PEM text; give it as a public key instead*'
  b64() { openssl base64 -A | tr '+/' '-_' | tr -d =; }
  head=$(printf '{"alg":"HS256"}' | b64)
  body=$(printf '{"sub":"a","exp":%d,"councilws":{"admin":true}}' "$(($(date +%s) + 600))" | b64)
  key=$(od -An -v -tx1 "$dir/rsa.pub" | tr -d ' \n')
  sign=$(printf '%s' "$head.$body" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | b64)
  echo "$head.$body.$sign" >"$dir/t"
  run3 councilws list --token-file "$dir/t"
  assert_run 77 '' '*the token is signed with HS*'
}

# claims FILTER: of the token in the link that stands in $out.
claims() {
  councilws token --inspect - <<<"${out#*#token=}" 2>/dev/null | jq -c ".claims | $1"
}

@test "token --link prints an address that signs in: for this user with every right and 12 hours, or as it is told" {
  start_hub
  run3 councilws token --link
  assert_status 0
  assert_err_empty
  [[ $out == "$COUNCILWS_URL/#token="* && $(wc -l <"$dir/out") -eq 1 ]] || fail "the link"
  [ "$(claims '[.sub, .exp - .iat, .councilws.admin]')" = "[\"$(id -un)\",43200,true]" ] || fail "$(claims .)"
  printf '%s' "${out#*#token=}" >"$dir/t"
  run3 councilws list --token-file "$dir/t"
  assert_run 0 '' ''
  run3 councilws token --link --url https://hub.example/council/ --sub ann --subscribe 'build-*' --ttl 5m
  assert_status 0
  assert_err_empty
  [[ $out == "https://hub.example/council/#token="* ]] || fail "the link"
  [ "$(claims '[.sub, .exp - .iat, .councilws.admin, .councilws.subscribe]')" = '["ann",300,null,["build-*"]]' ] || fail "$(claims .)"
  run3 councilws token --link --url unix:/run/hub.sock
  assert_status 64
  assert_out ""
  assert_err_has "--url"
}

@test "wrong use of token: 64, 65, 66, 78" {
  run3 councilws token
  assert_status 64
  assert_out ""
  assert_err_has "--sub"
  run3 councilws token --sub a --ttl 0
  assert_run 64 '' '*--ttl: at least*'
  echo short >"$dir/short"
  run3 councilws token --sub a --secret-file "$dir/short"
  assert_status 78
  assert_out ""
  assert_err_has "32"
  run3 councilws token --sub a --secret-file "$dir/none"
  assert_run 66 '' '*: No such file or directory*'
  run3 councilws token --sub a --secret-file "$dir/short" --key "$dir/short"
  assert_run 64 '' '*give either --secret-file or --key, not both*'
}
