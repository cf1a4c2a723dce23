#!/bin/sh
# build.sh COUNCILWS SOURCE OUT: the completions as they are installed: the hand-written part of each shell and the tables behind it.
set -eu
mkdir -p "$3"
{ cat "$2/councilws.bash"; "$1" help --format bash; } >"$3/councilws"
{ cat "$2/councilws.zsh"; "$1" help --format zsh; echo '_councilws "$@"'; } >"$3/_councilws"
{ cat "$2/councilws.fish"; "$1" help --format fish; } >"$3/councilws.fish"
