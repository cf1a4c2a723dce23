#!/bin/sh
# build.sh COUNCILWS DOCS INCLUDE GENERATED OUT: the man pages. What the command's tables say comes from the command itself, what the library's
# pages say from its headers, councilws-protocol(7) from protocol.md; the rest is written by hand in this folder. The headers are in INCLUDE and GENERATED.
set -eu
councilws=$1 docs=$2 include=$3 generated=$4 out=$5
man=$docs/man
mkdir -p "$out"
rm -f "$out"/*.[1357]
date='.Dd November 27, 2026'

# Hand-written sections of a page, if there are any.
by_hand() {
  [ ! -f "$man/$1" ] || grep -v '^\.\\"' "$man/$1"
}

# ---- commands ----
"$councilws" help --format man | awk -v by_hand="$man/councilws.mdoc" '
  /^\.Sh EXIT STATUS/ { while ((getline line <by_hand) > 0 && line != ".Sh EXAMPLES") print line }
  { print }
  END { print line; while ((getline line <by_hand) > 0) print line }' >"$out/councilws.1"
for command in $("$councilws" help --format names); do
  {
    "$councilws" help --format man "$command"
    by_hand "councilws-$command.mdoc"
    printf '.Sh SEE ALSO\n.Xr councilws 1 ,\n.Xr councilws-config 5\n'
  } >"$out/councilws-$command.1"
done

# ---- settings, protocol ----
sed "/^\.\\\\\" SETTINGS\$/ {
  r /dev/stdin
  d
}" "$man/councilws-config.mdoc" >"$out/councilws-config.5" <<END
$("$councilws" help --format settings)
END
{
  printf '%s\n.Dt COUNCILWS-PROTOCOL 7\n.Os\n.Sh NAME\n.Nm councilws-protocol\n.Nd what a hub and its clients say to each other\n' "$date"
  printf '.Sh DESCRIPTION\n'
  awk -f "$man/text.awk" -f "$man/protocol.awk" "$docs/protocol.md"
  printf '.Sh SEE ALSO\n.Xr councilws 1 ,\n.Xr libcouncilws 3\n'
} >"$out/councilws-protocol.7"

# ---- the library ----
pages=
for header in "$include"/councilws/*.h "$generated"/councilws/*.h; do
  name=$(basename "$header" .h)
  upper=$(echo "$name" | tr a-z A-Z)
  {
    printf '%s\n.Dt COUNCILWS_%s 3\n.Os\n.Sh NAME\n.Nm councilws_%s\n.Nd the header councilws/%s.h of libcouncilws\n' \
      "$date" "$upper" "$name" "$name"
    printf '.Sh SYNOPSIS\n.In councilws/%s.h\n.Sh DESCRIPTION\n' "$name"
    awk -f "$man/text.awk" -f "$man/header.awk" "$header" | awk '
      # A paragraph break before a heading or at the end is none.
      /^\.Pp$/ { held = 1; next }
      { if (held && $0 !~ /^\.(Ss|Sh|Bd)/) print ".Pp"; held = 0; print }'
    printf '.Sh SEE ALSO\n.Xr libcouncilws 3\n'
  } >"$out/councilws_$name.3"
  # Each function is found under its own name.
  sed -n 's/^CWS_API .*[ *]\(cws_[a-z_0-9]*\)(.*/\1/p' "$header" | while read -r function; do
    printf '.so man3/councilws_%s.3\n' "$name" >"$out/$function.3"
  done
  pages="$pages$name
"
done
sed "/^\.\\\\\" HEADERS\$/ {
  r /dev/stdin
  d
}" "$man/libcouncilws.mdoc" >"$out/libcouncilws.3" <<END
$(printf '%s' "$pages" | sed '/^$/d; s/\(.*\)/.It In councilws\/\1.h\n.Xr councilws_\1 3/')
END
