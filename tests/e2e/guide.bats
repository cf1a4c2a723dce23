#!/usr/bin/env bats
# The recipes of docs/guide.md, taken out of the page and run as they stand there. $INSTALLED_FROM is a build to be installed.

load ../cli/common

setup() {
  common_setup
  mkdir "$dir/bin" "$dir/work"
  ln -s "$COUNCILWS" "$dir/bin/councilws"
  ln -s /usr/bin/python3 "$dir/bin/python3" # the one whose modules are packages
  PATH=$dir/bin:$PATH
  cd "$dir/work" || return 1
  # Each block that has a file's name behind its language.
  awk '/^```[a-z]+ [a-z_.]+$/ { file = $2; next } /^```$/ { file = ""; next } file != "" { print >file }' "$ROOT/docs/guide.md"
}

@test "every recipe is there, and no other file" {
  [ "$(ls | paste -sd' ')" = \
    "build.sh ci.sh council.sh hub_inside.c job.sh member.sh wait.sh watch.js watch.py watch.sh" ] || fail "$(ls)"
}

@test "a CI job: its steps are subtasks, its status is the job's, for who waits too" {
  start_hub
  export CI_JOB_ID=7
  run3 sh ci.sh
  assert_run 0 '*"subtaskId": "test", "status": "completed"*' ''
  run3 sh wait.sh
  assert_run 0 '*2 and 2 is 4*' ''
  councilws status ci-7 -o json >"$dir/status"
  [ "$(jq -c '[.status, .subtasks.total, .subtasks.done]' "$dir/status")" = '["completed",2,2]' ] || fail "$(cat "$dir/status")"
  CI_JOB_ID=8
  EXPECTED=5 run3 sh ci.sh
  assert_run 1 '*2 and 2 is 4*' ''
  run3 sh wait.sh
  assert_run 1 '*2 and 2 is 4*' ''
}

@test "a CI job without its hub ends as ever, and is sent as the page says" {
  export CI_JOB_ID=9
  COUNCILWS_URL=http://127.0.0.1:1 run3 sh ci.sh
  assert_run 0 '*"subtaskId": "test", "status": "completed"*' "*are kept in '.spool/ci-9.spool'*"
  start_hub
  run3 councilws publish "ci-$CI_JOB_ID" --spool .spool
  assert_run 0 $'1\n*' ''
  [ "$(councilws status ci-9 -o json | jq -r .status)" = completed ] || fail "sent"
}

@test "agents in parallel: all are waited for, what they answered is put together, and one that fails is told of" {
  start_hub
  run3 bash council.sh move-1
  assert_run 0 '*as to users: go ahead*' '?(*had already ended (completed))'
  [ "$(sort answers)" = $'as to costs: go ahead\nas to risks: go ahead\nas to users: go ahead' ] || fail "$(cat answers)"
  run3 councilws watch --from start move-1 move-1.costs move-1.risks move-1.users
  assert_run 0 '*as to costs: go ahead*' ''
  sed -i '2a [ "$1" != risks ] || exit 4' member.sh
  run3 bash council.sh move-2
  assert_run 1 '*exit_code=4*' '?(*had already ended*)'
  run3 councilws watch move-2
  assert_run 1 '*not every member has answered*' ''
}

@test "a hub inside a C program is built as the page says, serves the command, and drains at SIGTERM" {
  cmake --install "$INSTALLED_FROM" --prefix "$dir/usr" >/dev/null
  lib=$(dirname "$(dirname "$(find "$dir/usr" -name councilws.pc)")")
  # The page's commands are for an installation in the usual place.
  printf '#!/bin/sh\nexec %s --define-variable=prefix="%s" "$@"\n' "$(command -v pkg-config)" "$dir/usr" >"$dir/bin/pkg-config"
  printf '#!/bin/sh\nexec %s %s "$@"\n' "$(command -v cc)" "${CFLAGS_EXTRA-}" >"$dir/bin/cc"
  chmod +x "$dir/bin/pkg-config" "$dir/bin/cc"
  export PKG_CONFIG_PATH=$lib/pkgconfig LD_LIBRARY_PATH=$lib
  run3 sh build.sh
  assert_run 0 '' ''
  run3 ./hub_inside none
  assert_run 1 '' "hub_inside: *none*"
  openssl rand -hex 32 >secret
  mkfifo "$dir/url"
  ./hub_inside secret >"$dir/url" 2>"$dir/err" 3>&- &
  program=$!
  read -r -t 20 COUNCILWS_URL <"$dir/url"
  COUNCILWS_TOKEN=$(councilws token --secret-file secret --sub me --admin)
  export COUNCILWS_URL COUNCILWS_TOKEN
  run3 councilws publish r final_response
  assert_run 0 1 ''
  kill -TERM "$program"
  wait "$program" || fail "hub_inside: $(cat "$dir/err")"
}

@test "stock clients, Python and Node: each sees all of a run in order, and a second time only what is new" {
  start_hub
  councilws publish sample --file "$ROOT/docs/examples/council-run.ndjson" >/dev/null
  run3 sh watch.sh sample
  assert_status 0
  assert_err_empty
  [ "$(cut -d' ' -f1 "$dir/out" | paste -sd,)" = "$(seq 24 | paste -sd,),$(seq 24 | paste -sd,)" ] || fail "ids"
  diff <(jq -c .data "$ROOT/docs/examples/council-run.ndjson") <(tail -n 24 "$dir/out" | cut -d' ' -f3- | jq -c .) || fail "data"
  councilws publish sample final_response again:=true >/dev/null
  run3 sh watch.sh sample
  assert_status 0
  assert_err_empty
  [ "$(cut -d' ' -f1,2 "$dir/out")" = $'25 final_response\n25 final_response' ] || fail "what is new"
}

@test "stock clients come back when the hub does" {
  start_hub
  port=$(hub_port)
  token=$(councilws token --sub ann --subscribe '*')
  for client in "python3 watch.py" "node watch.js"; do
    r=${client%% *}
    councilws publish "$r" log >/dev/null
    rm -f "$dir/seen"
    COUNCILWS_TOKEN=$token $client "$COUNCILWS_URL" "$r" >"$dir/seen" 2>/dev/null 3>&- &
    watcher=$!
    wait_for "$dir/seen" '^1 log'
    stop_hub -KILL
    start_hub_on "127.0.0.1:$port"
    councilws publish "$r" final_response >/dev/null
    timeout 60 tail --pid="$watcher" -f /dev/null
    wait "$watcher" || fail "$client"
    [ "$(tail -n 1 "$dir/seen" | cut -d' ' -f1,2)" = "2 final_response" ] || fail "$client: $(cat "$dir/seen")"
  done
}

@test "stock clients that may not watch say so and end" {
  start_hub
  councilws publish r log >/dev/null
  for client in "python3 watch.py" "node watch.js"; do
    COUNCILWS_TOKEN=none run3 timeout 20 $client "$COUNCILWS_URL" r
    assert_run 1 '' '*401*'
  done
}
