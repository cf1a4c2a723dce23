# complete.zsh FOLDER LINE DUMP: what zsh's completion offers at the end of LINE, one a line. A zsh in a terminal of its own (zpty) completes; what it would
# add is caught where every offer passes, in compadd. DUMP keeps what compinit found, for the next call.
zmodload zsh/zpty || exit 1
worker() {
  PROMPT= RPROMPT= PS2=
  unsetopt beep
  autoload -Uz compinit
  fpath=($1 $fpath)
  compinit -u -C -d $2
  zstyle ':completion:*' list-prompt ''
  compadd() {
    # Only lists words (and not into an array for somebody's own use).
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
      builtin compadd "$@"
      return
    fi
    local -a offered
    builtin compadd -O offered "$@"
    for word in $offered; do print -r -- "offered:$word"; done
    builtin compadd "$@"
  }
  complete_and_end() {
    zle complete-word
    print -r -- "end-of-offers"
    exit
  }
  zle -N complete_and_end
  bindkey '^X' complete_and_end
  bindkey '^I' complete_and_end
  print -r -- "ready-for-line"
}
zpty z "TERM=dumb zsh -f -i"
zpty -w z "$(functions worker); worker $1 $3"
read_until() {
  local line all=
  while zpty -r z line; do
    all+=$line
    [[ $line == *$1* && $line != *print* ]] && break
  done
  print -r -- $all
}
read_until ready-for-line >/dev/null
zpty -n -w z "$2"$'\t'
read_until end-of-offers | tr -d '\r' | sed -n 's/.*offered:\([^ ]*\).*/\1/p' | sort -u
zpty -d z
