#!/usr/bin/env bats
# One table of options: what --help says, the man pages, the completions, the configuration file and docs/configuration.md have the same
# commands and options. And the man pages are well-formed.

load common

commands() {
  councilws help --format names
}

# Options of a command by each reader, sorted, as "--name".
options_of_help() {
  councilws help "$1" | sed -nE 's/^ +(-[a-zA-Z], )?(--[a-z0-9-]+).*/\2/p' | sort
}

options_of_manual() {
  sed -nE 's/^\.It (Fl [a-zA-Z] , )?Fl (-[a-z0-9-]+).*/-\2/p' "$MANUALS/councilws-$1.1" | sort
}

options_of_bash() {
  bash -c '. "$1"; _councilws_table "$2"' _ "$COMPLETIONS/councilws" "$1" | sed -n 's/^option \(--[^ ]*\) .*/\1/p' | sort
}

options_of_zsh() {
  zsh -f -c 'eval "$(sed "\$d" "$1/_councilws")"; _councilws_table "$2"; print -rl -- $specs' _ "$COMPLETIONS" "$1" |
    sed -nE 's/^[^[]*(--[a-z0-9-]+)=?\[.*/\1/p' | sort
}

options_of_fish() {
  sed -nE "s/^complete -c councilws -n '__councilws_is $1' -l ([a-z0-9-]+) .*/--\\1/p" "$COMPLETIONS/councilws.fish" | sort
}

@test "help, man page and completions of every command have the same options" {
  [ "$(commands | wc -l)" -ge 10 ] || fail "commands"
  for command in $(commands); do
    help=$(options_of_help "$command")
    [[ $help == *--config* && $help == *--version* ]] || fail "help of $command"
    for reader in manual bash zsh fish; do
      out=$("options_of_$reader" "$command")
      [ "$out" = "$help" ] || fail "$reader of $command has other options than its help:" "$(diff <(echo "$help") <(echo "$out"))"
    done
  done
}

@test "each command has a man page, which the overview names" {
  for command in $(commands); do
    grep -q "^\.Xr councilws-$command 1\|^\.It Xr councilws-$command 1" "$MANUALS/councilws.1" || fail "$command"
    grep -q "^\.Nm councilws-$command$" "$MANUALS/councilws-$command.1" || fail "$command"
  done
}

@test "each public header and each of its functions has a man page" {
  for header in "$ROOT"/lib/include/councilws/*.h; do
    grep -q "^\.In councilws/$(basename "$header")" "$MANUALS/councilws_$(basename "$header" .h).3" || fail "$header"
  done
  # What the library exports, by the same headers.
  for function in cws_follow_start cws_duration_format cws_server_new cws_client_loop cws_version; do
    grep -q "^\.so man3/councilws_" "$MANUALS/$function.3" || fail "$function"
  done
}

@test "the man pages are well-formed" {
  cd "$MANUALS"
  run3 mandoc -T lint councilws*.[1357] libcouncilws.3
  assert_out ""
  assert_err_empty
  assert_status 0
}

@test "docs/configuration.md, councilws-config(5) and the configuration file list the same settings" {
  run3 councilws help --format md
  assert_status 0
  assert_err_empty
  markdown=$out
  file=$(sed -n '/^<!-- settings:/,/^<!-- end of settings/p' "$ROOT/docs/configuration.md" | sed '1d;$d')
  [ "$file" = "$markdown" ] || fail "docs/configuration.md is not up to date: sh docs/settings.sh COUNCILWS"
  names=$(sed -nE 's/^\| `([a-z0-9-]+).*/\1/p' <<<"$markdown" | sort)
  [ "$(wc -l <<<"$names")" -ge 30 ] || fail "settings"
  [ "$(sed -nE 's/^\.It Ic ([a-z0-9-]+).*/\1/p' "$MANUALS/councilws-config.5" | sort)" = "$names" ] || fail "councilws-config(5)"
  [ "$(councilws help --format config | sed -nE 's/^#([a-z0-9-]+).*/\1/p' | sort)" = "$names" ] || fail "configuration file"
}

@test "the configuration file sets nothing as it is, and every line of it can be set" {
  councilws help --format config >"$dir/config"
  run3 councilws token --config "$dir/config" --help
  assert_run 0 '*Without --subscribe, --publish and --admin it is a plain login token:*' ''
  ! grep -q '^[^#]' "$dir/config" || fail "a line is not commented"
  start_hub
  sed -nE 's/^#([a-z0-9-]+ [a-z0-9:/.]+)$/\1/p' "$dir/config" | grep -v '^url\|^listen' >"$dir/all" # those with a default
  [ "$(wc -l <"$dir/all")" -ge 15 ] || fail "defaults"
  run3 councilws list --config "$dir/all"
  assert_status 0
  assert_out ""
  assert_err_empty
}
