#!/bin/sh
# settings.sh COUNCILWS: draws the list of settings in docs/configuration.md anew from the tables of that command.
set -eu
file=$(dirname "$0")/configuration.md
{
  sed '/^<!-- settings:/q' "$file"
  "$1" help --format md
  sed -n '/^<!-- end of settings/,$p' "$file"
} >"$file.new"
mv "$file.new" "$file"
