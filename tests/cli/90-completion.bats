#!/usr/bin/env bats
# Completions, each in its own shell, as they are installed: what it offers at the end of a line.

load common

setup() {
  common_setup
  mkdir "$dir/bin" # the command is found by its name, as people type it
  ln -s "$COUNCILWS" "$dir/bin/councilws"
  PATH=$dir/bin:$PATH
  cd "$dir" || return
}

# offers_SHELL LINE: the words that are offered, one a line, sorted.
offers_bash() {
  bash --norc -c '
    . "$1/councilws"
    COMP_LINE=$2 COMP_POINT=${#2} COMP_TYPE=9
    read -ra COMP_WORDS <<<"$2"
    [[ $2 != *" " ]] || COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _councilws councilws "${COMP_WORDS[-1]}" ""
    [ ${#COMPREPLY[@]} -eq 0 ] || printf "%s\n" "${COMPREPLY[@]}"' _ "$COMPLETIONS" "$1" | sort
}

# In a terminal of zsh's own: Tab lists what there is, each on a line, between two marks.
offers_zsh() {
  zsh -f "$ROOT/tests/cli/complete.zsh" "$COMPLETIONS" "$1" "$BATS_FILE_TMPDIR/zsh" | sort
}

offers_fish() {
  XDG_DATA_HOME=$dir/share fish --no-config -c 'source $argv[1]/councilws.fish; complete -C $argv[2]' \
    "$COMPLETIONS" "$1" | cut -f 1 | sort
}

# assert_offers LINE WORD …: in each shell exactly these.
assert_offers() {
  local line=$1 shell
  shift
  for shell in bash zsh fish; do
    status=0
    out=$("offers_$shell" "$line" 2>"$dir/err") || status=$?
    err=$(cat "$dir/err")
    assert_err_empty
    [ "$out" = "$(printf '%s\n' "$@" | sort)" ] || fail "$shell at '$line' should offer: $*"
  done
}

@test "commands are completed, those of the table" {
  assert_offers "councilws wa" watch
  assert_offers "councilws help sta" status
  for shell in bash zsh fish; do
    out=$("offers_$shell" "councilws " | grep -v '^-')
    [ "$out" = "$(councilws help --format names | sort)" ] || fail "$shell"
  done
}

@test "options are completed, and the choices of an option" {
  assert_offers "councilws watch --un" --until
  assert_offers "councilws watch --no-" --no-ack --no-follow
  assert_offers "councilws watch r -o j" json
  assert_offers "councilws watch --on-gap " fail warn
}

@test "the event's type is completed behind the request, and as an option's value" {
  assert_offers "councilws publish r final" final_response
  assert_offers "councilws watch r --until err" error
}

@test "files are completed where a file is meant" {
  touch "$dir/events.ndjson"
  assert_offers "councilws publish r --file eve" events.ndjson
  assert_offers "councilws backup eve" events.ndjson
}

@test "the hub is asked for request ids" {
  start_hub
  councilws publish build-42 log >/dev/null
  councilws publish build-43 log >/dev/null
  councilws publish other log >/dev/null
  assert_offers "councilws watch build" build-42 build-43
  assert_offers "councilws watch build-42 o" other
  assert_offers "councilws status " build-42 build-43 other
  url=$COUNCILWS_URL
  unset COUNCILWS_URL
  assert_offers "councilws watch --url $url ot" other
}

@test "a request id with a colon is completed in bash from the last colon on" {
  start_hub
  councilws publish team:build:1 log >/dev/null
  out=$(offers_bash "councilws watch team:bu")
  [ "$out" = "build:1" ] || fail "colon"
}

@test "no hub: nothing is offered, nothing is said, and it does not take long" {
  COUNCILWS_URL=http://127.0.0.1:1
  export COUNCILWS_URL
  began=$EPOCHSECONDS
  assert_offers "councilws watch bu" ""
  [ $((EPOCHSECONDS - began)) -lt 20 ] || fail "too long"
}
