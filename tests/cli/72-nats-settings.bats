#!/usr/bin/env bats
# What is said of a log that hubs share: refused before any server is asked, with the option's name.

load common

# TEXT ARGUMENTS: serve says TEXT and does not begin.
refuses() {
  local text=$1
  shift
  run3 timeout 20 "$COUNCILWS" serve --listen 127.0.0.1:0 "$@"
  assert_status 78
  assert_out ""
  assert_err_has "$text"
}

@test "a store nats:// that is none is refused with what to give, and a password in it is not shown" {
  refuses "nats://HOST[:PORT]" --store nats:host
  refuses "'host:99999' is neither HOST nor HOST:PORT" --store nats://host:99999
  refuses "nats-password-file" --store nats://ann:hush@host
  [[ $err != *hush* ]] || fail "the password is shown"
}

@test "values out of their range are refused by their option's name" {
  refuses "nats-replicas: 9" --store nats://127.0.0.1:1 --nats-replicas 9
  refuses "nats-prefix 'a.b'" --store nats://127.0.0.1:1 --nats-prefix a.b
  refuses "nats-user and nats-password-file" --store nats://127.0.0.1:1 --nats-user ann
  refuses "nats-tls-ca: cannot read '$dir/none'" --store nats://127.0.0.1:1 --nats-tls-ca "$dir/none"
  run3 councilws serve --store nats://127.0.0.1:1 --nats-storage tape
  assert_run 64 '' "*--nats-storage: 'tape' is not one of file|memory*"
  run3 councilws serve --store nats://127.0.0.1:1 --nats-max-age soon
  assert_run 64 '' '*--nats-max-age: *'
  COUNCILWS_NATS_MAX_BYTES=much refuses "COUNCILWS_NATS_MAX_BYTES: " --store nats://127.0.0.1:1
}

@test "a password is one line of a file" {
  refuses "nats-password-file: cannot read '$dir/none'" --store nats://127.0.0.1:1 --nats-user ann --nats-password-file "$dir/none"
  : >"$dir/empty"
  refuses "'$dir/empty' has to be one line" --store nats://127.0.0.1:1 --nats-user ann --nats-password-file "$dir/empty"
  printf 'hush\nhush\n' >"$dir/two"
  refuses "'$dir/two' has to be one line" --store nats://127.0.0.1:1 --nats-user ann --nats-password-file "$dir/two"
  head -c 2000 /dev/zero | tr '\0' h >"$dir/long"
  refuses "'$dir/long': File too large" --store nats://127.0.0.1:1 --nats-user ann --nats-password-file "$dir/long"
}

@test "what is said of a log is refused with a store that has none" {
  refuses "nats-prefix needs a store nats://HOST; the store is 'memory:'" --store memory: --nats-prefix team
  echo 'nats-max-age 1h' >"$dir/config"
  refuses "nats-max-age needs a store nats://HOST" --store "sqlite:$dir/hub.db" --config "$dir/config"
  [ ! -e "$dir/hub.db" ] || fail "the store was made"
}

@test "with a store nats:// it is this hub's own state that is looked through and copied" {
  start_hub # any store will do for a file
  make_events 5 | councilws publish a --file - >/dev/null
  stop_hub
  run3 councilws serve --check-store --store nats://127.0.0.1:1 --nats-state "$dir/hub.db"
  assert_status 0
  assert_err_empty
  [[ $out == "sqlite:$dir/hub.db is good: 1 requests, 5 events, "* ]] || fail "report"
  printf 'store nats://127.0.0.1:1\nnats-state %s\n' "$dir/hub.db" >"$dir/config"
  run3 councilws backup "$dir/copy.db" --config "$dir/config"
  assert_run 0 '' "*'$dir/copy.db' is a copy of 'sqlite:$dir/hub.db'*"
  run3 councilws backup "$dir/other.db" --store nats://127.0.0.1:1
  assert_status 66
  assert_out ""
  assert_err_has "$XDG_STATE_HOME/councilws/state.db"
}
