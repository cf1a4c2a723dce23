# terminal: what .bats files load behind common to try a command as a person would: in a pane of tmux, keys and all.

setup() {
  common_setup
  command -v tmux >/dev/null || fail "tmux is missing: ./check installs it"
  panes=0
  pane_socket=$dir/tmux.0
}

teardown() {
  end_server
  common_teardown
}

end_server() {
  tmux_ kill-server 2>/dev/null || true
}

tmux_() {
  env -u TMUX LC_ALL=C.UTF-8 tmux -u -S "$pane_socket" -f /dev/null "$@"
}

# A server of its own for each pane, since one that ends takes its time.
new_server() {
  end_server
  panes=$((panes + 1))
  pane_socket=$dir/tmux.$panes
}

# open_pane WxH SCRIPT: instead of the pane there was, runs the bash script in a pane of that size; when it is through, "status=N" and how the terminal
# was left ("echo" when it is in order) stand there, and the pane stays.
open_pane() {
  new_server
  printf '%s\n' 'councilws() { "$COUNCILWS" "$@"; }' "$2" 'echo "status=$?"' \
    'stty -a | grep -qw -- -icanon && echo "left raw" || echo "left in order"' 'sleep 600' >"$dir/script"
  tmux_ new-session -d -x "${1%x*}" -y "${1#*x}" -e "COUNCILWS=$COUNCILWS" -e "dir=$dir" -e "ROOT=$ROOT" \
    -e "COUNCILWS_URL=$COUNCILWS_URL" -e "XDG_STATE_HOME=$XDG_STATE_HOME" "exec bash --norc '$dir/script'"
}

# open_shell WxH: an interactive shell instead.
open_shell() {
  new_server
  tmux_ new-session -d -x "${1%x*}" -y "${1#*x}" -e "COUNCILWS=$COUNCILWS" \
    -e "COUNCILWS_URL=$COUNCILWS_URL" -e "XDG_STATE_HOME=$XDG_STATE_HOME" "exec bash --norc -i"
}

# What stands there, without blank lines at the end.
pane() {
  tmux_ capture-pane -p "$@"
}

press() {
  tmux_ send-keys "$@"
}

# wait_for_pane PATTERN: until a line of it matches; at most 20 s.
wait_for_pane() {
  local end=$((SECONDS + 20))
  until pane | grep -q -- "$1"; do
    [ "$SECONDS" -lt "$end" ] || fail "no line like '$1' in the pane:" "$(pane)"
    sleep 0.05
  done
}

assert_pane_has() {
  pane | grep -q -- "$1" || fail "no line like '$1' in the pane:" "$(pane)"
}

assert_pane_lacks() {
  ! pane | grep -q -- "$1" || fail "a line like '$1' in the pane:" "$(pane)"
}
