# Completion of councilws for fish: commands, options, their values, files, and request ids, which the hub is asked for.
# The tables of commands and options stand at the end; the build draws them from those of the command itself.
complete -c councilws -f

function __councilws_is_bare # no command yet
  test (count (commandline -opc)) -eq 1
end

function __councilws_is # COMMAND
  set -l words (commandline -opc)
  test (count $words) -ge 2; and test $words[2] = $argv[1]
end

function __councilws_at # COMMAND N or N+: the cursor is at its argument N, or there or behind it
  __councilws_is $argv[1]; or return
  set -l words (commandline -opc)
  set -l at 1
  set -l is_value 0
  for word in $words[3..-1]
    if test $is_value -eq 1
      set is_value 0
    else if contains -- $word $__councilws_valued
      set is_value 1
    else if not string match -q -- '-*' $word
      set at (math $at + 1)
    end
  end
  if string match -q -- '*+' $argv[2]
    test $at -ge (string trim -c + -- $argv[2])
  else
    test $at -eq $argv[2]
  end
end

# Ids of the newest requests; nothing where there is no hub, no right or no answer within a second.
function __councilws_request
  set -l words (commandline -opc)
  set -l hub
  set -l of_hub --url --token-file --config --cacert --cert --key
  for i in (seq 2 (count $words))
    if contains -- $words[$i] $of_hub; and test $i -lt (count $words)
      set -a hub $words[$i]=$words[(math $i + 1)]
    else if contains -- (string split -m 1 = -- $words[$i])[1] $of_hub; and string match -q -- '*=*' $words[$i]
      set -a hub $words[$i]
    end
  end
  timeout 1 $words[1] list --limit 100 -o json $hub </dev/null 2>/dev/null | string replace -rf '.*"request_id":"([^"]*)".*' '$1'
end

function __councilws_directory
  __fish_complete_directories (commandline -ct)
end

function __councilws_program
  __fish_complete_subcommand
end

