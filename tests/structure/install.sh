#!/usr/bin/env bash
# install.sh BUILD ROOT: installs into a directory of its own and builds an example against it, with pkg-config and with CMake.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cmake --install "$1" --prefix "$dir/usr" >/dev/null
lib=$(dirname "$(find "$dir/usr" -name councilws.pc)")/..
CFLAGS_EXTRA=${CFLAGS_EXTRA-}

# A program without its arguments says how it is used and exits 64.
says_usage() {
  local status=0
  "$@" 2>"$dir/said" || status=$?
  [ "$status" -eq 64 ] && grep -q "^usage: " "$dir/said"
}

# The .pc file names the prefix that was configured; an installed copy elsewhere is told its own.
export PKG_CONFIG_PATH=$lib/pkgconfig
cc -std=c11 -D_POSIX_C_SOURCE=200809L $CFLAGS_EXTRA "$2/docs/examples/follow.c" -o "$dir/follow" \
  $(pkg-config --define-variable=prefix="$dir/usr" --cflags --libs councilws)
LD_LIBRARY_PATH=$lib says_usage "$dir/follow"

mkdir "$dir/project"
cat >"$dir/project/CMakeLists.txt" <<EOF
cmake_minimum_required(VERSION 3.25)
project(example LANGUAGES C)
find_package(councilws REQUIRED)
add_executable(follow $2/docs/examples/follow.c)
target_compile_options(follow PRIVATE $CFLAGS_EXTRA)
target_link_options(follow PRIVATE $CFLAGS_EXTRA)
target_link_libraries(follow councilws::councilws)
EOF
cmake -S "$dir/project" -B "$dir/project/build" -DCMAKE_PREFIX_PATH="$dir/usr" >/dev/null
cmake --build "$dir/project/build" >/dev/null
says_usage "$dir/project/build/follow"

LD_LIBRARY_PATH=$lib "$dir/usr/bin/councilws" --version

# The systemd units; the service starts the command that was configured.
grep -q '^ExecStart=/.*/bin/councilws serve$' "$dir/usr/lib/systemd/system/councilws.service"
test -f "$dir/usr/lib/systemd/system/councilws.socket"

# Manuals and completions.
share=$dir/usr/share
for file in man/man1/councilws.1 man/man1/councilws-watch.1 man/man3/libcouncilws.3 man/man3/cws_follow_start.3 man/man5/councilws-config.5 \
  man/man7/councilws-protocol.7 bash-completion/completions/councilws fish/vendor_completions.d/councilws.fish; do
  test -s "$share/$file" || { echo "not installed: $file" >&2; exit 1; }
done
find "$share/zsh" -name _councilws | grep -q .
