# Completion of councilws for bash: commands, options, their values, files, and request ids, which the hub is asked for.
# The tables of commands and options stand at the end; the build draws them from those of the command itself.

# Ids of the newest requests; nothing where there is no hub, no right or no answer within a second.
# $1 is the command as it was typed, the rest are the options that say which hub.
_councilws_requests() {
  local command=$1
  shift
  timeout 1 "$command" list --limit 100 -o json "$@" </dev/null 2>/dev/null | sed -n 's/.*"request_id":"\([^"]*\)".*/\1/p'
}

# Words that begin with $cur. bash has cut $cur at : and =, where it takes these to divide words: what is before them is not given again.
_councilws_offer() {
  local cut=${cur%"${cur##*[=:]}"}
  [[ $COMP_WORDBREAKS == *:* ]] || cut=${cur%"${cur##*=}"}
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
  COMPREPLY=("${COMPREPLY[@]#"$cut"}")
}

_councilws_files() { # -f or -d
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen "$1" -- "${cur##*=}")
}

_councilws_kind() { # KIND CHOICES
  case $1 in
  choice) _councilws_offer "$2" ;;
  request) _councilws_offer "$(_councilws_requests "${words[0]}" "${hub[@]}")" ;;
  type) _councilws_offer "$_councilws_types" ;;
  command) _councilws_offer "$(_councilws_table '' | sed 's/^command //')" ;;
  file) _councilws_files -f ;;
  directory) _councilws_files -d ;;
  program) mapfile -t COMPREPLY < <(compgen -c -- "$cur") ;;
  esac
}

_councilws() {
  # The words up to the cursor as the command will see them: bash's own are cut at : and =.
  local line=${COMP_LINE:0:COMP_POINT} words=() cur
  read -ra words <<<"$line"
  [[ $line != *[[:space:]] ]] || words+=("")
  cur=${words[-1]}
  COMPREPLY=()
  if [ "${#words[@]}" -eq 2 ]; then
    _councilws_offer "$(_councilws_table '' | sed 's/^command //') --help --version"
    return
  fi

  local what a b c d names=() arguments=() options=() hub=() at=0 value= i
  while read -r what a b c d; do
    case $what in
    argument) arguments+=("$a") ;;
    option)
      names+=("$a")
      options+=("$a $b $c $d")
      ;;
    esac
  done < <(_councilws_table "${words[1]}")

  # What stands before the cursor: options with their values, and so which argument it is at.
  local given= option choices=
  for ((i = 2; i < ${#words[@]} - 1; i++)); do
    if [ -n "$given" ]; then
      case $given in --url | --token-file | --config | --cacert | --cert | --key) hub+=("$given=${words[i]}") ;; esac
      given=
    elif [ "${words[i]}" = -- ]; then
      at=$((${#arguments[@]} - 1))
      break
    elif [[ ${words[i]} == --*=* ]]; then
      case ${words[i]%%=*} in --url | --token-file | --config | --cacert | --cert | --key) hub+=("${words[i]}") ;; esac
    elif [[ ${words[i]} == -* ]]; then
      for option in "${options[@]}"; do
        read -r a b c d <<<"$option"
        [[ $c != flag && (${words[i]} == "$a" || ${words[i]} == "$b") ]] && given=$a value=$c choices=$d
      done
    else
      at=$((at + 1))
    fi
  done

  if [ -n "$given" ]; then
    _councilws_kind "$value" "$choices"
  elif [[ $cur == --*=* ]]; then
    for option in "${options[@]}"; do
      read -r a b c d <<<"$option"
      [[ ${cur%%=*} == "$a" && $c != flag ]] || continue
      local whole=$cur
      cur=${cur#*=}
      _councilws_kind "$c" "$d"
      cur=$whole
    done
  elif [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "${names[*]}" -- "$cur")
  else
    [ "$at" -lt "${#arguments[@]}" ] || at=$((${#arguments[@]} - 1))
    _councilws_kind "${arguments[at]}" ""
  fi
}
complete -F _councilws councilws

