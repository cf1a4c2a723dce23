#compdef councilws
# Completion of councilws for zsh: commands, options, their values, files, and request ids, which the hub is asked for.
# The build draws the tables of commands and options behind this from those of the command itself, and then calls _councilws.

# Ids of the newest requests; nothing where there is no hub, no right or no answer within a second.
_councilws_request() {
  local -a ids hub
  local i
  for ((i = 1; i < CURRENT; i++)); do # which hub
    case $words[i] in
    --url=*|--token-file=*|--config=*|--cacert=*|--cert=*|--key=*) hub+=($words[i]) ;;
    --url|--token-file|--config|--cacert|--cert|--key) hub+=($words[i]=$words[i+1]) ;;
    esac
  done
  ids=(${(f)"$(timeout 1 $_councilws_command_word list --limit 100 -o json $hub </dev/null 2>/dev/null |
    sed -n 's/.*"request_id":"\([^"]*\)".*/\1/p')"})
  compadd -a ids
}
_councilws_file() { _files }
_councilws_directory() { _files -/ }
_councilws_program() { _normal }

_councilws() {
  local curcontext=$curcontext state line _councilws_command_word=${~words[1]}
  local -a specs
  _arguments -C '(- *)--help[print help and exit]' '(- *)--version[print the version and exit]' \
    '1: :_councilws_command' '*:: :->rest'
  [[ $state == rest ]] || return
  _councilws_table $words[1]
  _arguments -s $specs
}

